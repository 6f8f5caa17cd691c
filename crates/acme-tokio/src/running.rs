//! A flow that is carried out, and what is left of it when its driver is dropped.

use std::fmt;
use std::time::Duration;

use acme_proto::{AsyncSolver, Challenge, Error, Flow, Input, Session, Step};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// A flow with its solver.
pub(crate) struct Running<F: Flow> {
    flow: F,
    pub(crate) solver: Option<Box<dyn AsyncSolver>>,
    runtime: Option<Handle>,
    is_over: bool,
}

impl<F: Flow<Context = Session>> Running<F> {
    pub(crate) fn new(flow: F, solver: Option<Box<dyn AsyncSolver>>) -> Self {
        Self { flow, solver, runtime: Handle::try_current().ok(), is_over: false }
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
            runtime.spawn(sweep(solver, presented.to_vec()));
        }
    }
}

impl<F: Flow> fmt::Debug for Running<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

async fn sweep(mut solver: Box<dyn AsyncSolver>, challenges: Vec<Challenge>) {
    let results = timeout(SWEEP_LIMIT, solver.withdraw(&challenges)).await;
    for (position, challenge) in challenges.iter().enumerate() {
        let identifier = &challenge.identifier;
        match results.as_ref().map(|results| results.get(position)) {
            Ok(Some(Ok(()))) => tracing::debug!(%identifier, "swept what a dropped issuance left"),
            Ok(Some(Err(error))) => tracing::warn!(%identifier, %error, "left in place"),
            Ok(None) | Err(_) => tracing::warn!(%identifier, "left in place"),
        }
    }
}

/// How long a sweep may take; whoever has a solver that hangs has it no longer.
const SWEEP_LIMIT: Duration = Duration::from_secs(300);
