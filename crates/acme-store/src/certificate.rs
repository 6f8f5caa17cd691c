//! Certificates: what is kept of each, and what it is made with.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::database::{self, seconds};
use crate::error::Error;
use crate::hook::{self, PendingHook};
use crate::name::CertificateName;
use crate::publication::{self, PublishedGeneration};
use crate::renewal::Renewal;
use crate::settings::{Change, Settings};
use crate::store::Store;

/// A certificate as it is kept: from the first attempt to obtain it until it is deleted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CertificateRecord {
    /// Its name.
    pub name: CertificateName,
    /// What it is made with.
    pub settings: Settings,
    /// When it was first asked for.
    pub created: Timestamp,
    /// The newest generation, once there is one.
    pub current: Option<PublishedGeneration>,
    /// When to renew it; `None` until there is a generation.
    pub due: Option<Timestamp>,
    /// When it may be tried again after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// How often in a row it has failed.
    pub failures: u32,
    /// Its revocation, if the newest generation was revoked.
    pub revocation: Option<Revocation>,
    /// What the CA has said about the renewal of the newest generation.
    pub renewal: Option<Renewal>,
    /// The hooks that have yet to run for it.
    pub pending_hooks: Vec<PendingHook>,
}

/// The revocation of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// The reason code, if one was given (RFC 5280, section 5.3.1).
    pub reason: Option<u32>,
    /// What comes after it.
    pub then: AfterRevocation,
}

impl Revocation {
    /// A revocation without a reason.
    #[must_use]
    pub fn new(at: Timestamp, then: AfterRevocation) -> Self {
        Self { at, reason: None, then }
    }

    /// Adds the reason code.
    #[must_use]
    pub fn with_reason(self, reason: u32) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

/// What comes after a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRevocation {
    /// It is replaced: it is due at once.
    Replace,
    /// It is not renewed any more.
    Retire,
}

/// Certificates, and those that can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Certificates {
    /// The certificates, by name.
    pub records: Vec<CertificateRecord>,
    /// The ones that are damaged, each with its own error; the others are not affected.
    pub damaged: Vec<Error>,
}

/// Certificates.
impl Store {
    /// Starts to keep a certificate, or returns the one of that name as it is.
    pub fn create_certificate(
        &self,
        name: &CertificateName,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<CertificateRecord, Error> {
        self.finish_removal(name)?;
        self.write(|database, path| {
            let body = database::to_json(path, "a certificate's settings", settings)?;
            database::execute(
                database,
                path,
                "INSERT OR IGNORE INTO certificates (name, settings, created) VALUES (?1, ?2, ?3)",
                params![name.as_str(), body, seconds(now)],
            )?;
            find(database, path, name)?.ok_or_else(|| missing(name))
        })
    }

    /// Finds a certificate.
    pub fn certificate(&self, name: &CertificateName) -> Result<Option<CertificateRecord>, Error> {
        self.read(|database, path| find(database, path, name))
    }

    /// Lists all certificates.
    pub fn certificates(&self) -> Result<Certificates, Error> {
        self.read(|database, path| list(database, path, "SELECT name FROM certificates ORDER BY name", []))
    }

    /// Lists the certificates to renew: due and not left alone after a failure, the earliest first.
    ///
    /// A certificate without a generation is due. One that was retired never is.
    pub fn due_certificates(&self, now: Timestamp) -> Result<Certificates, Error> {
        let sql = "SELECT name FROM certificates WHERE is_retired = 0 AND (due IS NULL OR due <= ?1) \
                   AND (next_attempt_at IS NULL OR next_attempt_at <= ?1) ORDER BY due, name";
        self.read(|database, path| list(database, path, sql, params![seconds(now)]))
    }

    /// Puts other settings in place, and says what differs.
    ///
    /// If something does, the certificate is not left alone any longer after a failure.
    pub fn update_settings(&self, name: &CertificateName, settings: &Settings) -> Result<Vec<Change>, Error> {
        self.write(|database, path| {
            let stored = self::settings(database, path, name)?;
            let mut settings = settings.clone();
            settings.adopt_unknown(&stored);
            let changes = stored.changes(&settings);
            if !changes.is_empty() {
                let body = database::to_json(path, "a certificate's settings", &settings)?;
                update(database, path, name, "settings = ?2, next_attempt_at = NULL", body)?;
            }
            Ok(changes)
        })
    }

    /// Sets when a certificate is to be renewed.
    pub fn set_due(&self, name: &CertificateName, due: Timestamp) -> Result<(), Error> {
        self.write(|database, path| update(database, path, name, "due = ?2", seconds(due)))
    }

    /// Notes that the newest generation was revoked. The next publication takes that back.
    pub fn mark_revoked(&self, name: &CertificateName, revocation: &Revocation) -> Result<(), Error> {
        let (assignments, is_retired) = match revocation.then {
            AfterRevocation::Replace => ("due = ?2, next_attempt_at = NULL", false),
            AfterRevocation::Retire => ("due = due", true),
        };
        self.write(|database, path| {
            update(database, path, name, &format!("revoked_at = ?2, {assignments}"), seconds(revocation.at))?;
            update(database, path, name, "revocation_reason = ?2", revocation.reason)?;
            update(database, path, name, "is_retired = ?2", is_retired)
        })
    }

    /// Forgets a certificate with its keys, attempts and files.
    ///
    /// Challenges that may be in place stay listed. On [`Error::Removal`] only its files are left.
    pub fn delete_certificate(&self, name: &CertificateName) -> Result<(), Error> {
        self.write(|database, path| {
            let removed = database::execute(
                database,
                path,
                "DELETE FROM certificates WHERE name = ?1",
                params![name.as_str()],
            )?;
            if removed == 0 {
                return Err(missing(name));
            }
            let sql = "INSERT OR IGNORE INTO removals (name) VALUES (?1)";
            database::execute(database, path, sql, params![name.as_str()])?;
            Ok(())
        })?;
        match self.finish_removal(name) {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Removal { name: name.clone(), source: Box::new(source) }),
        }
    }
}

