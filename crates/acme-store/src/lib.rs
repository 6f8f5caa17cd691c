//! Durable state for ACME certificates: SQLite for the truth, PEM files for servers.
//!
//! It keeps accounts, certificates with the settings to renew them, orders in flight, challenges
//! in place, and the last attempts, in `DIR/acme.db`. What it publishes it also lays out as
//! `DIR/certs/NAME/NNNN/*.pem`, with a link `current` to the newest generation. The database is
//! the truth: every opening completes what a crash left undone in the files.
//!
//! It is no client: it sends nothing, reads no clock and no certificate, and decides nothing.
//! Times are arguments, and are kept to the second.
//!
//! ```
//! use acme_store::{CaSettings, CertificateName, Settings, Store};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("state");
//! # let now = acme_store::Timestamp::UNIX_EPOCH;
//! let store = Store::open(&dir)?;
//! let names = vec!["example.com".parse()?];
//! let name = CertificateName::from_identifier(&names[0])?;
//! store.create_certificate(&name, &Settings::new(names, CaSettings::new("https://ca.example/dir")), now)?;
//! let lock = store.lock_certificate(&name)?;
//! let journal = store.journal(&name);
//! # drop((lock, journal));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Log
//!
//! `error`: an item of the database that is damaged and left out of a list. `warn`: a file that was damaged or missing and was written again, and files that could not be
//! completed at an opening. `debug`: migrations, pruned generations. Keys are never logged.

mod account;
mod attempt;
mod certificate;
mod compromised;
mod database;
mod directory;
mod error;
mod hook;
mod journal;
mod lock;
mod name;
mod projection;
mod publication;
mod renewal;
mod schema;
mod settings;
mod store;

pub use account::Account;
pub use attempt::{Attempt, Outcome};
pub use certificate::{AfterRevocation, CertificateRecord, Certificates, Revocation};
pub use error::{DatabaseError, Error, Expected, ItemError, SpaceError};
pub use hook::{Hook, PendingHook};
pub use jiff::Timestamp;
pub use journal::{Journal, PresentedChallenge};
pub use lock::Lock;
pub use name::{CertificateName, InvalidName};
pub use projection::{Projection, Repair, RepairKind};
pub use publication::{Publication, PublishedGeneration};
pub use renewal::Renewal;
pub use settings::{CaSettings, ChallengeMethod, ChallengeMethods, Change, Settings};
pub use store::Store;
