//! Looking at a resource until it is settled.

use core::fmt;
use core::time::Duration;

use jiff::Timestamp;

use crate::call::Call;
use crate::error::{Error, Unfinished};
use crate::flow::{Flow, Input, Step};
use crate::limits;
use crate::part::{Cx, Progress, ready};
use crate::session::Session;

/// Reads a resource again and again until it is settled.
///
/// The CA's Retry-After is obeyed; without one the waits double, from
/// [`limits::FIRST_POLL_WAIT`](crate::limits::FIRST_POLL_WAIT) to
/// [`limits::LAST_POLL_WAIT`](crate::limits::LAST_POLL_WAIT). A wait above
/// [`limits::MAX_WAIT`](crate::limits::MAX_WAIT), too many looks or too long a wait in all end
/// in [`Error::Unfinished`].
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct Poll<T> {
    template: Call<T>,
    settled: fn(&T) -> bool,
    retry_after: fn(&T) -> Option<Duration>,
    call: Option<Call<T>>,
    wait: Option<Duration>,
    is_waiting: bool,
    next_wait: Duration,
    least_wait: Duration,
    polls: u32,
    waited: Duration,
    pause_after: Option<u32>,
}

impl<T> Poll<T> {
    /// Looks at once, then waits between the looks.
    pub(crate) fn new(
        call: Call<T>,
        settled: fn(&T) -> bool,
        retry_after: fn(&T) -> Option<Duration>,
    ) -> Self {
        Self {
            template: call,
            settled,
            retry_after,
            call: None,
            wait: None,
            is_waiting: false,
            next_wait: limits::FIRST_POLL_WAIT,
            least_wait: Duration::ZERO,
            polls: 0,
            waited: Duration::ZERO,
            pause_after: None,
        }
    }

    /// Never waits less than this between two looks.
    pub fn at_least(self, wait: Duration) -> Self {
        Self { least_wait: wait, ..self }
    }

    /// Waits before the first look, as the response that led here asked.
    pub(crate) fn after(
        mut self,
        session: &mut Session,
        retry_after: Option<Duration>,
    ) -> Result<Self, Error> {
        self.plan_wait(session, retry_after)?;
        Ok(self)
    }

    /// Hands the resource out after so many looks, settled or not.
    pub(crate) fn pausing_after(self, polls: u32) -> Self {
        Self { pause_after: Some(polls), ..self }
    }

    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<T>, Error> {
        loop {
            if self.is_waiting {
                cx.take_elapsed()?;
                self.is_waiting = false;
            }
            if let Some(wait) = self.wait.take() {
                self.is_waiting = true;
                return Ok(Progress::Pending(Step::Wait(wait)));
            }
            let template = &self.template;
            let resource = ready!(self.call.get_or_insert_with(|| template.again()).poll(cx)?);
            self.call = None;
            self.polls += 1;
            if (self.settled)(&resource) || self.pause_after == Some(self.polls) {
                return Ok(Progress::Ready(resource));
            }
            if self.polls >= limits::MAX_POLLS {
                return Err(self.unfinished(limits::DEFAULT_RETRY_AFTER));
            }
            self.plan_wait(cx.session, (self.retry_after)(&resource))?;
        }
    }

    /// Waits before the next look, as the last response asked.
    pub(crate) fn plan_wait(
        &mut self,
        session: &mut Session,
        retry_after: Option<Duration>,
    ) -> Result<(), Error> {
        let asked = retry_after.filter(|wait| !wait.is_zero());
        if let Some(wait) = asked.filter(|wait| *wait > limits::MAX_WAIT) {
            return Err(self.unfinished(wait));
        }
        let wait = match asked {
            Some(wait) => session.with_jitter(wait),
            None => self.back_off(),
        }
        .max(self.least_wait);
        self.waited = self.waited.saturating_add(wait);
        if self.waited > limits::MAX_POLL_WAIT.max(self.least_wait.saturating_mul(4)) {
            return Err(self.unfinished(asked.unwrap_or(limits::DEFAULT_RETRY_AFTER)));
        }
        self.wait = Some(wait);
        Ok(())
    }

    fn back_off(&mut self) -> Duration {
        let wait = self.next_wait;
        self.next_wait = (wait * 2).min(limits::LAST_POLL_WAIT);
        wait
    }

    fn unfinished(&self, retry_after: Duration) -> Error {
        Unfinished { operation: self.template.operation(), retry_after }.into()
    }
}

impl<T> Flow for Poll<T> {
    type Context = Session;
    type Output = T;

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<T>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        Ok(Step::Done(ready!(self.poll(&mut cx)?)))
    }
}

impl<T> fmt::Debug for Poll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poll").field("polls", &self.polls).finish_non_exhaustive()
    }
}
