//! Several calls side by side.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::mem;
use core::time::Duration;

use crate::call::{Call, Next, Outcome, Prelude};
use crate::error::{Error, Misuse, SignError};
use crate::flow::{Exchange, Step, ToSign};
use crate::part::{Cx, Progress};

/// Calls that go on in lockstep: in each step as many exchanges as the width allows, and every
/// response of a step is harvested before the next one is put together.
pub(crate) struct Round<T> {
    slots: Vec<Slot<T>>,
    width: usize,
    end: RoundEnd,
    outstanding: Outstanding,
    /// What is signed, and waits for the others to be.
    ready: Vec<(usize, Exchange)>,
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
    /// The slots whose messages are being signed.
    Signatures(Vec<usize>),
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
            ready: Vec::new(),
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
            Outstanding::Signatures(signing) => {
                let signatures = cx.take_signatures(signing.len())?;
                self.take_signatures(cx, &signing, signatures);
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

    fn take_signatures(
        &mut self,
        cx: &Cx<'_>,
        signing: &[usize],
        signatures: Vec<Result<Vec<u8>, SignError>>,
    ) {
        for (&index, signature) in signing.iter().zip(signatures) {
            let Some(slot) = self.slots.get_mut(index) else { continue };
            let Slot::Open { call, .. } = slot else { continue };
            match call.signed(cx.session, signature) {
                Ok(Some(exchange)) => self.ready.push((index, *exchange)),
                Ok(None) => {}
                Err(error) => *slot = Slot::Closed(Some(Err(error))),
            }
        }
    }

    fn let_pass(&mut self, passed: Duration) {
        for slot in &mut self.slots {
            if let Slot::Open { wait, .. } = slot {
                *wait = wait.saturating_sub(passed);
            }
        }
    }

    /// All messages to be signed, then all exchanges that can go; where none can, the shortest wait.
    /// None where no call is left.
    fn step(&mut self, cx: &mut Cx<'_>) -> Option<Step<Infallible>> {
        let mut gathered = Gathered { ready: mem::take(&mut self.ready), ..Gathered::default() };
        for index in 0..self.slots.len() {
            if gathered.len() >= self.width {
                break;
            }
            if !gathered.ready.iter().any(|(ready, _)| *ready == index) {
                self.gather(cx, index, &mut gathered);
            }
        }
        if gathered.len() == 0
            && let Some(index) = gathered.held_back
        {
            // Nothing else goes on that could bring a nonce.
            gathered.is_forced = true;
            self.gather(cx, index, &mut gathered);
        }
        if !gathered.messages.is_empty() {
            self.ready = gathered.ready;
            self.outstanding = Outstanding::Signatures(gathered.signing);
            return Some(Step::Sign(gathered.messages));
        }
        if !gathered.ready.is_empty() {
            gathered.ready.sort_unstable_by_key(|(index, _)| *index);
            let (sent, exchanges) = gathered.ready.into_iter().unzip();
            self.outstanding = Outstanding::Exchanges(sent);
            return Some(Step::Exchange(exchanges));
        }
        let wait = gathered.shortest_wait?;
        self.outstanding = Outstanding::Wait(wait);
        Some(Step::Wait(wait))
    }

    /// Adds what one call has to do next.
    fn gather(&mut self, cx: &mut Cx<'_>, index: usize, gathered: &mut Gathered) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let Slot::Open { call, wait } = slot else { return };
        if wait.is_zero() {
            let prelude = call.prelude(cx.session, cx.now);
            if !gathered.admits(cx, prelude) {
                gathered.held_back = gathered.held_back.or(Some(index));
                return;
            }
            match call.next(cx.session, cx.now) {
                Ok(Next::Send(exchange)) => {
                    gathered.ready.push((index, *exchange));
                    return;
                }
                Ok(Next::Sign(message)) => {
                    gathered.messages.push(message);
                    gathered.signing.push(index);
                    return;
                }
                Ok(Next::Wait(asked)) => *wait = asked,
                Err(error) => {
                    *slot = Slot::Closed(Some(Err(error)));
                    return;
                }
            }
        }
        gathered.shortest_wait = Some(gathered.shortest_wait.map_or(*wait, |shortest| shortest.min(*wait)));
    }
}

/// What the calls of one step have to do: one directory serves them all, and only so many nonces
/// are fetched.
#[derive(Default)]
struct Gathered {
    /// The exchanges that can go, with their slots.
    ready: Vec<(usize, Exchange)>,
    messages: Vec<ToSign>,
    /// The slots of the messages.
    signing: Vec<usize>,
    shortest_wait: Option<Duration>,
    /// The first call that was not admitted.
    held_back: Option<usize>,
    fetches_directory: bool,
    is_forced: bool,
}

impl Gathered {
    fn len(&self) -> usize {
        self.ready.len() + self.signing.len()
    }

    fn admits(&mut self, cx: &mut Cx<'_>, prelude: Option<Prelude>) -> bool {
        match prelude {
            None => true,
            Some(Prelude::Directory) => !mem::replace(&mut self.fetches_directory, true),
            Some(Prelude::Nonce) => cx.session.may_fetch_nonce(cx.now) || self.is_forced,
        }
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
