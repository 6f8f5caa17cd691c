//! Several calls side by side.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::mem;
use core::time::Duration;

use crate::call::{Call, Next, Outcome, Prelude};
use crate::error::{Error, Misuse};
use crate::flow::{Exchange, Step};
use crate::limits;
use crate::part::{Cx, Progress};

/// Calls that go on in lockstep: in each step as many exchanges as the width allows, and every
/// response of a step is harvested before the next one is put together.
pub(crate) struct Round<T> {
    slots: Vec<Slot<T>>,
    width: usize,
    end: RoundEnd,
    outstanding: Outstanding,
}

/// One outcome for each call; `None` for one that was not needed any more.
pub(crate) type Outcomes<T> = Vec<Option<Result<T, Error>>>;

/// When a round is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoundEnd {
    /// When all calls have their outcome.
    All,
    /// When the first call has its outcome; the others only help it.
    First,
}

enum Outstanding {
    Nothing,
    /// The slots whose exchanges are out.
    Exchanges(Vec<usize>),
    Wait(Duration),
}

enum Slot<T> {
    Open { call: Box<Call<T>>, wait: Duration },
    Closed(Option<Result<T, Error>>),
}

impl<T> Round<T> {
    pub(crate) fn new(calls: impl IntoIterator<Item = Call<T>>, width: usize, end: RoundEnd) -> Self {
        Self {
            slots: calls
                .into_iter()
                .map(|call| Slot::Open { call: Box::new(call), wait: Duration::ZERO })
                .collect(),
            width: width.max(1),
            end,
            outstanding: Outstanding::Nothing,
        }
    }

    /// Goes on; ready with one outcome for each call, in their order. A call that was not needed
    /// any more has none.
    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Outcomes<T>>, Error> {
        match mem::replace(&mut self.outstanding, Outstanding::Nothing) {
            Outstanding::Nothing => {}
            Outstanding::Exchanges(sent) => {
                let outcomes = cx.take_responses()?;
                self.harvest(cx, &sent, outcomes)?;
            }
            Outstanding::Wait(wait) => {
                cx.take_elapsed()?;
                self.let_pass(wait);
            }
        }
        while !self.is_over() {
            // Without a step the first open call has failed, and there is one less.
            if let Some(step) = self.step(cx) {
                return Ok(Progress::Pending(step));
            }
        }
        Ok(Progress::Ready(self.slots.iter_mut().map(Slot::take).collect()))
    }

    fn is_over(&self) -> bool {
        let considered = match self.end {
            RoundEnd::All => self.slots.len(),
            RoundEnd::First => 1,
        };
        self.slots.iter().take(considered).all(|slot| matches!(slot, Slot::Closed(_)))
    }

    fn harvest(&mut self, cx: &mut Cx<'_>, sent: &[usize], outcomes: Vec<Outcome>) -> Result<(), Error> {
        if sent.len() != outcomes.len() {
            return Err(Misuse::Input.into());
        }
        for (&index, outcome) in sent.iter().zip(outcomes) {
            let Some(slot) = self.slots.get_mut(index) else { continue };
            let Slot::Open { call, .. } = slot else { continue };
            match call.take(cx.session, outcome, cx.now) {
                Ok(None) => {}
                Ok(Some(output)) => *slot = Slot::Closed(Some(Ok(output))),
                Err(error) => *slot = Slot::Closed(Some(Err(error))),
            }
        }
        Ok(())
    }

    fn let_pass(&mut self, passed: Duration) {
        for slot in &mut self.slots {
            if let Slot::Open { wait, .. } = slot {
                *wait = wait.saturating_sub(passed);
            }
        }
    }

    /// All exchanges that can go; where none can, the shortest wait. None where no call is left.
    fn step(&mut self, cx: &mut Cx<'_>) -> Option<Step<Infallible>> {
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut sent = Vec::new();
        let mut preludes = Preludes::default();
        let mut shortest: Option<Duration> = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if exchanges.len() == self.width {
                break;
            }
            let Slot::Open { call, wait } = slot else { continue };
            if wait.is_zero() {
                if !preludes.admit(call.prelude(cx.session, cx.now)) {
                    continue;
                }
                match call.next(cx.session, cx.now) {
                    Ok(Next::Send(exchange)) => {
                        exchanges.push(*exchange);
                        sent.push(index);
                        continue;
                    }
                    Ok(Next::Wait(asked)) => *wait = asked,
                    Err(error) => {
                        *slot = Slot::Closed(Some(Err(error)));
                        continue;
                    }
                }
            }
            shortest = Some(shortest.map_or(*wait, |shortest| shortest.min(*wait)));
        }
        if !exchanges.is_empty() {
            self.outstanding = Outstanding::Exchanges(sent);
            return Some(Step::Exchange(exchanges));
        }
        let wait = shortest?;
        self.outstanding = Outstanding::Wait(wait);
        Some(Step::Wait(wait))
    }
}

/// What the calls of one step need before their own requests: one directory serves them all, and
/// only so many nonces are fetched at once.
#[derive(Default)]
struct Preludes {
    directories: usize,
    nonces: usize,
}

impl Preludes {
    fn admit(&mut self, prelude: Option<Prelude>) -> bool {
        let (count, limit) = match prelude {
            None => return true,
            Some(Prelude::Directory) => (&mut self.directories, 1),
            Some(Prelude::Nonce) => (&mut self.nonces, limits::MAX_NONCE_FETCHES),
        };
        *count += 1;
        *count <= limit
    }
}

impl<T> Slot<T> {
    fn take(&mut self) -> Option<Result<T, Error>> {
        match self {
            Self::Open { .. } => None,
            Self::Closed(outcome) => outcome.take(),
        }
    }
}
