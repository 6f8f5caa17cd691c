//! dns-01 for tokio.

use std::fmt;
use std::sync::Arc;

use acme_http::AsyncClient;
use acme_proto::{
    AsyncSolver, Challenge, ChallengeType, Flow, Identifier, Input, SolverError, SolverFuture, Step,
};
use jiff::Timestamp;

use super::change::Action;
use super::delegation::Delegation;
use super::error::{DnsError, DnsErrorKind};
use super::flow::DnsFlow;
use super::plan::{Plan, Undelegated};
use super::provider::{DnsProvider, change_zones, find_zones};
use super::turns::Turns;
use crate::response::dns_types;

/// Writes the TXT records of dns-01 and dns-account-01 through a [`DnsProvider`], as futures.
///
/// They end when the service has taken the records (and has put them in place, where it tells).
/// Clones take turns at a zone. A future that is dropped may leave records behind, which
/// [`withdraw`](AsyncSolver::withdraw) takes away.
#[derive(Clone)]
pub struct AsyncDnsSolver {
    provider: Arc<dyn DnsProvider>,
    client: AsyncClient,
    delegation: Arc<dyn Delegation>,
    turns: Turns,
}

impl AsyncDnsSolver {
    /// Sets a solver up.
    #[must_use]
    pub fn new(provider: Arc<dyn DnsProvider>, client: AsyncClient) -> Self {
        Self { provider, client, delegation: Arc::new(Undelegated), turns: Turns::default() }
    }

    /// Writes where the names lead to. The look-ups may block: they are done on a thread of their own.
    #[must_use]
    pub fn with_delegation(self, delegation: Arc<dyn Delegation>) -> Self {
        Self { delegation, ..self }
    }

    async fn act(&self, action: Action, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let (delegation, own) = (Arc::clone(&self.delegation), challenges.to_vec());
        let planning = tokio::task::spawn_blocking(move || Plan::new(action, &own, &delegation));
        let mut plan = match planning.await {
            Ok(plan) => plan,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {
                let ended = |_: &Challenge| Err(SolverError::temporary("the runtime ended"));
                return challenges.iter().map(ended).collect();
            }
        };
        let names = plan.names();
        if !names.is_empty() {
            let zones = self.drive(find_zones(Arc::clone(&self.provider), names.clone())).await;
            plan.place(&names, zones);
        }
        let changes = plan.changes();
        if !changes.is_empty() {
            let zones = changes.iter().map(|(zone, _)| zone.name.clone()).collect();
            let turn = self.turns.take_async(zones).await;
            let outcomes = self.drive(change_zones(Arc::clone(&self.provider), changes.clone())).await;
            drop(turn);
            plan.settle(&changes, outcomes);
        }
        plan.results()
    }

    async fn drive<T>(&self, mut flow: DnsFlow<T>) -> Result<T, DnsError> {
        let mut input = Input::Start;
        loop {
            input = match flow.resume(&mut (), input, Timestamp::now()) {
                Ok(Step::Exchange(exchanges)) => Input::Responses(self.client.perform(exchanges).await),
                Ok(Step::Wait(time)) => {
                    tokio::time::sleep(time).await;
                    Input::Elapsed
                }
                Ok(Step::Done(output)) => return output,
                Ok(Step::Sign(_) | Step::Save(_) | Step::Present(_) | Step::Withdraw(_)) | Err(_) => {
                    return Err(DnsError::new(self.provider.profile().service, DnsErrorKind::Stuck));
                }
            }
        }
    }
}

impl AsyncSolver for AsyncDnsSolver {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        dns_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(self.act(Action::Add, challenges))
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(self.act(Action::Remove, challenges))
    }
}

impl fmt::Debug for AsyncDnsSolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncDnsSolver").field("provider", &self.provider).finish_non_exhaustive()
    }
}
