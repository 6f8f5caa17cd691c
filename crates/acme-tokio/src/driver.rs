//! Carrying out the steps of flows on tokio.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_http::AsyncTransport;
use acme_proto::{
    AsyncRemoteSigner, AsyncSolver, Challenge, Event, Exchange, Flow, Input, Session, SignError, SolverError,
    Step,
};
use http::Uri;
use tokio::time::sleep;

use crate::interrupt::Interrupt;
use crate::journal::Journal;
use crate::running::{Running, Sweeps};

/// What watches an issuance.
pub(crate) type Observer<'a> = &'a mut (dyn FnMut(&Event<'_>) + Send);

/// What a flow needs besides the network and a solver.
#[derive(Default)]
pub(crate) struct Hands<'a> {
    pub(crate) journal: Option<&'a mut dyn Journal>,
    pub(crate) observer: Option<Observer<'a>>,
    pub(crate) interrupt: Option<&'a Interrupt>,
}

/// One conversation with one CA, and the connections for it.
pub(crate) struct Driver {
    pub(crate) transport: Arc<dyn AsyncTransport>,
    url: Uri,
    conversation: Mutex<Conversation>,
    sweeps: Sweeps,
    /// Who signs with keys that are not in this process.
    signer: Option<Arc<dyn AsyncRemoteSigner>>,
}

struct Conversation {
    session: Session,
    width: usize,
}

impl Driver {
    pub(crate) fn new(transport: Arc<dyn AsyncTransport>, session: Session) -> Self {
        // The session has a URL that is whole, so that this does not fail.
        let url: Uri = session.directory_url().parse().unwrap_or_default();
        let width = transport.width(&url);
        let conversation = Mutex::new(Conversation { session: session.with_width(width), width });
        Self { transport, url, conversation, sweeps: Sweeps::default(), signer: None }
    }

    pub(crate) fn with_signer(self, signer: Arc<dyn AsyncRemoteSigner>) -> Self {
        Self { signer: Some(signer), ..self }
    }

    /// Runs a flow that only talks to the CA.
    pub(crate) async fn call<F>(&self, flow: F) -> Result<F::Output, acme_proto::Error>
    where
        F: Flow<Context = Session> + Send,
        F::Output: Send,
    {
        self.run(flow, None, Hands::default()).await
    }

    /// Runs a flow to its end. When this is dropped before, what the flow has put in place is
    /// taken away by a task of its own.
    pub(crate) async fn run<F>(
        &self,
        flow: F,
        solver: Option<Box<dyn AsyncSolver>>,
        mut hands: Hands<'_>,
    ) -> Result<F::Output, acme_proto::Error>
    where
        F: Flow<Context = Session> + Send,
        F::Output: Send,
    {
        let mut running = Running::new(flow, solver, self.sweeps.clone());
        let mut input = Input::Start;
        let mut is_cancelled = false;
        loop {
            let is_news = !matches!(input, Input::Start | Input::Elapsed);
            if !is_cancelled && !is_news && hands.is_interrupted() {
                is_cancelled = true;
                input = Input::Cancel;
            }
            let step = running.resume(&mut self.conversation().session, input)?;
            // The flow has heard what came of the last step: an order that was made, above all. At
            // its end there is nothing left to cancel.
            let is_end = matches!(step, Step::Done(_) | Step::Withdraw(_));
            if !is_cancelled && !is_end && hands.is_interrupted() {
                is_cancelled = true;
                input = Input::Cancel;
                continue;
            }
            match self.carry_out(step, &mut running.solver, &mut hands, is_cancelled).await {
                ControlFlow::Continue(result) => input = result,
                ControlFlow::Break(output) => return Ok(output),
            }
        }
    }

    /// Locks the session for a moment.
    pub(crate) fn with_session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> T {
        act(&mut self.conversation().session)
    }

    /// The conversation, as wide as the connection to the CA now is.
    fn conversation(&self) -> MutexGuard<'_, Conversation> {
        let width = self.transport.width(&self.url);
        let mut conversation = self.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        if conversation.width != width {
            conversation.width = width;
            conversation.session.resize(width);
        }
        conversation
    }

    async fn carry_out<T>(
        &self,
        step: Step<T>,
        solver: &mut Option<Box<dyn AsyncSolver>>,
        hands: &mut Hands<'_>,
        is_cancelled: bool,
    ) -> ControlFlow<T, Input> {
        ControlFlow::Continue(match step {
            Step::Exchange(exchanges) => {
                if let Some(Exchange { operation, .. }) = exchanges.first() {
                    hands.tell(&Event::Requesting { operation: *operation, count: exchanges.len() });
                }
                Input::Responses(self.transport.perform(exchanges).await)
            }
            Step::Sign(messages) => Input::Signed(match &self.signer {
                Some(signer) => signer.sign(&messages).await,
                None => messages
                    .iter()
                    .map(|_| Err(SignError::permanent("no key outside memory is set up")))
                    .collect(),
            }),
            Step::Wait(time) => {
                hands.tell(&Event::Waiting(time));
                match hands.interrupt.filter(|_| !is_cancelled) {
                    Some(interrupt) => interrupt.wait(time).await,
                    None => sleep(time).await,
                }
                Input::Elapsed
            }
            Step::Save(checkpoint) => {
                hands.tell(&Event::Saving(&checkpoint));
                Input::Saved(match &mut hands.journal {
                    Some(journal) => journal.save(&checkpoint).await,
                    None => Ok(()),
                })
            }
            Step::Present(challenges) => {
                hands.tell(&Event::Presenting(&challenges));
                self.sweeps.are_through_with(&challenges).await;
                Input::Solver(match solver {
                    Some(solver) => solver.present(&challenges).await,
                    None => without_solver(&challenges),
                })
            }
            Step::Withdraw(challenges) => {
                hands.tell(&Event::Withdrawing(&challenges));
                Input::Solver(match solver {
                    Some(solver) => solver.withdraw(&challenges).await,
                    None => without_solver(&challenges),
                })
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

    fn is_interrupted(&self) -> bool {
        self.interrupt.is_some_and(Interrupt::is_triggered)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

fn without_solver(challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
    challenges.iter().map(|_| Err(SolverError::permanent("no solver is set up"))).collect()
}
