//! Choosing a profile (draft-ietf-acme-profiles sections 3 and 4).

use std::time::Duration;

use serde_json::{Map, Value};

use super::Ca;
use crate::{identifier::Identifier, problem::Problem};

impl Ca {
    /// Withdraws a profile: orders that have it cannot be finalized any more. Says whether there was
    /// one with this name.
    pub fn withdraw_profile(&mut self, name: &str) -> bool {
        if self.config.default_profile.as_deref() == Some(name) {
            self.config.default_profile = None;
        }
        self.config.profiles.remove(name).is_some()
    }

    /// The profile of a new order: the one asked for, checked, or the default one.
    pub(super) fn profile(
        &self,
        wish: &Map<String, Value>,
        identifiers: &[Identifier],
    ) -> Result<Option<String>, Problem> {
        let name = match wish.get("profile").filter(|value| !value.is_null()) {
            Some(_) if self.config.profiles.is_empty() => return Err(unknown("it has no profiles")),
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(Problem::malformed("\"profile\" must be a string")),
            None => self.config.default_profile.as_ref(),
        };
        let Some(name) = name else {
            return Ok(None);
        };
        let profile =
            self.config.profiles.get(name).ok_or_else(|| unknown(&format!("it has no profile {name:?}")))?;
        if profile.max_identifiers.is_some_and(|most| identifiers.len() > most) {
            return Err(unknown(&format!("orders with profile {name:?} have fewer identifiers")));
        }
        if !profile.ip_identifiers && identifiers.iter().any(|one| one.address().is_some()) {
            return Err(unknown(&format!("profile {name:?} is not for IP addresses")));
        }
        Ok(Some(name.clone()))
    }

    /// Refuses to finalize an order whose profile was withdrawn.
    pub(super) fn check_profile(&self, name: Option<&str>) -> Result<(), Problem> {
        match name {
            Some(name) if !self.config.profiles.contains_key(name) => {
                Err(unknown(&format!("profile {name:?} was withdrawn")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// How long the certificates of a profile are valid.
    pub(super) fn lifetime(&self, profile: Option<&str>) -> Duration {
        let profile = profile.and_then(|name| self.config.profiles.get(name));
        let own = profile.and_then(|profile| profile.certificate_lifetime);
        own.unwrap_or(self.config.certificate_lifetime)
    }
}

fn unknown(what: &str) -> Problem {
    Problem::new(
        "invalidProfile",
        400,
        format!("draft-ietf-acme-profiles: the CA refuses the profile: {what}"),
    )
}
