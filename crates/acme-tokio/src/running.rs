//! A flow that is carried out, and what is left of it when its driver is dropped.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{AsyncSolver, Challenge, Error, Flow, Input, Session, Step};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

/// A flow with its solver.
pub(crate) struct Running<F: Flow> {
    flow: F,
    pub(crate) solver: Option<Box<dyn AsyncSolver>>,
    sweeps: Sweeps,
    runtime: Option<Handle>,
    is_over: bool,
}

impl<F: Flow<Context = Session>> Running<F> {
    pub(crate) fn new(flow: F, solver: Option<Box<dyn AsyncSolver>>, sweeps: Sweeps) -> Self {
        Self { flow, solver, sweeps, runtime: Handle::try_current().ok(), is_over: false }
    }

    pub(crate) fn resume(&mut self, session: &mut Session, input: Input) -> Result<Step<F::Output>, Error> {
        let step = self.flow.resume(session, input, Timestamp::now());
        self.is_over = matches!(step, Ok(Step::Done(_)) | Err(_));
        step
    }
}

impl<F: Flow> Drop for Running<F> {
    /// Hands what may be in place to a task that takes it away.
    fn drop(&mut self) {
        let presented = self.flow.presented();
        if self.is_over || presented.is_empty() {
            return;
        }
        if let (Some(solver), Some(runtime)) = (self.solver.take(), &self.runtime) {
            runtime.spawn(self.sweeps.begin(presented).run(solver));
        }
    }
}

impl<F: Flow> fmt::Debug for Running<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// What is being taken away after the issuances of an account that were dropped.
#[derive(Clone, Default)]
pub(crate) struct Sweeps {
    challenges: Arc<watch::Sender<Vec<Challenge>>>,
}

impl Sweeps {
    /// Waits until none of these is taken away any more: a CA that makes the same order again
    /// asks for the same responses.
    pub(crate) async fn are_through_with(&self, challenges: &[Challenge]) {
        let is_any_of = |swept: &Challenge| challenges.iter().any(|challenge| challenge.token == swept.token);
        let mut swept = self.challenges.subscribe();
        // The sender is here, so that there is an end of it.
        drop(swept.wait_for(|swept| !swept.iter().any(is_any_of)).await);
    }

    fn begin(&self, challenges: &[Challenge]) -> Sweep {
        self.challenges.send_modify(|all| all.extend_from_slice(challenges));
        Sweep { sweeps: self.clone(), challenges: challenges.to_vec() }
    }
}

/// A sweep that is under way, or waits for a runtime that will not come to it.
struct Sweep {
    sweeps: Sweeps,
    challenges: Vec<Challenge>,
}

impl Sweep {
    async fn run(self, mut solver: Box<dyn AsyncSolver>) {
        let results = timeout(SWEEP_LIMIT, solver.withdraw(&self.challenges)).await;
        for (position, challenge) in self.challenges.iter().enumerate() {
            let identifier = &challenge.identifier;
            match results.as_ref().map(|results| results.get(position)) {
                Ok(Some(Ok(()))) => tracing::debug!(%identifier, "swept what a dropped issuance left"),
                Ok(Some(Err(error))) => tracing::warn!(%identifier, %error, "left in place"),
                Ok(None) | Err(_) => tracing::warn!(%identifier, "left in place"),
            }
        }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.sweeps.challenges.send_modify(|all| {
            for challenge in &self.challenges {
                if let Some(at) = all.iter().position(|swept| swept == challenge) {
                    all.swap_remove(at);
                }
            }
        });
    }
}

/// How long a sweep may take; whoever has a solver that hangs has it no longer.
const SWEEP_LIMIT: Duration = Duration::from_secs(300);
