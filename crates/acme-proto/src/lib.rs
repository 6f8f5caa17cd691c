//! The ACME protocol (RFC 8555) without I/O.
#![no_std]

extern crate alloc;

mod account;
mod authorization;
mod authorize;
mod base64url;
mod call;
mod chain;
mod challenge;
mod checkpoint;
mod directory;
mod error;
mod finalize;
mod flow;
mod identifier;
mod issue;
mod json;
mod jws;
pub mod limits;
mod nonce;
mod open_order;
mod order;
mod part;
mod poll;
mod problem;
mod reply;
mod revocation;
mod round;
mod session;
mod signer;
mod solver;
mod url;

pub use account::{Account, AccountStatus, ExternalAccount, OpenAccount, Registration};
pub use authorization::{Authorization, AuthorizationStatus};
pub use call::Call;
pub use chain::{Chain, Leaf};
pub use challenge::{Challenge, ChallengeStatus, ChallengeType, OfferedChallenge};
pub use checkpoint::{Checkpoint, Intent, SecretText};
pub use directory::{Directory, DirectoryMeta};
pub use error::{
    Delivery, Error, Misuse, ProtocolError, Refusal, SignError, SolverError, StoreError, TransportError,
    TransportErrorKind, Unfinished, Violation,
};
pub use finalize::Finalize;
pub use flow::{Exchange, Flow, Input, Operation, Step, ToSign};
pub use identifier::{Identifier, IdentifierError};
pub use issue::{Issue, Issued};
pub use order::{Order, OrderStatus, OrdersPage};
pub use poll::Poll;
pub use problem::{Problem, ProblemKind};
pub use revocation::{RevocationReason, Revoke};
pub use session::{Session, Sha256, Thumbprint};
pub use signer::{Algorithm, Jwk, Mac, Signer};
pub use solver::{AsyncSolver, Solver, SolverFuture};
