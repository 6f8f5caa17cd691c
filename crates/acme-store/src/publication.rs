//! Publication: key, chain and metadata in one transaction.

use std::path::Path;

use acme_proto::{Identifier, SecretText};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::certificate;
use crate::database::{self, seconds};
use crate::error::Error;
use crate::hook;
use crate::name::CertificateName;
use crate::store::Store;

/// A certificate as it is published: all that belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The certificate, as PEM.
    pub certificate_pem: String,
    /// The rest of the chain, as PEM; it may be empty.
    pub chain_pem: String,
    /// The private key, as PEM, unless somebody else has it.
    pub private_key_pem: Option<SecretText>,
    /// The group that may read the key files.
    pub key_gid: Option<u32>,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// Who issued it, for people.
    pub issuer: String,
    /// The names that it is for.
    pub names: Vec<Identifier>,
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// When to renew it.
    pub due: Timestamp,
}

/// What is known of a published generation without its PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedGeneration {
    /// Its number; the first is 1.
    pub generation: u32,
    /// When it was published.
    pub published_at: Timestamp,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// Who issued it, for people.
    pub issuer: String,
    /// The names that it is for.
    pub names: Vec<Identifier>,
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
}

/// Publication.
impl Store {
    /// Generations that are kept, the newest included.
    pub const KEPT_GENERATIONS: u32 = 3;

    /// Publishes a certificate as its next generation.
    ///
    /// One transaction stores it, sets when it is due, forgets the checkpoint, the failures, a
    /// revocation and what the CA said about the renewal of the one before, and makes the hooks of its settings pending. Then the files are written, and
    /// `current` is pointed to them. On [`Error::Projection`] the certificate is stored, and only
    /// its files are missing; on any other error nothing has changed.
    pub fn publish(
        &self,
        name: &CertificateName,
        publication: &Publication,
        now: Timestamp,
    ) -> Result<PublishedGeneration, Error> {
        publication.check(name)?;
        let published = self.write(|database, path| store(database, path, name, publication, now))?;
        match self.project(name) {
            Ok(_) => Ok(published),
            Err(source) => Err(Error::Projection {
                name: name.clone(),
                generation: published.generation,
                source: Box::new(source),
            }),
        }
    }

    /// The newest generation of a certificate, with its key.
    pub fn publication(&self, name: &CertificateName) -> Result<Option<Publication>, Error> {
        self.read(|database, path| {
            full(database, path, name).map(|found| found.map(|(_, publication)| publication))
        })
    }
}

impl Publication {
    /// The certificate and the rest of its chain.
    #[must_use]
    pub fn full_chain_pem(&self) -> String {
        let mut pem = self.certificate_pem.clone();
        pem.push_str(&self.chain_pem);
        pem
    }

    /// A last look at what would replace a pair that works.
    fn check(&self, name: &CertificateName) -> Result<(), Error> {
        let unfit = |expected| Err(Error::UnfitPublication { name: name.clone(), expected });
        let is_key = |key: &SecretText| {
            let text = key.expose();
            text.starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----") && text.ends_with("-----\n")
        };
        if !is_chain(&self.certificate_pem) || self.certificate_pem.matches(CERTIFICATE_BEGIN).count() != 1 {
            return unfit("one certificate as PEM that ends with a line feed");
        }
        if !self.chain_pem.is_empty() && !is_chain(&self.chain_pem) {
            return unfit("a chain of certificates as PEM that ends with a line feed");
        }
        if !self.private_key_pem.as_ref().is_none_or(is_key) {
            return unfit("a private key as PEM that ends with a line feed");
        }
        Ok(())
    }
}

fn is_chain(pem: &str) -> bool {
    pem.starts_with(CERTIFICATE_BEGIN)
        && pem.ends_with(CERTIFICATE_END)
        && pem.matches("-----BEGIN ").count() == pem.matches(CERTIFICATE_BEGIN).count()
}

