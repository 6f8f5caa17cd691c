//! The services that there are providers for.

mod acme_dns;
mod azure;
mod cloudflare;
mod desec;
mod digitalocean;
mod gandi;
mod gcloud;
mod hetzner;
mod httpreq;
mod ovh;
mod powerdns;
mod route53;

use std::fmt;
use std::sync::Arc;

use super::credentials::{CredentialError, Lookup, Variable};
use super::provider::DnsProvider;
use acme_dns::AcmeDns;
use azure::Azure;
use cloudflare::Cloudflare;
use desec::Desec;
use digitalocean::DigitalOcean;
use gandi::Gandi;
use gcloud::GoogleCloud;
use hetzner::Hetzner;
use httpreq::HttpReq;
use ovh::Ovh;
use powerdns::PowerDns;
use route53::Route53;

/// A DNS service, and what its credentials are called.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Service {
    /// Its name in settings.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Its name for people.
    pub title: &'static str,
    /// What its credentials are called.
    pub variables: &'static [Variable],
    /// What its provider was tried against.
    pub exercise: Exercise,
    make: Make,
}

type Make = fn(&Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError>;

/// What a provider was tried against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exercise {
    /// Against a stand-in, written from the service's published description.
    Description,
    /// Against nothing.
    Nothing,
    /// Against the service itself.
    Real,
}

impl Service {
    /// Makes a provider of credentials that are found by the names of their variables.
    ///
    /// # Errors
    /// [`CredentialError`] when one is missing, or is not what it should be.
    pub fn provider(
        &self,
        find: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        (self.make)(&Lookup { find })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every service, by name.
#[must_use]
pub fn services() -> &'static [Service] {
    SERVICES
}

/// The service of a name or an alias.
#[must_use]
pub fn service(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name || service.aliases.contains(&name))
}

const SERVICES: &[Service] = &[
    Service {
        name: "acme-dns",
        aliases: &["acmedns"],
        title: "acme-dns",
        variables: AcmeDns::VARIABLES,
        exercise: Exercise::Description,
        make: AcmeDns::provider,
    },
    Service {
        name: "azuredns",
        aliases: &["azure"],
        title: "Azure DNS",
        variables: Azure::VARIABLES,
        exercise: Exercise::Description,
        make: Azure::provider,
    },
    Service {
        name: "cloudflare",
        aliases: &[],
        title: "Cloudflare",
        variables: Cloudflare::VARIABLES,
        exercise: Exercise::Description,
        make: Cloudflare::provider,
    },
    Service {
        name: "desec",
        aliases: &[],
        title: "deSEC",
        variables: Desec::VARIABLES,
        exercise: Exercise::Description,
        make: Desec::provider,
    },
    Service {
        name: "digitalocean",
        aliases: &[],
        title: "DigitalOcean",
        variables: DigitalOcean::VARIABLES,
        exercise: Exercise::Description,
        make: DigitalOcean::provider,
    },
    Service {
        name: "gandiv5",
        aliases: &["gandi"],
        title: "Gandi LiveDNS",
        variables: Gandi::VARIABLES,
        exercise: Exercise::Description,
        make: Gandi::provider,
    },
    Service {
        name: "gcloud",
        aliases: &["googleclouddns"],
        title: "Google Cloud DNS",
        variables: GoogleCloud::VARIABLES,
        exercise: Exercise::Description,
        make: GoogleCloud::provider,
    },
    Service {
        name: "hetzner",
        aliases: &["hetznerv1"],
        title: "Hetzner",
        variables: Hetzner::VARIABLES,
        exercise: Exercise::Description,
        make: Hetzner::provider,
    },
    Service {
        name: "httpreq",
        aliases: &[],
        title: "an HTTP server",
        variables: HttpReq::VARIABLES,
        exercise: Exercise::Description,
        make: HttpReq::provider,
    },
    Service {
        name: "ovh",
        aliases: &["ovhcloud"],
        title: "OVHcloud",
        variables: Ovh::VARIABLES,
        exercise: Exercise::Description,
        make: Ovh::provider,
    },
    Service {
        name: "pdns",
        aliases: &["powerdns"],
        title: "PowerDNS",
        variables: PowerDns::VARIABLES,
        exercise: Exercise::Real,
        make: PowerDns::provider,
    },
    Service {
        name: "route53",
        aliases: &[],
        title: "Amazon Route 53",
        variables: Route53::VARIABLES,
        exercise: Exercise::Description,
        make: Route53::provider,
    },
];
