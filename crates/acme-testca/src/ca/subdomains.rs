//! Which authorizations an order needs, and those that are for all below a name (RFC 9444).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Ca, authorization::Scope};
use crate::{identifier::Identifier, problem::Problem, state::Authorization};

impl Ca {
    /// The authorizations for the identifiers of a new order, each once. None at all if the account is
    /// bound to an external one and that is enough.
    pub(super) fn authorizations_for(
        &mut self,
        account: &str,
        identifiers: &[Identifier],
        wish: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Vec<String>, Problem> {
        if self.config.external_account_suffices && self.account_record(account)?.binding.is_some() {
            return Ok(Vec::new());
        }
        let ancestors = self.ancestors(wish)?;
        let mut made: BTreeMap<Identifier, String> = BTreeMap::new();
        let mut authorizations = Vec::new();
        for identifier in identifiers {
            let id = match ancestors.get(&identifier.value) {
                None => self.authorization_for(account, identifier, now),
                Some(ancestor) => match made.get(ancestor) {
                    Some(id) => id.clone(),
                    None => self.authorization_above(account, identifier, ancestor, now),
                },
            };
            if let Some(ancestor) = ancestors.get(&identifier.value) {
                made.insert(ancestor.clone(), id.clone());
            }
            if !authorizations.contains(&id) {
                authorizations.push(id);
            }
        }
        Ok(authorizations)
    }

    /// What a newAuthz request wants to be authorized for (RFC 9444 section 4.2).
    pub(super) fn wanted_scope(&self, wish: &Map<String, Value>) -> Result<Scope, Problem> {
        let flag = wish.get("identifier").and_then(|one| one.get("subdomainAuthAllowed"));
        match flag {
            Some(Value::Bool(true)) if self.config.subdomain_authorizations => Ok(Scope::Subdomains),
            Some(Value::Bool(_)) | None => Ok(Scope::Name),
            Some(_) => Err(refusal("4.2", "\"subdomainAuthAllowed\" must be true or false")),
        }
    }

    /// A valid authorization for a name above this one and all below it.
    pub(super) fn valid_above(
        &self,
        account: &str,
        identifier: &Identifier,
        now: Timestamp,
    ) -> Option<String> {
        if identifier.address().is_some() || identifier.split_wildcard().1 {
            return None;
        }
        let mut name = identifier.value.as_str();
        while let Some((_, above)) = name.split_once('.') {
            let found = self.valid_authorization(account, &Identifier::dns(above), false, now);
            let for_all = |id: &String| self.state.authorizations.get(id).is_some_and(|one| one.subdomains);
            if let Some(found) = found.filter(for_all) {
                return Some(found);
            }
            name = above;
        }
        None
    }

    fn authorization_above(
        &mut self,
        account: &str,
        identifier: &Identifier,
        ancestor: &Identifier,
        now: Timestamp,
    ) -> String {
        match self.valid_above(account, identifier, now) {
            Some(id) => id,
            None => self.make_authorization(account, ancestor.clone(), Scope::Subdomains, now),
        }
    }

    /// The ancestors that a newOrder request names for its identifiers (RFC 9444 section 4.3).
    fn ancestors(&self, wish: &Map<String, Value>) -> Result<BTreeMap<String, Identifier>, Problem> {
        let items = wish.get("identifiers").and_then(Value::as_array);
        let mut ancestors = BTreeMap::new();
        for item in items.into_iter().flatten().filter(|_| self.config.subdomain_authorizations) {
            let Some(ancestor) = item.get("ancestorDomain").filter(|value| !value.is_null()) else {
                continue;
            };
            let ancestor = ancestor
                .as_str()
                .ok_or_else(|| refusal("4.3", "\"ancestorDomain\" must be a string"))?
                .to_ascii_lowercase();
            let name = item.get("value").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            let is_above = name.strip_suffix(&ancestor).is_some_and(|below| below.ends_with('.'));
            if !is_above || !ancestor.contains('.') || name.starts_with("*.") {
                return Err(refusal(
                    "4.3",
                    "\"ancestorDomain\" must be a domain above the identifier, which is no wildcard",
                ));
            }
            ancestors.insert(name, Identifier::dns(ancestor));
        }
        Ok(ancestors)
    }
}

impl Authorization {
    /// Which identifiers of an order it is for.
    pub(super) fn covers(&self, identifiers: &[Identifier]) -> Vec<Identifier> {
        let own = &self.identifier.value;
        let is_below = |one: &&Identifier| {
            let below = one.value.strip_suffix(own.as_str());
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        if !self.subdomains {
            return vec![self.identifier.clone()];
        }
        identifiers.iter().filter(is_below).cloned().collect()
    }
}

fn refusal(section: &str, what: &str) -> Problem {
    Problem::malformed(format!("RFC 9444 section {section}: {what}"))
}
