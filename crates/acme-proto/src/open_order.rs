//! Making an order, or finding the one that an interrupted issuance made.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::account::Account;
use crate::call::{Call, Request, Target};
use crate::checkpoint::Intent;
use crate::error::{Delivery, Error, Misuse};
use crate::flow::Operation;
use crate::limits;
use crate::order::{Order, OrderStatus, OrdersPage};
use crate::part::{Cx, Progress, ready};
use crate::round::{Round, RoundEnd};

/// Makes an order; nonces that its authorizations will need are fetched beside it.
///
/// After a lost response the order may exist: it is looked for in the account's list, and only
/// where it can't be found the request is sent again.
pub(crate) struct OpenOrder {
    state: State,
    tries: u32,
}

enum State {
    Find(Box<FindOrder>),
    Create(Round<Opening>),
}

/// What the calls of the first round end in.
enum Opening {
    Order(Box<Order>),
    Nonce,
}

impl OpenOrder {
    /// For an issuance that begins.
    pub(crate) fn create(cx: &mut Cx<'_>, intent: &Intent) -> Self {
        Self { state: State::Create(create(cx, intent)), tries: 1 }
    }

    /// For an issuance whose newOrder may have been sent before.
    pub(crate) fn find() -> Self {
        Self { state: State::Find(Box::default()), tries: 0 }
    }

    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>, intent: &Intent) -> Result<Progress<Order>, Error> {
        loop {
            match &mut self.state {
                State::Find(find) => {
                    if let Some(order) = ready!(find.poll(cx, intent)?) {
                        return Ok(Progress::Ready(order));
                    }
                    self.tries += 1;
                    self.state = State::Create(create(cx, intent));
                }
                State::Create(round) => {
                    let mut outcomes = ready!(round.poll(cx)?).into_iter();
                    match outcomes.next().flatten() {
                        Some(Ok(Opening::Order(order))) => return Ok(Progress::Ready(*order)),
                        Some(Err(error)) if self.may_look_for_it(&error) => {
                            self.state = State::Find(Box::default())
                        }
                        Some(Err(error)) => return Err(error),
                        Some(Ok(Opening::Nonce)) | None => return Err(Misuse::Input.into()),
                    }
                }
            }
        }
    }

    fn may_look_for_it(&self, error: &Error) -> bool {
        let is_lost = matches!(
            error,
            Error::Transport { operation: Operation::NewOrder, source }
                if source.delivery == Delivery::Unknown && source.is_temporary()
        );
        is_lost && self.tries < limits::MAX_SETTLED_TRIES
    }
}

fn create(cx: &mut Cx<'_>, intent: &Intent) -> Round<Opening> {
    let order = Call::new(Order::create_request(intent), |reply| {
        Ok(Opening::Order(Box::new(Order::decode_new(reply)?)))
    });
    let wanted = intent.identifiers.len().min(cx.session.width()).saturating_sub(1);
    let missing = wanted.saturating_sub(cx.session.nonce_count(cx.now).saturating_sub(1));
    let nonces = (0..missing)
        .map(|_| Call::new(Request::head(Operation::NewNonce, Target::NewNonce), |_| Ok(Opening::Nonce)));
    Round::new(core::iter::once(order).chain(nonces), cx.session.width(), RoundEnd::First)
}

/// Looks through the account's list of orders, where the CA has one.
struct FindOrder {
    state: FindState,
    pages: u32,
    urls: VecDeque<String>,
}

enum FindState {
    Account(Call<Account>),
    Page(Call<OrdersPage>),
    Orders(Round<Order>),
}

impl Default for FindOrder {
    fn default() -> Self {
        Self { state: FindState::Account(Account::read()), pages: 0, urls: VecDeque::new() }
    }
}

impl FindOrder {
    fn poll(&mut self, cx: &mut Cx<'_>, intent: &Intent) -> Result<Progress<Option<Order>>, Error> {
        loop {
            match &mut self.state {
                FindState::Account(call) => {
                    let account = ready!(if_offered(call.poll(cx))?);
                    match account.and_then(|account| account.orders) {
                        Some(url) => self.state = FindState::Page(OrdersPage::read(&url)),
                        None => return Ok(Progress::Ready(None)),
                    }
                }
                FindState::Page(call) => {
                    let Some(page) = ready!(if_offered(call.poll(cx))?) else {
                        return Ok(Progress::Ready(None));
                    };
                    self.state = self.turn_page(cx, page);
                }
                FindState::Orders(round) => {
                    let found = ready!(round.poll(cx)?)
                        .into_iter()
                        .filter_map(|outcome| outcome?.ok())
                        .find(|order| is_unfinished(order) && order.fits(intent, cx.now));
                    return Ok(Progress::Ready(found));
                }
            }
        }
    }

    /// Keeps the last orders of the list: new ones usually stand at its end.
    fn turn_page(&mut self, cx: &Cx<'_>, page: OrdersPage) -> FindState {
        self.pages += 1;
        self.urls.extend(page.orders);
        while self.urls.len() > limits::MAX_ORDERS_READ {
            self.urls.pop_front();
        }
        match page.next {
            Some(next) if self.pages < limits::MAX_ORDER_PAGES => FindState::Page(OrdersPage::read(&next)),
            Some(_) | None => {
                let calls: Vec<_> = self.urls.iter().rev().map(|url| Order::read(url)).collect();
                FindState::Orders(Round::new(calls, cx.session.width(), RoundEnd::All))
            }
        }
    }
}

/// A list that the CA refuses to show is a list that is not there.
fn if_offered<T>(outcome: Result<Progress<T>, Error>) -> Result<Progress<Option<T>>, Error> {
    match outcome {
        Ok(Progress::Ready(output)) => Ok(Progress::Ready(Some(output))),
        Ok(Progress::Pending(step)) => Ok(Progress::Pending(step)),
        Err(error) if error.refusal().is_some_and(|refusal| !refusal.is_temporary()) => {
            Ok(Progress::Ready(None))
        }
        Err(error) => Err(error),
    }
}

/// An order that nobody has finalized: one that was lost before its URL was known.
fn is_unfinished(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Pending | OrderStatus::Ready)
}
