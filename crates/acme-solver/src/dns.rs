//! dns-01 and dns-account-01 by the API of whoever serves the zone.
//!
//! A [`DnsProvider`] is credentials and two tasks: which zones there are, and how one is changed.
//! [`find_zones`] and [`change_zones`] make flows of them, requests out and responses in, that any
//! driver carries out; [`DnsSolver`] is the one for threads, `AsyncDnsSolver` the one for tokio.
//!
//! All values of an order go to a zone in one [`Change`], several values at one name among them,
//! and zones are changed at the same time. Values that others put at a name stay. What a solver
//! does not do: wait until name servers show the records. Wrap it for that, as
//! [`Checked`](crate::Checked) does for http-01.
//!
//! With the feature `dns`, `DnsUpdate` writes by dynamic updates (RFC 2136) instead, to a name server
//! of one's own.
//!
//! ```
//! use acme_solver::dns;
//!
//! let variables = |name: &str| match name {
//!     "PDNS_API_URL" => Some("http://127.0.0.1:8081".to_owned()),
//!     "PDNS_API_KEY" => Some("secret".to_owned()),
//!     _ => None,
//! };
//! let service = dns::service("pdns").ok_or("no such service")?;
//! let provider = service.provider(&variables)?;
//! assert_eq!(format!("{provider:?}"), "PowerDns");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! <https://www.rfc-editor.org/rfc/rfc8555#section-8.4>

mod api;
mod change;
mod credentials;
mod delegation;
mod desk;
mod error;
mod flow;
mod oauth;
#[cfg(any(feature = "blocking", feature = "dns", feature = "tokio"))]
mod plan;
mod provider;
mod records;
mod request;
mod rrset;
mod secret;
mod service;
#[cfg(feature = "blocking")]
mod solver;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(any(feature = "blocking", feature = "dns", feature = "tokio"))]
mod turns;
#[cfg(feature = "dns")]
mod update;
mod zone;

pub use api::{Api, Reply, Task, all};
pub use change::{Action, Change, Record, quoted, unquoted};
pub use credentials::{CredentialError, Need, Variable};
pub use delegation::Delegation;
pub use error::{DnsError, DnsErrorKind};
pub use flow::DnsFlow;
pub use provider::{DnsProvider, Fault, Profile, change_zones, find_zones};
pub use secret::Secret;
pub use service::{Exercise, Service, service, services};
#[cfg(feature = "blocking")]
pub use solver::DnsSolver;
#[cfg(feature = "tokio")]
pub use tokio::AsyncDnsSolver;
#[cfg(feature = "dns")]
pub use update::{DnsUpdate, TsigFault, UpdateError};
pub use zone::{Zone, candidates};
