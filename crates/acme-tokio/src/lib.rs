//! Certificates from any ACME (RFC 8555) certificate authority, on tokio.
//!
//! # Which crate is for me
//!
//! | I want to | crate |
//! |---|---|
//! | obtain certificates in a program on tokio | this one |
//! | obtain certificates in a program with threads | `acme-lib` |
//! | run servers, without programming | the command `acmectl` of `acme-cli` |
//! | test a program that speaks ACME | `acme-testca` |
//! | drive the protocol on my own I/O | `acme-proto` |
//!
//! # In one call
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use acme_tokio::{Account, DirectoryUrl, Http01, IssueRequest};
//!
//! let account = Account::builder(DirectoryUrl::LetsEncrypt)
//!     .agree_to_terms()
//!     .key_file("account.pem") // made if absent, before the CA hears of it
//!     .open() // finds the account, or registers it
//!     .await?;
//! let mut solver = Http01::bind("[::]:80").await?;
//! let certificate = account.issue(&IssueRequest::new(["example.com"]), &mut solver).await?;
//! println!("renew after {}", certificate.renew_after());
//! # Ok(())
//! # }
//! ```
//!
//! A web server that is there answers with [`Http01Responder`]; `examples/axum.rs` shows it. In front of a
//! TLS server that knows nothing of it, [`TlsAlpn01Relay`] answers.
//!
//! # When a future is dropped
//!
//! Its requests end, and no request follows. What the issuance may have put in place is handed, with
//! its own copy of the solver, to a task that takes it away: see [`Account::issue`].
//!
//! # What it is not
//!
//! It starts no runtime and no thread but for look-ups, files and keys that take long, reads no
//! environment variable, and installs no process-wide state. It renews nothing by itself. All
//! futures need a tokio runtime with time and I/O enabled.
//!
//! # Log
//!
//! By `tracing`: each request at `debug`, and at `warn` a response that a dropped issuance left in
//! place. Keys and key authorizations are never logged.
//!
//! # Features
//!
//! `preview` has what no public CA takes and what may still change: account keys of ML-DSA (RFC 9964).
//!
//! `dns` has `Dns01`, a DNS server that answers dns-01 and dns-account-01 for names whose
//! `_acme-challenge` is delegated to it, beside [`Http01`] and [`TlsAlpn01`].
//!
//! `pkcs11` has keys in PKCS#11 tokens: `ThreadedSigner` makes of a `Token` the signer of
//! [`remote_key`](AccountBuilder::remote_key).

mod account;
mod connect;
mod driver;
mod error;
mod interrupt;
mod issue;
mod journal;
mod running;
mod threaded_signer;

pub use account::{Account, AccountBuilder};
pub use error::{Error, Result};
pub use interrupt::Interrupt;
pub use issue::Issuance;
pub use journal::{Journal, JournalFuture};
pub use threaded_signer::ThreadedSigner;

pub use acme_http::{AsyncClient, AsyncTransport, TransportFuture, TransportResults};
pub use acme_keys::{
    AccountKey, Certificate, CertificateInfo, CertificateSigningRequest, HmacAlgorithm, HmacKey,
    IssueRequest, Issued, IssuedChain, KeyType, PrivateKey, external_key, signature_from_der,
};
#[cfg(feature = "pkcs11")]
pub use acme_keys::{Token, TokenError, TokenKey};
pub use acme_proto::{
    AsyncRemoteSigner, AsyncSolver, Chain, ChainPreference, ChallengeType, Checkpoint, DirectoryUrl, Event,
    Identifier, LeftOut, Problem, ProblemKind, Refusal, RemoteSigner, RenewalInfo, RenewalMoment,
    RevocationReason, UserAction,
};
#[cfg(feature = "dns")]
pub use acme_solver::AsyncDns01 as Dns01;
pub use acme_solver::{
    AsyncHttp01 as Http01, AsyncTlsAlpn01 as TlsAlpn01, AsyncTlsAlpn01Relay as TlsAlpn01Relay,
    Http01Responder, ProxyHeader, RelayConfig, RelayCounts, Threaded, TlsAlpn01Responder,
};

/// The protocol's own types, for what is not re-exported here.
pub use acme_proto as proto;
