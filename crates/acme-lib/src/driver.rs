//! Carrying out the steps of flows on the calling thread.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use acme_http::Transport;
use acme_proto::{
    Challenge, Checkpoint, Event, Exchange, Flow, Input, RemoteSigner, Session, SignError, Solver,
    SolverError, Step, StoreError,
};
use jiff::Timestamp;

/// A place that makes checkpoints durable, so that an issuance survives the end of its process.
///
/// It holds one checkpoint. That is for one certificate: use one journal for each, and empty it
/// once the certificate is where it is to serve. Until then the same request ends in the same
/// certificate, so that a crash in between costs nothing; a renewal begins with an empty journal.
pub trait Journal {
    /// The checkpoint that an earlier process left.
    ///
    /// # Errors
    /// When it can't be told whether there is one.
    fn load(&mut self) -> Result<Option<Checkpoint>, StoreError>;

    /// Makes a checkpoint durable, in place of the one before.
    ///
    /// # Errors
    /// When it is not durable; the issuance ends then.
    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), StoreError>;
}

/// Ends an issuance from another thread: what is in place is taken away first.
#[derive(Clone, Default)]
pub struct Interrupt {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Interrupt {
    /// Makes one that is not triggered.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the end. A wait ends at once, a request that is out is waited for; a certificate
    /// that is there already is handed out all the same.
    pub fn trigger(&self) {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.1.notify_all();
    }

    /// Tells whether the end was asked for.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, time: Duration) {
        let triggered = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.shared.1.wait_timeout_while(triggered, time, |triggered| !*triggered));
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").field("is_triggered", &self.is_triggered()).finish()
    }
}

/// What a flow needs besides the network.
#[derive(Default)]
pub(crate) struct Hands<'a> {
    pub(crate) solver: Option<&'a mut dyn Solver>,
    pub(crate) journal: Option<&'a mut dyn Journal>,
    pub(crate) observer: Option<&'a mut dyn FnMut(&Event<'_>)>,
    pub(crate) interrupt: Option<&'a Interrupt>,
}

/// One conversation with one CA, and the connections for it.
pub(crate) struct Driver {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) session: Mutex<Session>,
    /// Who signs with keys that are not in this process.
    signer: Option<Arc<dyn RemoteSigner>>,
}

impl Driver {
    pub(crate) fn new(transport: Arc<dyn Transport>, session: Session) -> Self {
        Self { transport, session: Mutex::new(session), signer: None }
    }

    pub(crate) fn with_signer(self, signer: Arc<dyn RemoteSigner>) -> Self {
        Self { signer: Some(signer), ..self }
    }

    /// Runs a flow that only talks to the CA.
    pub(crate) fn call<F: Flow<Context = Session>>(&self, flow: F) -> Result<F::Output, acme_proto::Error> {
        self.run(flow, Hands::default())
    }

    /// Runs a flow to its end.
    pub(crate) fn run<F: Flow<Context = Session>>(
        &self,
        mut flow: F,
        mut hands: Hands<'_>,
    ) -> Result<F::Output, acme_proto::Error> {
        let is_triggered = |hands: &Hands<'_>| hands.interrupt.is_some_and(Interrupt::is_triggered);
        let mut input = Input::Start;
        let mut is_cancelled = false;
        loop {
            let is_news = !matches!(input, Input::Start | Input::Elapsed);
            if !is_cancelled && !is_news && is_triggered(&hands) {
                is_cancelled = true;
                input = Input::Cancel;
            }
            let step = self.with_session(|session| flow.resume(session, input, Timestamp::now()))?;
            // The flow has heard what came of the last step: an order that was made, above all. At
            // its end there is nothing left to cancel.
            let is_end = matches!(step, Step::Done(_) | Step::Withdraw(_));
            if !is_cancelled && !is_end && is_triggered(&hands) {
                is_cancelled = true;
                input = Input::Cancel;
                continue;
            }
            match self.carry_out(step, &mut hands, is_cancelled) {
                ControlFlow::Continue(result) => input = result,
                ControlFlow::Break(output) => return Ok(output),
            }
        }
    }

    /// Locks the session for a moment.
    pub(crate) fn with_session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        act(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn carry_out<T>(
        &self,
        step: Step<T>,
        hands: &mut Hands<'_>,
        is_cancelled: bool,
    ) -> ControlFlow<T, Input> {
        ControlFlow::Continue(match step {
            Step::Exchange(exchanges) => {
                if let Some(Exchange { operation, .. }) = exchanges.first() {
                    hands.tell(&Event::Requesting { operation: *operation, count: exchanges.len() });
                }
                Input::Responses(self.transport.perform(exchanges))
            }
            Step::Sign(messages) => Input::Signed(match &self.signer {
                Some(signer) => signer.sign(&messages),
                None => messages
                    .iter()
                    .map(|_| Err(SignError::permanent("no key outside memory is set up")))
                    .collect(),
            }),
            Step::Wait(time) => {
                hands.tell(&Event::Waiting(time));
                match hands.interrupt.filter(|_| !is_cancelled) {
                    Some(interrupt) => interrupt.wait(time),
                    None => thread::sleep(time),
                }
                Input::Elapsed
            }
            Step::Save(checkpoint) => {
                hands.tell(&Event::Saving(&checkpoint));
                Input::Saved(hands.journal.as_mut().map_or(Ok(()), |journal| journal.save(&checkpoint)))
            }
            Step::Present(challenges) => {
                hands.tell(&Event::Presenting(&challenges));
                Input::Solver(hands.solve(&challenges, |solver| solver.present(&challenges)))
            }
            Step::Withdraw(challenges) => {
                hands.tell(&Event::Withdrawing(&challenges));
                Input::Solver(hands.solve(&challenges, |solver| solver.withdraw(&challenges)))
            }
            Step::Done(output) => return ControlFlow::Break(output),
        })
    }
}

impl Hands<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        if let Some(observer) = &mut self.observer {
            observer(event);
        }
    }

    fn solve(
        &mut self,
        challenges: &[Challenge],
        act: impl FnOnce(&mut dyn Solver) -> Vec<Result<(), SolverError>>,
    ) -> Vec<Result<(), SolverError>> {
        match &mut self.solver {
            Some(solver) => act(&mut **solver),
            None => challenges.iter().map(|_| Err(SolverError::permanent("no solver is set up"))).collect(),
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
