//! An ACME certificate authority for tests, which misbehaves on purpose.
//!
//! It is strict about what RFC 8555 says a client must do (it refuses what is to be refused, and the
//! `detail` of the problem names the section), and by default does everything that a client must be
//! prepared for: see [`Config`]. What no CA should do, it does when it is told to: see [`Fault`] and
//! [`Script`].
//!
//! It is no CA for anything else. It goes nowhere beyond loopback, and its root says that it is not
//! to be trusted.
//!
//! # In a test
//!
#![cfg_attr(feature = "serve", doc = "```")]
#![cfg_attr(not(feature = "serve"), doc = "```text")]
//! use acme_testca::{Action, Fault, Operation, TestCa};
//!
//! let ca = TestCa::builder()
//!     .http_port(5002) // where the client under test answers http-01
//!     .fault(Fault::on(Operation::Finalize, Action::LoseResponse))
//!     .start()?;
//! // Point the client at ca.directory_url(), let it trust ca.root_pem(), let it issue; then:
//! assert!(ca.counts().orders_finalized <= 1);
//! for request in ca.requests() {
//!     assert!(request.status.is_some_and(|status| status < 500));
//! }
//! # Ok::<(), acme_testca::Error>(())
//! ```
//!
//! # Without a socket
//!
//! [`Ca`] is the same CA as a value: requests and the time go in, [`Reply`]s come out.
//!
//! ```
//! use acme_testca::{Ca, Config};
//!
//! let now = "2026-11-24T08:00:00Z".parse().unwrap();
//! let mut config = Config::gentle();
//! config.base_url = "https://ca.test".to_owned();
//! let mut ca = Ca::new(config, now)?;
//! let request = http::Request::get("https://ca.test/directory")
//!     .header("user-agent", "example/1.0")
//!     .body(Vec::new())
//!     .unwrap();
//! let response = ca.handle(&request, now).into_response().unwrap();
//! assert_eq!(response.status(), 200);
//! # Ok::<(), acme_testca::Error>(())
//! ```
//!
//! # What it does
//!
//! | document | what of it |
//! |---|---|
//! | RFC 8555 | directory, nonces, accounts (ES256, ES384, ES512, RS256, EdDSA) with change of key, external account binding and terms that change; orders of names and wildcards; authorizations, for orders and before them; http-01, dns-01; finalize; download with an alternate chain; revocation by account, by authorizations and by certificate key; the list of orders |
//! | RFC 8737, RFC 8738 | tls-alpn-01, IP addresses |
//! | RFC 8659, RFC 8657 | CAA records, with `accounturi` and `validationmethods` |
//! | RFC 9773 | when to renew, and which certificate an order replaces |
//! | RFC 5280 | lists of revoked certificates; new intermediates and roots while it runs |
//! | RFC 9444 | authorizations for all that is below a name |
//! | RFC 8739 | orders that renew themselves |
//! | RFC 9115 | orders by delegation, and certificates that anybody can fetch |
//! | RFC 9799 | onion services, with onion-csr-01 and CAA records in band |
//! | RFC 9964 | account keys of ML-DSA, with the feature `preview` |
//! | draft-ietf-acme-profiles | profiles |
//! | draft-ietf-acme-dns-account-label | dns-account-01 |
//! | draft-ietf-acme-dns-persist | dns-persist-01, revisions 00, 01 and 02 |
//!
//! [`RateLimits`] are modelled on Let's Encrypt's, and off unless asked for; [`Config::boulder`] and
//! its neighbours set the switches as known CAs have them.
//!
//! A server carries out the validations, each at a port or a resolver of the test's choice. It does
//! not look at them where [`Config::always_valid`] is set.
//!
//! # Logs and features
//!
//! It logs nothing; [`Ca::requests`] has what it saw. The feature `serve` (default) brings
//! [`TestCa`], and with it tokio, hyper and rustls. The feature `preview` has what no public CA has and
//! what may still change: ML-DSA account keys.

/// The examples of the README are compiled and run.
#[cfg(all(doctest, feature = "serve"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod asn1;
mod authority;
mod binding;
mod ca;
mod caa;
#[cfg(feature = "serve")]
mod challenge_server;
mod config;
mod csr;
mod delegation;
mod dice;
mod encoding;
mod error;
mod fault;
mod identifier;
mod jws;
mod key;
mod limit;
mod log;
mod onion;
mod persist;
mod pki;
mod preset;
mod problem;
mod profile;
mod renewal;
mod reply;
mod route;
#[cfg(feature = "serve")]
mod serve;
mod star;
mod state;
mod validation;

pub use authority::Rollover;
pub use binding::MacKey;
pub use ca::{AlwaysValid, Ca, ConnectionId};
pub use caa::{CaaPolicy, CaaRecord};
#[cfg(feature = "serve")]
pub use challenge_server::{ChallengeServer, ChallengeServerBuilder};
pub use config::{AlternateChains, Config, DEFAULT_SEED, Finalize, RetryAfter};
pub use delegation::Delegation;
pub use error::Error;
pub use fault::{
    Action, ChainFault, Fault, MemberFault, ProblemFault, RedirectFault, Script, StatusFault, WindowFault,
};
pub use identifier::Identifier;
pub use limit::{Limit, RateLimits};
pub use log::{Counts, Issued, MAX_RECORDS, RequestRecord};
pub use persist::{DnsPersist, PersistPolicy};
pub use problem::Problem;
pub use profile::Profile;
pub use renewal::RenewalWindow;
pub use reply::{Delivery, Reply};
pub use route::Operation;
#[cfg(feature = "serve")]
pub use serve::{Event, Moment, Pebble, TestCa, TestCaBuilder};
pub use star::AutoRenewal;
pub use validation::{Method, Validation, ValidationId};
