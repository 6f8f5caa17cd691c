//! Finalizing an order, once.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::error::{Delivery, Error, Refusal, Violation};
use crate::flow::{Flow, Input, Operation, Step};
use crate::limits;
use crate::order::{Order, OrderStatus};
use crate::part::{Cx, Progress, ready};
use crate::poll::Poll;
use crate::problem::{Problem, ProblemKind};
use crate::session::Session;

/// Takes an order from `ready` or `processing` to `valid`.
///
/// The CSR is sent at most once with success: after a lost response or a refusal the order is
/// read and its status believed, and only an order that is still `ready` gets the CSR again. An
/// order that is already `valid` is left as it is.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct Finalize {
    csr: Vec<u8>,
    least_wait: Duration,
    tries: u32,
    url: Box<str>,
    /// What the request has beside the CSR.
    members: Map<String, Value>,
    state: State,
}

enum State {
    Decide(Box<Order>),
    Send(Call<Order>),
    /// What became of a CSR whose answer was lost, or refused?
    Settle(Call<Order>, Box<Error>),
    Process(Box<Poll<Order>>),
}

impl Finalize {
    /// Prepares to finalize an order with a DER-encoded CSR.
    pub fn new(order: Order, csr: &[u8]) -> Self {
        Self {
            csr: csr.to_vec(),
            least_wait: Duration::ZERO,
            tries: 0,
            url: order.url.clone().into(),
            members: Map::new(),
            state: State::Decide(Box::new(order)),
        }
    }

    /// Never waits less than this between two looks at the order.
    pub fn at_least(self, wait: Duration) -> Self {
        Self { least_wait: wait, ..self }
    }

    /// Sends more than the CSR.
    pub(crate) fn with_members(self, members: Map<String, Value>) -> Self {
        Self { members, ..self }
    }

    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Order>, Error> {
        loop {
            match &mut self.state {
                State::Decide(order) => {
                    if order.status == OrderStatus::Valid {
                        return Ok(Progress::Ready((**order).clone()));
                    }
                    let order = order.clone();
                    self.state = self.decide(cx, &order)?;
                }
                State::Send(call) => match call.poll(cx) {
                    // The URL of the response may be that of finalize: the order's is known.
                    Ok(progress) => {
                        let order = Order { url: self.url.to_string(), ..ready!(progress) };
                        self.state = self.sent(order);
                    }
                    Err(error) if needs_settling(&error) => {
                        self.state = State::Settle(Order::read(&self.url), Box::new(error));
                    }
                    Err(error) => return Err(error),
                },
                State::Settle(call, error) => {
                    let order = ready!(call.poll(cx)?);
                    if !may_go_on(&order, error, self.tries) {
                        let unsettled = State::Decide(Box::new(order));
                        let State::Settle(_, error) = core::mem::replace(&mut self.state, unsettled) else {
                            continue;
                        };
                        return Err(*error);
                    }
                    self.state = State::Decide(Box::new(order));
                }
                State::Process(poll) => self.state = State::Decide(Box::new(ready!(poll.poll(cx)?))),
            }
        }
    }

    /// An order that is `ready` after a CSR was taken may be one that was read too early.
    fn sent(&self, order: Order) -> State {
        if order.status != OrderStatus::Ready {
            return State::Decide(Box::new(order));
        }
        let violation = Violation::Status(order.status.to_string());
        let error = Error::protocol(Operation::Finalize, violation);
        State::Settle(Order::read(&self.url), Box::new(error))
    }

    fn decide(&mut self, cx: &mut Cx<'_>, order: &Order) -> Result<State, Error> {
        match &order.status {
            OrderStatus::Ready if self.tries < limits::MAX_SETTLED_TRIES => {
                self.tries += 1;
                let url = order.finalize.as_deref();
                let url =
                    url.ok_or_else(|| Error::protocol(Operation::Order, Violation::Member("finalize")))?;
                Ok(State::Send(Order::finalize_with(url, &self.csr, self.members.clone())))
            }
            OrderStatus::Processing => {
                let poll = Order::poll(&self.url).at_least(self.least_wait);
                Ok(State::Process(Box::new(poll.after(cx.session, order.retry_after)?)))
            }
            OrderStatus::Invalid => Err(order_refusal(order).into()),
            OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Other(_) => {
                Err(Error::protocol(Operation::Finalize, Violation::Status(order.status.to_string())))
            }
        }
    }
}

impl Flow for Finalize {
    type Context = Session;
    type Output = Order;

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<Order>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        Ok(Step::Done(ready!(self.poll(&mut cx)?)))
    }
}

impl fmt::Debug for Finalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finalize").field("order", &self.url).finish_non_exhaustive()
    }
}

/// The refusal that an invalid order is.
pub(crate) fn order_refusal(order: &Order) -> Refusal {
    let problem = order.error.clone().unwrap_or_else(|| Problem {
        detail: Some("the order is invalid, without a reason".to_string()),
        ..Problem::from_status(403)
    });
    Refusal::new(Operation::Order, problem)
}

/// Tells whether the order says more than the error does.
fn may_go_on(order: &Order, error: &Error, tries: u32) -> bool {
    match order.status {
        OrderStatus::Ready => !is_final(error) && tries < limits::MAX_SETTLED_TRIES,
        OrderStatus::Invalid => order.error.is_some(),
        OrderStatus::Processing | OrderStatus::Valid => true,
        OrderStatus::Pending | OrderStatus::Other(_) => false,
    }
}

/// Tells whether an error leaves open whether the order was finalized.
fn needs_settling(error: &Error) -> bool {
    match error {
        Error::Problem(_) | Error::Protocol(_) => true,
        Error::Transport { operation, source } => {
            *operation == Operation::Finalize && source.delivery == Delivery::Unknown
        }
        Error::Cancelled
        | Error::KeyInUse(_)
        | Error::KeyUnsettled(_)
        | Error::Misuse(_)
        | Error::Sign(_)
        | Error::Solver { .. }
        | Error::Store(_)
        | Error::Unfinished(_) => false,
    }
}

/// Tells whether sending the same CSR again is of no use.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Problem(refusal) => {
            let is_passing = refusal.is_temporary() && refusal.retry_after.is_none();
            refusal.problem.kind != ProblemKind::OrderNotReady && !is_passing
        }
        Error::Protocol(_) => false,
        Error::Transport { source, .. } => !source.is_temporary(),
        Error::Cancelled
        | Error::KeyInUse(_)
        | Error::KeyUnsettled(_)
        | Error::Misuse(_)
        | Error::Sign(_)
        | Error::Solver { .. }
        | Error::Store(_)
        | Error::Unfinished(_) => true,
    }
}
