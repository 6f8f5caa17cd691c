//! The ACME protocol (RFC 8555) without I/O.
#![no_std]

extern crate alloc;

mod base64url;
mod challenge;
mod checkpoint;
mod error;
mod flow;
mod identifier;
mod json;
mod problem;
mod session;
mod signer;
mod solver;

pub use challenge::{Challenge, ChallengeStatus, ChallengeType, OfferedChallenge};
pub use checkpoint::{Checkpoint, Intent, SecretText};
pub use error::{
    Delivery, Error, Misuse, ProtocolError, Refusal, SignError, SolverError, StoreError, TransportError,
    TransportErrorKind, Unfinished, Violation,
};
pub use flow::{Exchange, Flow, Input, Operation, Step, ToSign};
pub use identifier::{Identifier, IdentifierError};
pub use problem::{Problem, ProblemKind};
pub use signer::{Algorithm, Jwk, Mac, Signer};
pub use solver::{AsyncSolver, Solver, SolverFuture};
