//! What can go wrong for the one who runs the CA (what goes wrong for clients is a [`Problem`]).
//!
//! [`Problem`]: crate::Problem

use std::{error::Error as StdError, net::IpAddr};

/// Why the CA could not be made, loaded, scripted or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The state is not one that [`Ca::save`](crate::Ca::save) wrote, or it is damaged.
    #[error("the saved state of the test CA is damaged: {part}")]
    DamagedState {
        /// Which part of it cannot be used.
        part: &'static str,
        /// Why, where something can be said.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The state was written by a version of this crate with another format.
    #[error("the saved state of the test CA has format {found}, this version reads format {supported}")]
    StateVersion {
        /// The format found.
        found: u64,
        /// The only format that is read.
        supported: u64,
    },
    /// The fault script is not TOML, or not a fault script.
    #[error("the fault script cannot be used")]
    Script(#[source] Box<dyn StdError + Send + Sync>),
    /// The configuration makes no sense.
    #[error("the configuration of the test CA is wrong: {0}")]
    Config(&'static str),
    /// The test CA never listens on, nor validates at, an address beyond loopback.
    #[error("{0} is not a loopback address, and the test CA goes nowhere else")]
    NotLoopback(IpAddr),
    /// A resolve rule is not `PATTERN=ADDRESS`.
    #[error("{0:?} is not a resolve rule: write PATTERN=ADDRESS, as in *=127.0.0.1")]
    ResolveRule(String),
    /// The cryptographic library refused to make a key or to sign.
    #[error("the cryptographic library failed to {0}")]
    Crypto(&'static str),
    /// The server could not be set up.
    #[error("the server of the test CA cannot {what}")]
    Serve {
        /// What it was about to do.
        what: &'static str,
        /// Why it could not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn damaged(part: &'static str) -> Self {
        Self::DamagedState { part, source: None }
    }

    pub(crate) fn damaged_by(part: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::DamagedState { part, source: Some(source.into()) }
    }
}
