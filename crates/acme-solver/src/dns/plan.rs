//! From challenges to changes, and from what came of these to what came of each challenge.

use std::iter;
use std::sync::Arc;

use acme_proto::{Challenge, Identifier, SolverError};

use super::change::{Action, Change};
use super::delegation::Delegation;
use super::zone::{Zone, normal};
use crate::response::{ResponseError, check_dns};

/// Names that are where they seem to be.
#[derive(Debug)]
pub(super) struct Undelegated;

impl Delegation for Undelegated {
    fn canonical(&self, name: &str) -> Result<String, SolverError> {
        Ok(name.to_owned())
    }
}

/// What is to be done for some challenges, and how far it is.
pub(super) struct Plan {
    action: Action,
    entries: Vec<Entry>,
}

struct Entry {
    challenge: Challenge,
    identifier: Identifier,
    name: String,
    value: String,
    state: State,
}

enum State {
    Failed(SolverError),
    Named,
    Placed(Zone),
    Done,
}

impl Plan {
    pub(super) fn new(action: Action, challenges: &[Challenge], delegation: &Arc<dyn Delegation>) -> Self {
        let names: Vec<String> = challenges.iter().map(Challenge::dns_name).collect();
        let canonical = delegation.canonical_each(&names).into_iter().chain(iter::repeat_with(missing));
        let entry = |(challenge, canonical): (&Challenge, Result<String, SolverError>)| {
            let placed = check_dns(challenge).map_err(SolverError::from).and(canonical);
            let (name, state) = match placed {
                Ok(name) => (normal(&name), State::Named),
                Err(error) => (String::new(), State::Failed(error)),
            };
            let (identifier, value) = (challenge.order_identifier(), challenge.dns_value());
            Entry { challenge: challenge.clone(), identifier, name, value, state }
        };
        Self { action, entries: challenges.iter().zip(canonical).map(entry).collect() }
    }

    /// The names whose zones have to be found, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let named = self.entries.iter().filter(|entry| matches!(entry.state, State::Named));
        let mut names: Vec<String> = named.map(|entry| entry.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Takes in which zones the names are in.
    pub(super) fn place<E: Clone + Into<SolverError>>(
        &mut self,
        names: &[String],
        zones: Result<Vec<Result<Zone, E>>, E>,
    ) {
        for entry in self.entries.iter_mut().filter(|entry| matches!(entry.state, State::Named)) {
            let position = names.iter().position(|name| *name == entry.name);
            let zone = match &zones {
                Ok(zones) => position.and_then(|position| zones.get(position).cloned()),
                Err(error) => Some(Err(error.clone())),
            };
            entry.state = match zone {
                Some(Ok(zone)) => State::Placed(zone),
                Some(Err(error)) => State::Failed(error.into()),
                None => State::Failed(ResponseError::Missing.into()),
            };
        }
    }

    /// One change for each zone.
    pub(super) fn changes(&self) -> Vec<(Zone, Change)> {
        let placed: Vec<(&Zone, &Entry)> = self.entries.iter().filter_map(Entry::placed).collect();
        let mut zones: Vec<&Zone> = placed.iter().map(|(zone, _)| *zone).collect();
        zones.sort_unstable();
        zones.dedup();
        let change = |zone: &Zone| {
            let own: Vec<&Entry> =
                placed.iter().filter(|(other, _)| *other == zone).map(|(_, entry)| *entry).collect();
            let values = own.iter().map(|entry| (entry.name.clone(), entry.value.clone()));
            let challenges = own.iter().map(|entry| entry.challenge.clone());
            Change::new(self.action, values).for_challenges(challenges.collect())
        };
        zones.into_iter().map(|zone| (zone.clone(), change(zone))).collect()
    }

    /// Takes in what came of the changes.
    pub(super) fn settle<E: Clone + Into<SolverError>>(
        &mut self,
        changes: &[(Zone, Change)],
        outcomes: Result<Vec<Result<(), E>>, E>,
    ) {
        for entry in &mut self.entries {
            let State::Placed(zone) = &entry.state else { continue };
            let position = changes.iter().position(|(other, _)| other == zone);
            let outcome = match &outcomes {
                Ok(outcomes) => position.and_then(|position| outcomes.get(position).cloned()),
                Err(error) => Some(Err(error.clone())),
            };
            let (identifier, name) = (&entry.identifier, &entry.name);
            entry.state = match outcome {
                Some(Ok(())) => {
                    tracing::debug!(%identifier, name, zone = zone.name, action = ?self.action, "TXT record");
                    State::Done
                }
                Some(Err(error)) => State::Failed(error.into()),
                None => State::Failed(ResponseError::Missing.into()),
            };
        }
    }

    /// What came of each challenge.
    pub(super) fn results(self) -> Vec<Result<(), SolverError>> {
        let result = |entry: Entry| match entry.state {
            State::Done => Ok(()),
            State::Failed(error) => Err(error),
            State::Named | State::Placed(_) => Err(ResponseError::Missing.into()),
        };
        self.entries.into_iter().map(result).collect()
    }
}

impl Entry {
    fn placed(&self) -> Option<(&Zone, &Self)> {
        match &self.state {
            State::Placed(zone) => Some((zone, self)),
            State::Failed(_) | State::Named | State::Done => None,
        }
    }
}

/// What came of a name that a delegation forgot.
fn missing() -> Result<String, SolverError> {
    Err(ResponseError::Missing.into())
}
