//! How flows are put together: parts that are polled with the input of the moment.

use core::convert::Infallible;

use alloc::vec::Vec;

use jiff::Timestamp;

use crate::call::Outcome;
use crate::error::{Error, Misuse, SignError, SolverError, StoreError};
use crate::flow::{Input, Step};
use crate::session::Session;

/// What one `resume` has to work with. The input is taken by the part that waits for it.
pub(crate) struct Cx<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) now: Timestamp,
    input: Option<Input>,
}

/// How far a part got: done, or stuck until a step is carried out.
pub(crate) enum Progress<T> {
    Ready(T),
    Pending(Step<Infallible>),
}

/// Takes the output of a part, or hands its step to the driver.
macro_rules! ready {
    ($progress:expr) => {
        match $progress {
            $crate::part::Progress::Ready(output) => output,
            $crate::part::Progress::Pending(step) => return Ok($crate::part::Relay::relay(step)),
        }
    };
}
pub(crate) use ready;

/// A step on its way from a part to whoever polled it.
pub(crate) trait Relay<T> {
    fn relay(self) -> T;
}

impl<T> Relay<Progress<T>> for Step<Infallible> {
    fn relay(self) -> Progress<T> {
        Progress::Pending(self)
    }
}

impl<T> Relay<Step<T>> for Step<Infallible> {
    fn relay(self) -> Step<T> {
        match self {
            Self::Exchange(exchanges) => Step::Exchange(exchanges),
            Self::Sign(messages) => Step::Sign(messages),
            Self::Wait(wait) => Step::Wait(wait),
            Self::Save(checkpoint) => Step::Save(checkpoint),
            Self::Present(challenges) => Step::Present(challenges),
            Self::Withdraw(challenges) => Step::Withdraw(challenges),
            Self::Done(never) => match never {},
        }
    }
}

impl<'a> Cx<'a> {
    /// For the flows that leave nothing behind: a cancel ends them at once.
    pub(crate) fn new(session: &'a mut Session, input: Input, now: Timestamp) -> Result<Self, Error> {
        match input {
            Input::Cancel => Err(Error::Cancelled),
            Input::Start => Ok(Self::without_input(session, now)),
            Input::Responses(_) | Input::Signed(_) | Input::Elapsed | Input::Saved(_) | Input::Solver(_) => {
                Ok(Self { session, now, input: Some(input) })
            }
        }
    }

    pub(crate) fn without_input(session: &'a mut Session, now: Timestamp) -> Self {
        Self { session, now, input: None }
    }

    /// For a part that begins: the input of the moment is `Start`, or was for the part before it.
    pub(crate) fn take_nothing(&mut self) -> Result<(), Error> {
        if self.input.take().is_some() { Err(Misuse::Input.into()) } else { Ok(()) }
    }

    pub(crate) fn take_elapsed(&mut self) -> Result<(), Error> {
        match self.input.take() {
            Some(Input::Elapsed) => Ok(()),
            _ => Err(Misuse::Input.into()),
        }
    }

    pub(crate) fn take_response(&mut self) -> Result<Outcome, Error> {
        let mut outcomes = self.take_responses()?;
        match (outcomes.pop(), outcomes.is_empty()) {
            (Some(outcome), true) => Ok(outcome),
            _ => Err(Misuse::Input.into()),
        }
    }

    pub(crate) fn take_responses(&mut self) -> Result<Vec<Outcome>, Error> {
        match self.input.take() {
            Some(Input::Responses(outcomes)) => Ok(outcomes),
            _ => Err(Misuse::Input.into()),
        }
    }

    pub(crate) fn take_signature(&mut self) -> Result<Result<Vec<u8>, SignError>, Error> {
        let mut signatures = self.take_signatures(1)?;
        signatures.pop().ok_or_else(|| Misuse::Input.into())
    }

    pub(crate) fn take_signatures(
        &mut self,
        expected: usize,
    ) -> Result<Vec<Result<Vec<u8>, SignError>>, Error> {
        match self.input.take() {
            Some(Input::Signed(signatures)) if signatures.len() == expected => Ok(signatures),
            _ => Err(Misuse::Input.into()),
        }
    }

    pub(crate) fn take_saved(&mut self) -> Result<(), Error> {
        match self.input.take() {
            Some(Input::Saved(outcome)) => outcome.map_err(|error: StoreError| Error::Store(error)),
            _ => Err(Misuse::Input.into()),
        }
    }

    pub(crate) fn take_solver(&mut self, expected: usize) -> Result<Vec<Result<(), SolverError>>, Error> {
        match self.input.take() {
            Some(Input::Solver(outcomes)) if outcomes.len() == expected => Ok(outcomes),
            _ => Err(Misuse::Input.into()),
        }
    }
}
