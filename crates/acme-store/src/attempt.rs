//! What was tried for a certificate, and what came of it.

use std::time::Duration;

use acme_proto::{Identifier, Problem};
use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::database::{self, seconds};
use crate::error::Error;
use crate::name::CertificateName;
use crate::store::Store;

/// One attempt to obtain a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    /// The step that it ended in, in the words of the command.
    pub step: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Whose fault it was, in the words of the command.
    #[serde(default)]
    pub fault: Option<String>,
    /// The error and its causes, the outermost first.
    #[serde(default)]
    pub errors: Vec<String>,
    /// The CA's whole problem document, where the CA refused.
    #[serde(default)]
    pub problem: Option<Problem>,
    /// The CA's problem documents about further names.
    #[serde(default)]
    pub other_problems: Vec<Problem>,
    /// The name that it failed for, where it is about one.
    #[serde(default)]
    pub identifier: Option<Identifier>,
    /// Pages that the CA points to for help.
    #[serde(default)]
    pub help: Vec<String>,
    /// How long the CA wants to be left alone.
    #[serde(default)]
    pub retry_after: Option<Duration>,
    /// When the next attempt is allowed.
    #[serde(default)]
    pub next_allowed_at: Option<Timestamp>,
}

impl Attempt {
    /// An attempt with nothing but its outcome.
    #[must_use]
    pub fn new(at: Timestamp, step: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            at,
            step: step.into(),
            outcome,
            fault: None,
            errors: Vec::new(),
            problem: None,
            other_problems: Vec::new(),
            identifier: None,
            help: Vec::new(),
            retry_after: None,
            next_allowed_at: None,
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It failed, and will fail again until somebody does something.
    Failed,
    /// A certificate was published.
    Succeeded,
    /// It failed, and may succeed later.
    Temporary,
}

/// Attempts.
impl Store {
    /// Most attempts that are kept of one certificate.
    pub const MAX_ATTEMPTS: u32 = 20;

    /// Keeps an attempt, and forgets the oldest beyond [`MAX_ATTEMPTS`](Self::MAX_ATTEMPTS).
    ///
    /// A failure counts, and sets when the certificate may be tried again; a success starts over.
    pub fn record_attempt(&self, name: &CertificateName, attempt: &Attempt) -> Result<(), Error> {
        self.write(|database, path| {
            let (failures, next) = match attempt.outcome {
                Outcome::Failed | Outcome::Temporary => {
                    ("failures + 1", attempt.next_allowed_at.map(seconds))
                }
                Outcome::Succeeded => ("0", None),
            };
            let updated = database::execute(
                database,
                path,
                &format!(
                    "UPDATE certificates SET failures = {failures}, next_attempt_at = ?2 WHERE name = ?1"
                ),
                params![name.as_str(), next],
            )?;
            if updated == 0 {
                return Err(Error::NoSuchCertificate { name: name.clone() });
            }
            let body = database::to_json(path, "an attempt", attempt)?;
            database::execute(
                database,
                path,
                "INSERT INTO attempts (name, body) VALUES (?1, ?2)",
                params![name.as_str(), body],
            )?;
            database::execute(
                database,
                path,
                "DELETE FROM attempts WHERE name = ?1 AND id NOT IN \
                 (SELECT id FROM attempts WHERE name = ?1 ORDER BY id DESC LIMIT ?2)",
                params![name.as_str(), Self::MAX_ATTEMPTS],
            )?;
            Ok(())
        })
    }

    /// Lists the last attempts of a certificate, the newest first.
    pub fn attempts(&self, name: &CertificateName) -> Result<Vec<Attempt>, Error> {
        self.read(|database, path| {
            database::rows(
                database,
                path,
                &format!("an attempt for '{name}'"),
                "SELECT body FROM attempts WHERE name = ?1 ORDER BY id DESC",
                params![name.as_str()],
                |row| database::json(row, "body"),
            )
        })
    }
}
