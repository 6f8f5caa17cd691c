//! dns-01 for threads.

use std::fmt;
use std::sync::Arc;
use std::thread;

use acme_http::Client;
use acme_proto::{Challenge, ChallengeType, Flow, Identifier, Input, Solver, SolverError, Step};
use jiff::Timestamp;

use super::change::Action;
use super::delegation::Delegation;
use super::error::{DnsError, DnsErrorKind};
use super::flow::DnsFlow;
use super::plan::{Plan, Undelegated};
use super::provider::{DnsProvider, change_zones, find_zones};
use super::turns::Turns;
use crate::response::dns_types;

/// Writes the TXT records of dns-01 and dns-account-01 through a [`DnsProvider`], on the calling thread.
///
/// Returns when the service has taken the records (and has put them in place, where it tells).
/// Clones take turns at a zone.
#[derive(Clone)]
pub struct DnsSolver {
    provider: Arc<dyn DnsProvider>,
    client: Client,
    delegation: Arc<dyn Delegation>,
    turns: Turns,
}

impl DnsSolver {
    /// Sets a solver up.
    #[must_use]
    pub fn new(provider: Arc<dyn DnsProvider>, client: Client) -> Self {
        Self { provider, client, delegation: Arc::new(Undelegated), turns: Turns::default() }
    }

    /// Writes where the names lead to.
    #[must_use]
    pub fn with_delegation(self, delegation: Arc<dyn Delegation>) -> Self {
        Self { delegation, ..self }
    }

    fn act(&self, action: Action, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let mut plan = Plan::new(action, challenges, &self.delegation);
        let names = plan.names();
        if !names.is_empty() {
            let zones = self.drive(find_zones(Arc::clone(&self.provider), names.clone()));
            plan.place(&names, zones);
        }
        let changes = plan.changes();
        if !changes.is_empty() {
            let turn = self.turns.take(changes.iter().map(|(zone, _)| zone.name.clone()).collect());
            let outcomes = self.drive(change_zones(Arc::clone(&self.provider), changes.clone()));
            drop(turn);
            plan.settle(&changes, outcomes);
        }
        plan.results()
    }

    fn drive<T>(&self, mut flow: DnsFlow<T>) -> Result<T, DnsError> {
        let mut input = Input::Start;
        loop {
            input = match flow.resume(&mut (), input, Timestamp::now()) {
                Ok(Step::Exchange(exchanges)) => Input::Responses(self.client.perform(exchanges)),
                Ok(Step::Wait(time)) => {
                    thread::sleep(time);
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

impl Solver for DnsSolver {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        dns_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.act(Action::Add, challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.act(Action::Remove, challenges)
    }
}

impl fmt::Debug for DnsSolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsSolver").field("provider", &self.provider).finish_non_exhaustive()
    }
}
