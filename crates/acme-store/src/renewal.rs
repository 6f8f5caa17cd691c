//! What CAs say about when to renew.

use acme_proto::RenewalMoment;
use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::certificate;
use crate::database::{self, seconds};
use crate::error::Error;
use crate::name::CertificateName;
use crate::store::Store;

/// What a CA has said about the renewal of a certificate's newest generation.
///
/// <https://www.rfc-editor.org/rfc/rfc9773#section-4.2>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Renewal {
    /// The moment that was drawn, with its window; `None` until the CA has named a window.
    #[serde(default)]
    pub moment: Option<RenewalMoment>,
    /// A page for people that says why.
    #[serde(default)]
    pub explanation_url: Option<String>,
    /// When to ask again.
    pub next_check_at: Timestamp,
    /// How often in a row asking has failed.
    #[serde(default)]
    pub failures: u32,
}

impl Renewal {
    /// Nothing yet, but when to ask again.
    #[must_use]
    pub fn new(next_check_at: Timestamp) -> Self {
        Self { moment: None, explanation_url: None, next_check_at, failures: 0 }
    }
}

/// Renewal information.
impl Store {
    /// Keeps what the CA has said about a generation, and sets when the certificate is due if `due`
    /// is given. Tells whether it was kept: not if the generation is the newest no more.
    ///
    /// The next publication takes it back.
    pub fn note_renewal(
        &self,
        name: &CertificateName,
        generation: u32,
        renewal: &Renewal,
        due: Option<Timestamp>,
    ) -> Result<bool, Error> {
        self.write(|database, path| {
            let record =
                certificate::find(database, path, name)?.ok_or_else(|| certificate::missing(name))?;
            if record.current.is_none_or(|current| current.generation != generation) {
                return Ok(false);
            }
            let body = database::to_json(path, "a certificate's renewal information", renewal)?;
            let sql = "UPDATE certificates SET renewal = ?2, due = coalesce(?3, due) WHERE name = ?1";
            database::execute(database, path, sql, params![name.as_str(), body, due.map(seconds)])?;
            Ok(true)
        })
    }
}