fn store(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
    publication: &Publication,
    now: Timestamp,
) -> Result<PublishedGeneration, Error> {
    let settings = certificate::settings(database, path, name)?;
    let last: Option<u32> = database
        .query_row(
            "SELECT max(generation) FROM publications WHERE name = ?1",
            params![name.as_str()],
            |row| row.get(0),
        )
        .map_err(|error| Error::from_sqlite(path, error))?;
    let generation = last.unwrap_or_default() + 1;
    insert(database, path, name, generation, publication, now)?;
    database::execute(
        database,
        path,
        "DELETE FROM publications WHERE name = ?1 AND generation <= ?2",
        params![name.as_str(), generation.saturating_sub(Store::KEPT_GENERATIONS)],
    )?;
    database::execute(
        database,
        path,
        "UPDATE certificates SET due = ?2, failures = 0, next_attempt_at = NULL, revoked_at = NULL, \
         revocation_reason = NULL, is_retired = 0, renewal = NULL WHERE name = ?1",
        params![name.as_str(), seconds(publication.due)],
    )?;
    database::execute(database, path, "DELETE FROM checkpoints WHERE name = ?1", params![name.as_str()])?;
    hook::request(database, path, name, generation, &settings)?;
    newest(database, path, name)?.ok_or_else(|| certificate::missing(name))
}

fn insert(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
    generation: u32,
    publication: &Publication,
    now: Timestamp,
) -> Result<(), Error> {
    database::execute(
        database,
        path,
        "INSERT INTO publications (name, generation, published_at, serial, issuer, names, not_before, not_after, \
         due, certificate_pem, chain_pem, private_key_pem, key_gid) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            name.as_str(),
            generation,
            seconds(now),
            publication.serial,
            publication.issuer,
            database::to_json(path, "a certificate's names", &publication.names)?,
            seconds(publication.not_before),
            seconds(publication.not_after),
            seconds(publication.due),
            publication.certificate_pem,
            publication.chain_pem,
            publication.private_key_pem.as_ref().map(SecretText::expose),
            publication.key_gid,
        ],
    )?;
    Ok(())
}

pub(crate) fn newest(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
) -> Result<Option<PublishedGeneration>, Error> {
    let columns = "generation, published_at, serial, issuer, names, not_before, not_after";
    find(database, path, name, columns, metadata)
}

/// The newest generation's number and all of it.
pub(crate) fn full(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
) -> Result<Option<(u32, Publication)>, Error> {
    find(database, path, name, "*", |row| Ok((row.get("generation")?, publication(row)?)))
}

fn find<T>(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
    columns: &str,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Error> {
    let sql = format!("SELECT {columns} FROM publications WHERE name = ?1 ORDER BY generation DESC LIMIT 1");
    database
        .query_row(&sql, params![name.as_str()], read)
        .optional()
        .map_err(|error| database::item_error(path, &format!("the newest generation of '{name}'"), error))
}

fn metadata(row: &Row<'_>) -> rusqlite::Result<PublishedGeneration> {
    Ok(PublishedGeneration {
        generation: row.get("generation")?,
        published_at: database::time(row, "published_at")?,
        serial: row.get("serial")?,
        issuer: row.get("issuer")?,
        names: database::json(row, "names")?,
        not_before: database::time(row, "not_before")?,
        not_after: database::time(row, "not_after")?,
    })
}

fn publication(row: &Row<'_>) -> rusqlite::Result<Publication> {
    Ok(Publication {
        certificate_pem: row.get("certificate_pem")?,
        chain_pem: row.get("chain_pem")?,
        private_key_pem: row.get::<_, Option<String>>("private_key_pem")?.map(SecretText::new),
        key_gid: row.get("key_gid")?,
        serial: row.get("serial")?,
        issuer: row.get("issuer")?,
        names: database::json(row, "names")?,
        not_before: database::time(row, "not_before")?,
        not_after: database::time(row, "not_after")?,
        due: database::time(row, "due")?,
    })
}

const CERTIFICATE_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE_END: &str = "-----END CERTIFICATE-----\n";
