//! What a DNS provider is.

use std::fmt;
use std::sync::Arc;

use super::api::{Api, Reply, Task, all};
use super::change::Change;
use super::error::{DnsError, DnsErrorKind};
use super::flow::DnsFlow;
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
    /// Tells whether a reply asks for another try later, where the status does not say so.
    pub is_busy: fn(&Reply) -> bool,
    secrets: Arc<[Secret]>,
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
        Self { service, needs, detail, is_busy: |_| false, secrets }
    }

    /// Adds how to tell a service that has too much to do, beyond 429 and 503.
    #[must_use]
    pub fn with_busy(self, is_busy: fn(&Reply) -> bool) -> Self {
        Self { is_busy, ..self }
    }

    /// A service's words without secrets and control characters, and not endless.
    pub(super) fn printable(&self, detail: &str) -> String {
        let secrets = self.secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
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
