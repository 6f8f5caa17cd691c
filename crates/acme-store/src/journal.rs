//! Orders in flight: what lets the next process go on where this one was killed.

use acme_proto::{Challenge, Checkpoint, StoreError};
use rusqlite::{OptionalExtension, Row, params};

use crate::certificate;
use crate::database;
use crate::error::Error;
use crate::name::CertificateName;
use crate::settings::ChallengeMethod;
use crate::store::Store;

/// The place where one certificate's issuance saves its progress.
///
/// Answer each `Step::Save` with [`save`](Self::save), and tell each `Step::Withdraw` that
/// succeeded to [`withdrawn`](Self::withdrawn).
#[derive(Clone, Debug)]
pub struct Journal {
    store: Store,
    name: CertificateName,
}

impl Journal {
    /// Makes a checkpoint durable, in place of the one before.
    ///
    /// On an error nothing has changed, and the flow must not go on.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.store.save_checkpoint(&self.name, checkpoint).map_err(StoreError::from)
    }

    /// Notes that challenges were taken away, so that nobody looks for them again.
    pub fn withdrawn(&self, challenges: &[Challenge]) -> Result<(), StoreError> {
        self.store.challenges_withdrawn(&self.name, challenges).map_err(StoreError::from)
    }

    /// The certificate that it is for.
    #[must_use]
    pub fn certificate(&self) -> &CertificateName {
        &self.name
    }
}

/// A challenge that may be in place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresentedChallenge {
    /// The certificate that it was for; it may be gone by now.
    pub certificate: CertificateName,
    /// The challenge with its response.
    pub challenge: Challenge,
    /// How it was put in place, as the settings said then.
    pub method: ChallengeMethod,
}

/// Orders in flight.
impl Store {
    /// The journal of a certificate.
    #[must_use]
    pub fn journal(&self, name: &CertificateName) -> Journal {
        Journal { store: self.clone(), name: name.clone() }
    }

    /// Makes a checkpoint of a certificate durable, in place of the one before.
    ///
    /// Its challenges stay listed by [`presented`](Self::presented) until they are
    /// [withdrawn](Self::challenges_withdrawn), whatever becomes of the checkpoint.
    pub fn save_checkpoint(&self, name: &CertificateName, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.write(|database, path| {
            let settings = certificate::settings(database, path, name)?;
            let body = database::to_json(path, "a checkpoint", checkpoint)?;
            database::execute(
                database,
                path,
                "INSERT OR REPLACE INTO checkpoints (name, body) VALUES (?1, ?2)",
                params![name.as_str(), body],
            )?;
            for challenge in &checkpoint.presented {
                let method = settings.method_of(challenge);
                database::execute(
                    database,
                    path,
                    "INSERT OR IGNORE INTO challenges (name, url, key_authorization, method, challenge) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        name.as_str(),
                        challenge.url,
                        challenge.key_authorization(),
                        database::to_json(path, "a challenge's method", method)?,
                        database::to_json(path, "a challenge", challenge)?,
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// The checkpoint of a certificate, if an issuance of it has not ended.
    pub fn checkpoint(&self, name: &CertificateName) -> Result<Option<Checkpoint>, Error> {
        self.read(|database, path| {
            database
                .query_row("SELECT body FROM checkpoints WHERE name = ?1", params![name.as_str()], |row| {
                    database::json(row, "body")
                })
                .optional()
                .map_err(|error| database::item_error(path, &format!("the checkpoint of '{name}'"), error))
        })
    }

    /// Forgets the checkpoint of a certificate; its challenges stay listed.
    pub fn clear_checkpoint(&self, name: &CertificateName) -> Result<(), Error> {
        self.write(|database, path| {
            database::execute(
                database,
                path,
                "DELETE FROM checkpoints WHERE name = ?1",
                params![name.as_str()],
            )?;
            Ok(())
        })
    }

    /// Lists the challenges of all certificates that may be in place.
    ///
    /// Hold the certificate's lock while you take them away: another process may be about to use
    /// them.
    pub fn presented(&self) -> Result<Vec<PresentedChallenge>, Error> {
        self.read(|database, path| {
            database::rows(
                database,
                path,
                "a challenge",
                "SELECT * FROM challenges ORDER BY name, url",
                [],
                presented,
            )
        })
    }

    /// Notes that challenges of a certificate were taken away.
    pub fn challenges_withdrawn(
        &self,
        name: &CertificateName,
        challenges: &[Challenge],
    ) -> Result<(), Error> {
        self.write(|database, path| {
            for challenge in challenges {
                database::execute(
                    database,
                    path,
                    "DELETE FROM challenges WHERE name = ?1 AND url = ?2 AND key_authorization = ?3",
                    params![name.as_str(), challenge.url, challenge.key_authorization()],
                )?;
            }
            Ok(())
        })
    }
}

fn presented(row: &Row<'_>) -> rusqlite::Result<PresentedChallenge> {
    Ok(PresentedChallenge {
        certificate: database::name(row, "name")?,
        challenge: database::json(row, "challenge")?,
        method: database::json(row, "method")?,
    })
}
