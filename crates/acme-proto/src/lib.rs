//! The ACME protocol (RFC 8555) without I/O: flows that say what to do next.
//!
//! # What it is
//! Everything that a client of a certificate authority has to know: directory, nonces, signed
//! requests, accounts, orders, authorizations, challenge values, certificate chains, revocation,
//! and what to do when any of it fails, is lost, or is interrupted. It takes time, randomness,
//! digests and keys as arguments, so that the same inputs always lead to the same steps.
//!
//! # What it is not
//! It opens no connection, reads no clock, writes no file, and names no crypto library: a *driver*
//! does. It does not decide when to renew or which CA to ask, and it keeps nothing between two runs
//! but what the driver makes durable.
//!
//! # Which crate is for me
//!
//! | I want to | crate |
//! |---|---|
//! | obtain certificates from a program with threads | `acme-lib` |
//! | drive the protocol from a runtime of my own | this one |
//! | sign, digest, and make keys and requests for it | `acme-keys` |
//! | carry out its [`Exchange`]s over HTTPS | `acme-http` |
//! | put its [`Challenge`]s in place | `acme-solver` |
//! | test a client against a CA that misbehaves | `acme-testca` |
//!
//! # The loop
//! A [`Flow`] has one thing outstanding: the [`Step`] that it returned last. Its driver carries the
//! step out and hands the result back as an [`Input`]; it decides nothing, retries nothing, and
//! follows no redirect. [`Issue`] is the flow that obtains a certificate, [`OpenAccount`] the one
//! before it. This is all of a driver, for threads; one for a runtime differs by `.await`:
//!
//! ```
//! use acme_proto::{Challenge, Checkpoint, Error, Exchange, Flow, Input, Session, Step, StoreError};
//! use acme_proto::{SolverError, TransportError};
//! # use acme_proto::{Delivery, Directory, TransportErrorKind};
//!
//! /// What a driver has at hand.
//! trait World {
//!     fn now(&self) -> jiff::Timestamp;
//!     fn sleep(&mut self, time: core::time::Duration);
//!     fn send(&mut self, exchange: &Exchange) -> Result<http::Response<Vec<u8>>, TransportError>;
//!     fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), StoreError>;
//!     fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>>;
//!     fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>>;
//! }
//!
//! fn drive<F>(flow: &mut F, session: &mut Session, world: &mut impl World) -> Result<F::Output, Error>
//! where
//!     F: Flow<Context = Session>,
//! {
//!     let mut input = Input::Start;
//!     loop {
//!         input = match flow.resume(session, input, world.now())? {
//!             Step::Exchange(exchanges) => {
//!                 Input::Responses(exchanges.iter().map(|exchange| world.send(exchange)).collect())
//!             }
//!             Step::Wait(time) => {
//!                 world.sleep(time);
//!                 Input::Elapsed
//!             }
//!             Step::Save(checkpoint) => Input::Saved(world.save(&checkpoint)),
//!             Step::Present(challenges) => Input::Solver(world.present(&challenges)),
//!             Step::Withdraw(challenges) => Input::Solver(world.withdraw(&challenges)),
//!             Step::Done(output) => return Ok(output),
//!             // `Step::Sign`, for keys outside the process, and what is yet to come.
//!             _ => Input::Cancel,
//!         };
//!     }
//! }
//! #
//! # struct Canned;
//! # impl World for Canned {
//! #     fn now(&self) -> jiff::Timestamp { jiff::Timestamp::UNIX_EPOCH }
//! #     fn sleep(&mut self, _: core::time::Duration) {}
//! #     fn send(&mut self, exchange: &Exchange) -> Result<http::Response<Vec<u8>>, TransportError> {
//! #         if exchange.request.uri() != "https://ca.example/directory" {
//! #             return Err(TransportError::new(Delivery::NotSent, TransportErrorKind::Resolve, "no such host"));
//! #         }
//! #         Ok(http::Response::new(br#"{"meta":{"website":"https://ca.example/"}}"#.to_vec()))
//! #     }
//! #     fn save(&mut self, _: &Checkpoint) -> Result<(), StoreError> { Ok(()) }
//! #     fn present(&mut self, _: &[Challenge]) -> Vec<Result<(), SolverError>> { Vec::new() }
//! #     fn withdraw(&mut self, _: &[Challenge]) -> Vec<Result<(), SolverError>> { Vec::new() }
//! # }
//! # fn sha256(_: &[u8]) -> [u8; 32] { [0; 32] }
//!
//! let mut session = Session::new("https://ca.example/directory", "my-program/1.0", sha256, 42)?;
//! let directory = drive(&mut Directory::fetch(), &mut session, &mut Canned)?;
//! assert_eq!(directory.meta.website.as_deref(), Some("https://ca.example/"));
//! # Ok::<(), Error>(())
//! ```
//!
//! # What a driver has to hold to
//! - [`Step::Save`] is durable before it is answered. What is saved last is enough to go on after a
//!   crash at any instant: [`Issue::resume_from`].
//! - [`Input::Cancel`] is welcome in any state, and is followed by the steps that leave nothing behind.
//! - A flow that is dropped instead leaves [`Flow::presented`] to be taken away.
//! - A session is shared by all flows of an account, and locked for one `resume` only.
//!
//! # Log
//! This crate does not log. Drivers open a span for each exchange from its [`Operation`] and from what
//! the flow is about. `Debug` of keys, challenges and checkpoints leaves secrets out.
//!
//! # Features
//! None. The crate is `no_std` with `alloc`, so that its own code can't name a clock or a file; the
//! crate `http` links `std` all the same.
#![no_std]

