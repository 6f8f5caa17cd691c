//! Puts ACME challenge responses in place and takes them away.
//!
//! What it is: ready-made [`Solver`](acme_proto::Solver)s, on the calling thread. [`Http01`]
//! answers http-01 on a port of its own, [`StatelessHttp01`] leaves it to a server that knows the account, [`Webroot`] leaves files for a web server that is
//! already there, [`TlsAlpn01`] answers tls-alpn-01 on a port of its own and [`TlsAlpn01Responder`]
//! in a rustls server that is already there, [`PerName`] picks a solver by name, and [`Checked`]
//! looks at the responses as the CA will before the CA is told. [`dns`] has dns-01 by the APIs of
//! DNS services.
//!
//! With the feature `dns`, `Propagated` waits until every authoritative server of a zone shows
//! what a solver put there, `Resolver` is what it asks with, and `check` says what is wrong with how a
//! name is set up. `Persisted` proves control by records that stay.
//!
//! What it is not: a web server, an HTTP client, or a client of a CA.
//!
//! ```
//! use acme_proto::{ChallengeType, Identifier, Solver};
//! use acme_solver::Http01;
//!
//! // Port 80 for a real CA: `Http01::bind_any(80)`.
//! let solver = Http01::bind("127.0.0.1:0")?;
//! let name: Identifier = "example.com".parse()?;
//! assert_eq!(solver.challenge_types(&name), [ChallengeType::Http01]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Log: `debug` for each response put in place or taken away and for each look at one, `warn`
//! for a response that others see differently. Key authorizations are never logged.
//!
//! Feature `blocking` (default): `dns::DnsSolver`, dns-01 for threads.
//!
//! Feature `tokio`: the same as [`AsyncSolver`](acme_proto::AsyncSolver)s, `dns::AsyncDnsSolver`, `AsyncHttp01` and
//! `AsyncTlsAlpn01` with ports of their own and `Http01Responder` for a server that is there, and
//! `Threaded`, which runs any other solver from tokio; and `TlsAlpn01Relay`, with `AsyncTlsAlpn01Relay`,
//! which answers tls-alpn-01 in front of a TLS server that is already there.

#[cfg(feature = "dns")]
pub mod check;
pub mod dns;
#[cfg(feature = "dns")]
mod dns01;
mod http01;
mod listener;
mod local_addresses;
mod per_name;
#[cfg(feature = "dns")]
mod persist;
mod port_owner;
#[cfg(feature = "dns")]
mod propagation;
#[cfg(feature = "tokio")]
mod relay;
#[cfg(feature = "dns")]
mod resolver;
mod response;
mod self_check;
#[cfg(feature = "tokio")]
mod threaded;
mod tls_alpn01;
#[cfg(feature = "dns")]
mod together;
mod webroot;

#[cfg(all(feature = "dns", feature = "tokio"))]
pub use dns01::AsyncDns01;
#[cfg(feature = "dns")]
pub use dns01::Dns01;
#[cfg(feature = "tokio")]
pub use http01::{AsyncHttp01, Http01Responder};
pub use http01::{Http01, StatelessHttp01};
pub use listener::BindError;
pub use local_addresses::local_addresses;
pub use per_name::{Member, PerName};
#[cfg(feature = "dns")]
pub use persist::{NotStanding, PersistSight, PersistWitness, Persisted};
pub use port_owner::{PortOwner, port_owner};
#[cfg(feature = "dns")]
pub use propagation::{Hearsay, MIN_LOOKS, Propagated, Sighting, Standing};
#[cfg(feature = "tokio")]
pub use relay::{AsyncTlsAlpn01Relay, ProxyHeader, RelayConfig, RelayCounts, TlsAlpn01Relay};
#[cfg(feature = "dns")]
pub use resolver::{
    Answer, NameServer, RecordData, RecordKind, Records, ResolveError, Resolver, Testimony, Zone,
};
pub use response::ResponseError;
pub use self_check::{CheckError, Checked, Detour, Finding, Outcome, SelfCheck};
#[cfg(feature = "tokio")]
pub use threaded::Threaded;
#[cfg(feature = "tokio")]
pub use tls_alpn01::AsyncTlsAlpn01;
pub use tls_alpn01::{TlsAlpn01, TlsAlpn01Responder};
pub use webroot::{Webroot, WebrootError};
