//! The schema of the database, and the way to it from older ones.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::Error;
use crate::lock;

/// Refuses databases that are not ours or too new, and brings ours up to date.
pub(crate) fn check_and_migrate(dir: &Path, path: &Path, connection: &Connection) -> Result<(), Error> {
    let state = State::read(path, connection)?;
    if state.version == VERSION && state.is_wal {
        return Ok(());
    }
    // Two processes that make a database at once would get in each other's way: SQLite does not
    // wait for the switch to WAL.
    let _lock = lock::of_schema(dir)?;
    let sqlite = |error| Error::from_sqlite(path, error);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(sqlite)?;
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(sqlite)?;
    let version = State::read(path, &transaction)?.version;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(version).unwrap_or_default())
    {
        tracing::debug!(path = %path.display(), from = index, "migrating the database");
        transaction.execute_batch(migration).map_err(sqlite)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(sqlite)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

struct State {
    version: i64,
    is_wal: bool,
}

impl State {
    fn read(path: &Path, connection: &Connection) -> Result<Self, Error> {
        let pragma = |name: &str| connection.pragma_query_value::<i64, _>(None, name, |row| row.get(0));
        let sqlite = |error| Error::from_sqlite(path, error);
        let version = pragma("user_version").map_err(sqlite)?;
        let application = pragma("application_id").map_err(sqlite)?;
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(sqlite)?;
        let is_fresh = application == 0 && version == 0 && tables == 0;
        if (application != APPLICATION && !is_fresh) || version < 0 {
            return Err(Error::NotAStore { path: path.to_path_buf() });
        }
        if version > VERSION {
            return Err(Error::NewerVersion { path: path.to_path_buf(), found: version, known: VERSION });
        }
        let mode: String =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(sqlite)?;
        Ok(Self { version, is_wal: mode == "wal" })
    }
}

/// `ACME` in ASCII: what tells our databases from others.
const APPLICATION: i64 = 0x4143_4d45;

const VERSION: i64 = MIGRATIONS.len() as i64;

/// Each brings a database from the version of its index to the next. Only ever append.
const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE accounts (
    directory_url TEXT NOT NULL,
    label TEXT NOT NULL,
    url TEXT,
    key_pem TEXT NOT NULL,
    next_key_pem TEXT,
    contacts TEXT NOT NULL,
    terms_agreed_at INTEGER,
    external_account TEXT,
    root_pem TEXT,
    created INTEGER NOT NULL,
    PRIMARY KEY (directory_url, label)
) STRICT;

CREATE TABLE certificates (
    name TEXT NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL,
    created INTEGER NOT NULL,
    due INTEGER,
    next_attempt_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER,
    revocation_reason INTEGER,
    is_retired INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX certificates_due ON certificates (due) WHERE is_retired = 0;

CREATE TABLE publications (
    name TEXT NOT NULL REFERENCES certificates ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    serial TEXT NOT NULL,
    issuer TEXT NOT NULL,
    names TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    due INTEGER NOT NULL,
    certificate_pem TEXT NOT NULL,
    chain_pem TEXT NOT NULL,
    private_key_pem TEXT,
    key_gid INTEGER,
    PRIMARY KEY (name, generation)
) STRICT;

CREATE TABLE checkpoints (
    name TEXT NOT NULL PRIMARY KEY REFERENCES certificates ON DELETE CASCADE,
    body TEXT NOT NULL
) STRICT;

-- No reference: a challenge that is in place has to be taken away, whatever becomes of the
-- certificate.
CREATE TABLE challenges (
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    key_authorization TEXT NOT NULL,
    method TEXT NOT NULL,
    challenge TEXT NOT NULL,
    PRIMARY KEY (name, url, key_authorization, method)
) STRICT;

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL REFERENCES certificates ON DELETE CASCADE,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_name ON attempts (name);

CREATE TABLE hooks (
    name TEXT NOT NULL REFERENCES certificates ON DELETE CASCADE,
    hook TEXT NOT NULL,
    generation INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    PRIMARY KEY (name, hook)
) STRICT;

-- Certificates that are gone, and whose files may not be.
CREATE TABLE removals (
    name TEXT NOT NULL PRIMARY KEY
) STRICT;
",
    "
ALTER TABLE certificates ADD COLUMN renewal TEXT;

-- Keys that somebody else may know, by the SHA-256 of their public half.
CREATE TABLE compromised_keys (
    public_key_sha256 TEXT NOT NULL PRIMARY KEY,
    noted_at INTEGER NOT NULL
) STRICT;
",
];
