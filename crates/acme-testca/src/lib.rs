//! An ACME certificate authority for tests, which misbehaves on purpose.

mod asn1;
mod ca;
mod config;
mod csr;
mod dice;
mod encoding;
mod error;
mod fault;
mod identifier;
mod jws;
mod key;
mod log;
mod pki;
mod problem;
mod reply;
mod route;
#[cfg(feature = "serve")]
mod serve;
mod state;
mod validation;

pub use ca::{AlwaysValid, Ca, ConnectionId};
pub use config::{Config, DEFAULT_SEED, Finalize, RetryAfter};
pub use error::Error;
pub use fault::{
    Action, ChainFault, Fault, MemberFault, ProblemFault, RedirectFault, Script, StatusFault,
};
pub use identifier::Identifier;
pub use log::{Counts, Issued, MAX_RECORDS, RequestRecord};
pub use problem::Problem;
pub use reply::{Delivery, Reply};
pub use route::Operation;
pub use validation::{Method, Validation, ValidationId};
#[cfg(feature = "serve")]
pub use serve::{Event, Moment, TestCa, TestCaBuilder};