extern crate alloc;

mod account;
mod alternates;
mod authorization;
mod authorize;
mod base64url;
mod call;
mod chain;
mod challenge;
mod checkpoint;
mod contact;
mod deactivation;
mod delegation;
mod directory;
mod directory_url;
mod error;
mod event;
mod extended;
mod finalize;
mod flow;
mod identifier;
mod issue;
mod json;
mod jws;
pub mod limits;
mod nonce;
mod onion;
mod open_order;
mod order;
mod order_list;
mod part;
mod persist;
mod poll;
mod pre_authorize;
mod problem;
mod registration;
mod renewal;
mod reply;
mod request;
mod revocation;
mod roll_over;
mod round;
mod session;
mod signer;
mod solver;
mod star;
mod url;
mod wish;

pub use account::{Account, AccountStatus};
pub use alternates::{ChainPreference, Chains};
pub use authorization::{Authorization, AuthorizationStatus};
pub use call::Call;
pub use chain::{Chain, Leaf};
pub use challenge::{Challenge, ChallengeStatus, ChallengeType, OfferedChallenge};
pub use checkpoint::{Checkpoint, Intent, LeftOut, SecretText};
pub use contact::ContactError;
pub use deactivation::DeactivateAccount;
pub use delegation::{Delegation, DelegationsPage};
pub use directory::{AutoRenewalMeta, Directory, DirectoryMeta};
pub use directory_url::DirectoryUrl;
pub use error::{
    Delivery, Error, KeyInUse, Misuse, ProtocolError, Refusal, SignError, SolverError, StoreError,
    TransportError, TransportErrorKind, Unfinished, UserAction, Violation,
};
pub use event::Event;
pub use extended::{ExtendedIssued, ExtendedOrder, Extension, IssueExtended};
pub use finalize::Finalize;
pub use flow::{Exchange, Flow, Input, Operation, Step, ToSign};
pub use identifier::{Identifier, IdentifierError};
pub use issue::{Issue, Issued};
pub use onion::OnionService;
pub use order::{Order, OrderStatus, OrdersPage};
pub use order_list::{ListOrders, OrderList};
pub use persist::{PersistFault, PersistFindings, PersistPolicy, PersistRecord, PersistSyntax};
pub use poll::Poll;
pub use pre_authorize::{PreAuthorize, PreAuthorized};
pub use problem::{Problem, ProblemKind};
pub use registration::{ExternalAccount, OpenAccount, Registration};
pub use renewal::{CertificateId, RenewalInfo, RenewalMoment, SuggestedWindow};
pub use revocation::{RevocationReason, Revoke};
pub use roll_over::RollOver;
pub use session::{Respondent, Session, Sha256, Thumbprint};
pub use signer::{
    Algorithm, AsyncRemoteSigner, ExternalKey, Jwk, Mac, RemoteSigner, SignFuture, Signer, SigningKey,
};
pub use solver::{AsyncSolver, Solver, SolverFuture};
pub use star::AutoRenewal;
pub use wish::{OrderOption, Profile};
