//! Certificates from any ACME (RFC 8555) certificate authority, with a plain blocking API.
//!
//! # Which crate is for me
//!
//! | I want to | crate |
//! |---|---|
//! | obtain certificates in a program, on threads | this one |
//! | obtain certificates in a program, on tokio | `acme-tokio` |
//! | run servers, without programming | the command `acmectl` of `acme-cli` |
//! | test a program that speaks ACME | `acme-testca` |
//! | drive the protocol on my own I/O | `acme-proto` |
//!
//! # In one call
//!
//! ```no_run
//! use acme_lib::{Account, DirectoryUrl, Http01, IssueRequest};
//!
//! let account = Account::builder(DirectoryUrl::LetsEncrypt)
//!     .agree_to_terms()
//!     .key_file("account.pem") // made if absent, before the CA hears of it
//!     .open()?; // finds the account, or registers it
//! let mut solver = Http01::bind("[::]:80")?;
//! let certificate = account.issue(&IssueRequest::new(["example.com"]), &mut solver)?;
//! println!("renew after {}", certificate.renew_after());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Step by step
//!
//! The API that acme-lib is known for: [`Directory::from_url`], [`Directory::account`],
//! [`Account::new_order`], and the types of [`order`]. A store that acme-lib 0.9 wrote is read.
//!
//! ```no_run
//! use acme_lib::persist::FilePersist;
//! use acme_lib::{Directory, DirectoryUrl, Error, create_p384_key};
//!
//! fn request_certificate() -> Result<(), Error> {
//!     let directory = Directory::from_url(FilePersist::new("."), DirectoryUrl::LetsEncryptStaging)?;
//!     let account = directory.account("admin@example.com")?;
//!     let mut order = account.new_order("example.com", &[])?;
//!     let order = loop {
//!         if let Some(order) = order.confirm_validations() {
//!             break order;
//!         }
//!         let authorizations = order.authorizations()?;
//!         let challenge = authorizations[0].http_challenge();
//!         let path = format!("/var/www/.well-known/acme-challenge/{}", challenge.http_token());
//!         std::fs::write(path, challenge.http_proof())?;
//!         challenge.validate(5000)?;
//!         order.refresh()?;
//!     };
//!     let order = order.finalize_pkey(create_p384_key(), 5000)?;
//!     let certificate = order.download_and_save_cert()?;
//!     println!("{} days left", certificate.valid_days_left());
//!     Ok(())
//! }
//! ```
//!
//! # What it is not
//!
//! It starts no thread but for concurrent requests and for [`Http01`], and installs no process-wide
//! state. Of the environment it reads nothing itself; where no root is given, the system's roots
//! are those of `SSL_CERT_FILE` if that is set. It renews nothing by itself.
//!
//! # Log
//!
//! By `tracing`: each request at `debug`. Keys and key authorizations are never logged.
//!
//! # Features
//!
//! `preview` has what no public CA takes and what may still change: account keys of ML-DSA (RFC 9964).
//!
//! `dns` has `Dns01`, a DNS server that answers dns-01 and dns-account-01 for names whose
//! `_acme-challenge` is delegated to it, beside [`Http01`] and [`TlsAlpn01`].
//!
//! `pkcs11` has keys in PKCS#11 tokens: `Token` is the signer of
//! [`remote_key`](AccountBuilder::remote_key).
//!
//! `relay` has `TlsAlpn01Relay`, which answers tls-alpn-01 in front of a TLS server that is already
//! there; it runs on threads of its own, with tokio.

mod account;
pub mod api;
mod certificate;
mod connect;
mod directory;
mod driver;
mod error;
mod issue;
pub mod order;
pub mod persist;

pub use account::{Account, AccountBuilder, RevocationReason};
pub use certificate::{create_p256_key, create_p384_key, create_rsa_key};
pub use directory::{Directory, DirectoryBuilder};
pub use driver::{Interrupt, Journal};
pub use error::{Error, Result};
pub use issue::Issuance;

pub use acme_http::{Transport, TransportResults};
pub use acme_keys::{
    AccountKey, Certificate, CertificateInfo, CertificateSigningRequest, HmacAlgorithm, HmacKey,
    IssueRequest, Issued, IssuedChain, KeyType, PrivateKey, external_key, signature_from_der,
};
#[cfg(feature = "pkcs11")]
pub use acme_keys::{Token, TokenError, TokenKey};
pub use acme_proto::{
    Chain, ChainPreference, ChallengeType, Checkpoint, DirectoryUrl, Event, Identifier, LeftOut, Problem,
    ProblemKind, Refusal, RemoteSigner, RenewalInfo, RenewalMoment, Solver, UserAction,
};
#[cfg(feature = "dns")]
pub use acme_solver::Dns01;
pub use acme_solver::{Http01, TlsAlpn01, TlsAlpn01Responder};
#[cfg(feature = "relay")]
pub use acme_solver::{ProxyHeader, RelayConfig, RelayCounts, TlsAlpn01Relay};

/// The protocol's own types, for what is not re-exported here.
pub use acme_proto as proto;
