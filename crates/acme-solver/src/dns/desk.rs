//! Where the tasks of a flow leave what they ask for, and find what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use acme_proto::{Exchange, Step, TransportError};
use http::Response;
use jiff::Timestamp;

type Outcome = Result<Response<Vec<u8>>, TransportError>;

/// The requests and the waits of a flow.
#[derive(Default)]
pub(super) struct Desk(Mutex<Papers>);

#[derive(Default)]
struct Papers {
    now: Timestamp,
    last_ticket: u64,
    queue: Vec<(Ticket, Exchange)>,
    out: Vec<Ticket>,
    outcomes: BTreeMap<Ticket, Outcome>,
    timers: BTreeMap<Ticket, Duration>,
    waiting: Duration,
}

/// What something that was asked for is found again by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Desk {
    pub(super) fn now(&self) -> Timestamp {
        self.papers().now
    }

    /// Asks for an exchange.
    pub(super) fn queue(&self, exchange: Exchange) -> Ticket {
        let mut papers = self.papers();
        let ticket = papers.ticket();
        papers.queue.push((ticket, exchange));
        ticket
    }

    /// Takes what came of an exchange.
    pub(super) fn collect(&self, ticket: Ticket) -> Option<Outcome> {
        self.papers().outcomes.remove(&ticket)
    }

    /// Asks for a wait.
    pub(super) fn start(&self, time: Duration) -> Ticket {
        let mut papers = self.papers();
        let ticket = papers.ticket();
        papers.timers.insert(ticket, time);
        ticket
    }

    pub(super) fn is_over(&self, timer: Ticket) -> bool {
        let mut papers = self.papers();
        let is_over = papers.timers.get(&timer).is_none_or(Duration::is_zero);
        if is_over {
            papers.timers.remove(&timer);
        }
        is_over
    }

    pub(super) fn set_now(&self, now: Timestamp) {
        self.papers().now = now;
    }

    /// Takes in the outcomes of the last step, if that many were asked for.
    #[must_use]
    pub(super) fn outcomes(&self, outcomes: Vec<Outcome>) -> bool {
        let mut papers = self.papers();
        let out = std::mem::take(&mut papers.out);
        let fits = !out.is_empty() && out.len() == outcomes.len();
        papers.outcomes.extend(out.into_iter().zip(outcomes));
        fits
    }

    /// Takes in that the time of the last step has passed, if there was a wait.
    #[must_use]
    pub(super) fn elapsed(&self) -> bool {
        let mut papers = self.papers();
        let waited = std::mem::take(&mut papers.waiting);
        papers.timers.values_mut().for_each(|left| *left = left.saturating_sub(waited));
        !waited.is_zero()
    }

    /// The next step, out of what the tasks ask for.
    pub(super) fn step<T>(&self, width: usize) -> Option<Step<T>> {
        let mut papers = self.papers();
        if papers.queue.is_empty() {
            let shortest = papers.timers.values().min().copied()?;
            papers.waiting = shortest;
            return Some(Step::Wait(shortest));
        }
        let count = papers.queue.len().min(width);
        let (out, exchanges) = papers.queue.drain(..count).unzip();
        papers.out = out;
        Some(Step::Exchange(exchanges))
    }

    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Papers {
    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}
