//! Making an order, or finding the one that an interrupted issuance made.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::account::Account;
use crate::call::Call;
use crate::checkpoint::Intent;
use crate::directory::Directory;
use crate::error::{Delivery, Error, Misuse, Violation};
use crate::flow::Operation;
use crate::limits;
use crate::order::{Order, OrderStatus, OrdersPage};
use crate::part::{Cx, Progress, ready};
use crate::request::{Request, Target};
use crate::round::{Round, RoundEnd};
use crate::wish::{self, Form, Forms};

/// Makes an order; nonces that its authorizations will need are fetched beside it.
///
/// After a lost response the order may exist: it is looked for in the account's list, and only
/// where it can't be found the request is sent again.
///
/// A refusal of something that the order can do without leads to another newOrder without it.
pub(crate) struct OpenOrder {
    state: State,
    tries: u32,
    forms: Option<Forms>,
}

enum State {
    Find(Box<FindOrder>),
    /// What the CA offers decides what is asked for.
    Directory(Box<Call<Directory>>),
    Create(Round<Opening>),
}

/// What the calls of the first round end in.
enum Opening {
    Order(Box<Order>),
    Nonce,
}

impl OpenOrder {
    /// For an issuance that begins.
    pub(crate) fn create(cx: &mut Cx<'_>, intent: &Intent) -> Result<Self, Error> {
        let mut open = Self { state: State::Find(Box::default()), tries: 1, forms: None };
        open.state = open.next_form(cx, intent)?;
        Ok(open)
    }

    /// For an issuance whose newOrder may have been sent before.
    pub(crate) fn find() -> Self {
        Self { state: State::Find(Box::default()), tries: 0, forms: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>, intent: &Intent) -> Result<Progress<Order>, Error> {
        loop {
            match &mut self.state {
                State::Find(find) => {
                    if let Some(order) = ready!(find.poll(cx, intent)?) {
                        return Ok(Progress::Ready(order));
                    }
                    self.tries += 1;
                    self.state = self.next_form(cx, intent)?;
                }
                State::Directory(call) => {
                    ready!(call.poll(cx)?);
                    self.state = self.next_form(cx, intent)?;
                }
                State::Create(round) => {
                    let mut outcomes = ready!(round.poll(cx)?).into_iter();
                    match outcomes.next().flatten() {
                        Some(Ok(Opening::Order(order))) => {
                            return checked(*order, intent).map(Progress::Ready);
                        }
                        Some(Err(error)) if self.may_look_for_it(&error) => {
                            self.state = State::Find(Box::default())
                        }
                        Some(Err(error)) => self.state = self.refused(cx, intent, error)?,
                        Some(Ok(Opening::Nonce)) | None => return Err(Misuse::Input.into()),
                    }
                }
            }
        }
    }

    /// Asks for as much as the CA may grant.
    fn next_form(&mut self, cx: &mut Cx<'_>, intent: &Intent) -> Result<State, Error> {
        let form = match &self.forms {
            Some(forms) => forms.best(),
            None => {
                let Some(directory) = cx.session.fresh_directory(cx.now) else {
                    return Ok(State::Directory(Box::new(Directory::fetch())));
                };
                self.forms.insert(Forms::new(intent, directory)?).best()
            }
        };
        Ok(State::Create(create(cx, intent, form.ok_or(Misuse::Input)?)))
    }

    /// Asks for less, or ends.
    fn refused(&mut self, cx: &mut Cx<'_>, intent: &Intent, error: Error) -> Result<State, Error> {
        let Some(forms) = &mut self.forms else { return Err(error) };
        let Error::Problem(mut refusal) = error else { return Err(error) };
        if !wish::may_be_refused(&refusal) {
            return Err(refusal.into());
        }
        refusal.options = forms.best().map(|form| wish::options(intent, form)).unwrap_or_default();
        if forms.go_on_after(&refusal) {
            return self.next_form(cx, intent);
        }
        Err(refusal.into())
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

fn create(cx: &mut Cx<'_>, intent: &Intent, form: Form) -> Round<Opening> {
    let order = Call::new(Order::create_request(intent, form), |reply| {
        Ok(Opening::Order(Box::new(Order::decode_new(reply)?)))
    });
    let wanted = intent.identifiers.len().min(cx.session.width()).saturating_sub(1);
    let missing = wanted.saturating_sub(cx.session.nonce_count(cx.now).saturating_sub(1));
    let nonces = (0..missing)
        .map(|_| Call::new(Request::head(Operation::NewNonce, Target::NewNonce), |_| Ok(Opening::Nonce)));
    Round::new(core::iter::once(order).chain(nonces), cx.session.width(), RoundEnd::First)
}

/// A CA that ignores the profile would make another kind of certificate.
fn checked(order: Order, intent: &Intent) -> Result<Order, Error> {
    if order.has_profile(intent) {
        return Ok(order);
    }
    let wanted = intent.profile.as_ref().map(|profile| profile.name().to_string()).unwrap_or_default();
    Err(Error::protocol(Operation::NewOrder, Violation::Profile { wanted, got: order.profile }))
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
