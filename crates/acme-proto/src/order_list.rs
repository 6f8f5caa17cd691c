//! The account's list of orders, all pages of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;

use crate::account::Account;
use crate::call::Call;
use crate::error::Error;
use crate::flow::{Flow, Input, Step};
use crate::limits;
use crate::order::OrdersPage;
use crate::part::{Cx, Progress, ready};
use crate::session::Session;

/// Reads the list of the account's orders, page by page; `None` where the CA has none.
///
/// At most [`limits::MAX_LISTED_PAGES`](crate::limits::MAX_LISTED_PAGES) pages and
/// [`limits::MAX_LISTED_ORDERS`](crate::limits::MAX_LISTED_ORDERS) orders are read.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2.1>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct ListOrders {
    state: State,
    urls: Vec<String>,
    pages: u32,
}

/// The orders of an account, as far as the CA lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderList {
    /// The URLs of the orders, in the CA's order.
    pub urls: Vec<String>,
    /// Whether these are all; else the list is longer than is read.
    pub is_complete: bool,
}

enum State {
    Account(Call<Account>),
    Page(Call<OrdersPage>),
}

impl ListOrders {
    /// Prepares the flow.
    #[expect(clippy::new_without_default, reason = "a flow is begun, not defaulted to")]
    pub fn new() -> Self {
        Self { state: State::Account(Account::read()), urls: Vec::new(), pages: 0 }
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Option<OrderList>>, Error> {
        loop {
            match &mut self.state {
                State::Account(call) => match ready!(call.poll(cx)?).orders {
                    Some(url) => self.state = State::Page(OrdersPage::read(&url)),
                    None => return Ok(Progress::Ready(None)),
                },
                State::Page(call) => {
                    let page = ready!(call.poll(cx)?);
                    self.pages += 1;
                    let room = limits::MAX_LISTED_ORDERS - self.urls.len();
                    let fits = page.orders.len() <= room;
                    self.urls.extend(page.orders.into_iter().take(room));
                    match page.next {
                        Some(next) if fits && self.pages < limits::MAX_LISTED_PAGES => {
                            self.state = State::Page(OrdersPage::read(&next));
                        }
                        next => {
                            let urls = core::mem::take(&mut self.urls);
                            let list = OrderList { urls, is_complete: fits && next.is_none() };
                            return Ok(Progress::Ready(Some(list)));
                        }
                    }
                }
            }
        }
    }
}

impl Flow for ListOrders {
    type Context = Session;
    type Output = Option<OrderList>;

    fn resume(
        &mut self,
        session: &mut Session,
        input: Input,
        now: Timestamp,
    ) -> Result<Step<Option<OrderList>>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        Ok(Step::Done(ready!(self.poll(&mut cx)?)))
    }
}

impl fmt::Debug for ListOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListOrders").field("pages", &self.pages).finish_non_exhaustive()
    }
}
