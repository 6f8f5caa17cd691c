//! Keys that somebody else may know.

use jiff::Timestamp;
use rusqlite::params;

use crate::database::{self, seconds};
use crate::error::Error;
use crate::store::Store;

/// Compromised keys.
impl Store {
    /// Remembers, for good, that a key is not to be used again. `public_key_sha256` is the digest of
    /// its DER `SubjectPublicKeyInfo`.
    pub fn note_compromised_key(&self, public_key_sha256: [u8; 32], now: Timestamp) -> Result<(), Error> {
        self.write(|database, path| {
            let sql = "INSERT OR IGNORE INTO compromised_keys (public_key_sha256, noted_at) VALUES (?1, ?2)";
            database::execute(database, path, sql, params![hex(public_key_sha256), seconds(now)])?;
            Ok(())
        })
    }

    /// Tells whether a key is not to be used again.
    pub fn is_compromised_key(&self, public_key_sha256: [u8; 32]) -> Result<bool, Error> {
        self.read(|database, path| {
            let sql = "SELECT count(*) FROM compromised_keys WHERE public_key_sha256 = ?1";
            let count: i64 = database
                .query_row(sql, params![hex(public_key_sha256)], |row| row.get(0))
                .map_err(|error| Error::from_sqlite(path, error))?;
            Ok(count > 0)
        })
    }
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
