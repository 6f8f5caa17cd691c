//! What a DNS provider is.

use std::fmt;
use std::sync::Arc;

use super::api::{Api, Reply, Task, all};
use super::change::Change;
use super::error::{DnsError, DnsErrorKind};
use super::flow::DnsFlow;
use super::oauth::Tokens;
use super::secret::Secret;
use super::zone::{self, Zone};

/// Credentials for a DNS service, and how to talk to it.
///
/// Every request has to be one that may be repeated. `Debug` prints the type's name.
pub trait DnsProvider: fmt::Debug + Send + Sync {
    /// What the service and the credentials are.
    fn profile(&self) -> Profile;

    /// Lists the zones that the credentials reach: all of them, or those that may hold one of the
    /// names.
    fn zones<'a>(&'a self, api: &'a Api, names: &'a [String]) -> Task<'a, Vec<Zone>>;

    /// Changes a zone, in one request where the service can.
    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()>;
}

/// What a service and its credentials are, for errors.
#[derive(Clone)]
#[non_exhaustive]
pub struct Profile {
    /// The service, by its name for people.
    pub service: &'static str,
    /// What the credentials have to be.
    pub needs: &'static str,
    /// Finds the service's own words in a reply that is no success.
    pub detail: fn(&Reply) -> Option<String>,
    /// Finds out what a reply means, where its status does not say it.
    pub fault: fn(&Reply) -> Option<Fault>,
    secrets: Arc<[Secret]>,
    tokens: Option<Tokens>,
}

/// What a reply means that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service has too much to do; the request may be repeated later.
    Busy,
    /// The service does not take the credentials, or not for this.
    Credentials,
}

impl Profile {
    /// Most characters of a service's own words that are kept.
    pub const MAX_DETAIL: usize = 300;

    /// Puts a profile together. What is secret is struck out of the service's own words.
    #[must_use]
    pub fn new(
        service: &'static str,
        needs: &'static str,
        detail: fn(&Reply) -> Option<String>,
        secrets: &[&Secret],
    ) -> Self {
        let secrets = secrets.iter().copied().cloned().collect();
        Self { service, needs, detail, fault: |_| None, secrets, tokens: None }
    }

    /// Adds how to read replies whose status does not say what they mean.
    #[must_use]
    pub fn with_fault(self, fault: fn(&Reply) -> Option<Fault>) -> Self {
        Self { fault, ..self }
    }

    /// Adds the tokens to strike out.
    pub(super) fn with_tokens(self, tokens: &Tokens) -> Self {
        Self { tokens: Some(tokens.clone()), ..self }
    }

    /// A service's words without secrets and control characters, and not endless.
    pub(super) fn printable(&self, detail: &str) -> String {
        let token = self.tokens.as_ref().and_then(Tokens::secret);
        let secrets = self.secrets.iter().chain(&token).map(Secret::expose);
        let secrets = secrets.filter(|secret| !secret.is_empty());
        let detail = secrets.fold(detail.to_owned(), |detail, secret| detail.replace(secret, "***"));
        let visible = detail.chars().map(|c| if c.is_control() { ' ' } else { c });
        visible.take(Self::MAX_DETAIL).collect::<String>().trim().to_owned()
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Finds the zone of each name, the one with the longest name if there are several.
#[must_use]
pub fn find_zones(
    provider: Arc<dyn DnsProvider>,
    names: Vec<String>,
) -> DnsFlow<Vec<Result<Zone, DnsError>>> {
    DnsFlow::new(provider.profile(), |api| async move {
        let names: Vec<String> = names.iter().map(|name| zone::normal(name)).collect();
        let zones = provider.zones(&api, &names).await?;
        let none = |name: &String| {
            let needs = api.profile().needs;
            api.error(DnsErrorKind::NoZone { name: name.clone(), needs })
        };
        Ok(names.iter().map(|name| zone::closest(&zones, name).cloned().ok_or_else(|| none(name))).collect())
    })
}

/// Changes several zones at the same time; one result for each.
#[must_use]
pub fn change_zones(
    provider: Arc<dyn DnsProvider>,
    changes: Vec<(Zone, Change)>,
) -> DnsFlow<Vec<Result<(), DnsError>>> {
    DnsFlow::new(provider.profile(), |api| async move {
        Ok(all(changes.iter().map(|(zone, change)| provider.change(&api, zone, change))).await)
    })
}