pub(crate) fn missing(name: &CertificateName) -> Error {
    Error::NoSuchCertificate { name: name.clone() }
}

pub(crate) fn settings(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
) -> Result<Settings, Error> {
    database
        .query_row("SELECT settings FROM certificates WHERE name = ?1", params![name.as_str()], |row| {
            database::json(row, "settings")
        })
        .optional()
        .map_err(|error| database::item_error(path, &item(name), error))?
        .ok_or_else(|| missing(name))
}

fn update(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
    assignments: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), Error> {
    let sql = format!("UPDATE certificates SET {assignments} WHERE name = ?1");
    match database::execute(database, path, &sql, params![name.as_str(), value])? {
        0 => Err(missing(name)),
        _ => Ok(()),
    }
}

fn list(
    database: &Connection,
    path: &Path,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Certificates, Error> {
    let names =
        database::rows(database, path, "a certificate", sql, params, |row| row.get::<_, String>("name"))?;
    let mut listing = Certificates { records: Vec::with_capacity(names.len()), damaged: Vec::new() };
    for name in names {
        let found = CertificateName::new(name.clone())
            .map_err(|error| Error::DamagedItem {
                path: path.to_path_buf(),
                item: format!("the certificate {name:?}"),
                source: crate::error::ItemError::new(error),
            })
            .and_then(|name| find(database, path, &name));
        match found {
            Ok(record) => listing.records.extend(record),
            Err(error @ Error::DamagedItem { .. }) => listing.damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(listing)
}

pub(crate) fn find(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
) -> Result<Option<CertificateRecord>, Error> {
    let found = database
        .query_row("SELECT * FROM certificates WHERE name = ?1", params![name.as_str()], record)
        .optional()
        .map_err(|error| database::item_error(path, &item(name), error))?;
    let Some(mut record) = found else { return Ok(None) };
    record.current = publication::newest(database, path, name)?;
    record.pending_hooks = hook::of(database, path, name)?;
    Ok(Some(record))
}

fn record(row: &Row<'_>) -> rusqlite::Result<CertificateRecord> {
    let then = if row.get("is_retired")? { AfterRevocation::Retire } else { AfterRevocation::Replace };
    let reason = row.get("revocation_reason")?;
    let revoked_at = database::optional_time(row, "revoked_at")?;
    Ok(CertificateRecord {
        name: database::name(row, "name")?,
        settings: database::json(row, "settings")?,
        created: database::time(row, "created")?,
        current: None,
        due: database::optional_time(row, "due")?,
        next_attempt_at: database::optional_time(row, "next_attempt_at")?,
        failures: row.get("failures")?,
        revocation: revoked_at.map(|at| Revocation { at, reason, then }),
        renewal: database::optional_json(row, "renewal")?,
        pending_hooks: Vec::new(),
    })
}

fn item(name: &CertificateName) -> String {
    format!("the certificate '{name}'")
}
