//! The store: a directory with a database in it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use rustix::fs::OFlags;

use crate::database;
use crate::directory;
use crate::error::{Error, Expected};
use crate::projection::Projection;

/// The state of an ACME client, in one directory.
///
/// Clones share one connection. Processes and threads may use one directory at the same time,
/// each through a store of its own or a clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    database: PathBuf,
    connection: Mutex<Connection>,
    opening: OnceLock<Projection>,
}

impl Store {
    /// Opens the store in `dir`, and makes it if there is none.
    ///
    /// What a crash left undone in the files is completed; [`opening`](Self::opening) tells what.
    ///
    /// A directory that has files but no database is refused before anything is written to it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = absolute(dir.as_ref())?;
        directory::make_public(&dir)?;
        let database = dir.join(DATABASE);
        refuse_foreign(&dir, &database)?;
        create_database(&database)?;
        Self::open_database(dir, database)
    }

    /// Opens the store in `dir` if there is one, and makes none.
    ///
    /// Otherwise it is like [`open`](Self::open).
    pub fn open_existing(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = absolute(dir.as_ref())?;
        let database = dir.join(DATABASE);
        match fs::symlink_metadata(&database) {
            Ok(found) if found.is_file() => Self::open_database(dir, database),
            Ok(_) => Err(Error::Obstructed { path: database, expected: Expected::File }),
            Err(error) if is_absent(&error) => Err(Error::Missing { dir }),
            Err(error) => Err(Error::from_io(&database, error)),
        }
    }

    /// The directory of the store.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.dir
    }

    /// What had to be completed in the files when the store was opened.
    #[must_use]
    pub fn opening(&self) -> &Projection {
        self.inner.opening.get_or_init(Projection::default)
    }

    /// Reads the whole database, and fails if any of it is damaged.
    pub fn verify(&self) -> Result<(), Error> {
        self.read(|database, path| {
            let found: String = database
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .map_err(|error| Error::from_sqlite(path, error))?;
            if found == "ok" { Ok(()) } else { Err(Error::corrupt(path, found)) }
        })
    }

    /// Sets a pragma of this connection, so that tests can make the disk full and waits short.
    #[doc(hidden)]
    pub fn hamper(&self, pragma: &str, value: u32) -> Result<(), Error> {
        self.read(|database, path| {
            database
                .pragma_update_and_check(None, pragma, value, |_| Ok(()))
                .map_err(|error| Error::from_sqlite(path, error))
        })
    }

    /// Runs queries that see one state of the database.
    pub(crate) fn read<T>(
        &self,
        queries: impl FnOnce(&Connection, &Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.transact(TransactionBehavior::Deferred, queries)
    }

    /// Runs statements of which all or none take effect; no other process writes meanwhile.
    pub(crate) fn write<T>(
        &self,
        statements: impl FnOnce(&Connection, &Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.transact(TransactionBehavior::Immediate, statements)
    }

    fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        statements: impl FnOnce(&Connection, &Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let path = &self.inner.database;
        // A panic between two statements rolls the transaction back, so that nothing is poisoned.
        let connection = self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = Transaction::new_unchecked(&connection, behavior)
            .map_err(|error| Error::from_sqlite(path, error))?;
        let result = statements(&transaction, path)?;
        transaction.commit().map_err(|error| Error::from_sqlite(path, error))?;
        Ok(result)
    }

    fn open_database(dir: PathBuf, database: PathBuf) -> Result<Self, Error> {
        keep_private(&database)?;
        let connection = Mutex::new(database::open(&dir, &database)?);
        let store = Self { inner: Arc::new(Inner { dir, database, connection, opening: OnceLock::new() }) };
        let opening = store.project_all()?;
        opening.log();
        let _ = store.inner.opening.set(opening);
        Ok(store)
    }
}

fn absolute(dir: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(dir).map_err(|error| Error::from_io(dir, error))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn refuse_foreign(dir: &Path, database: &Path) -> Result<(), Error> {
    let failed = |error| Error::from_io(dir, error);
    if fs::symlink_metadata(database).is_ok() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = PathBuf::from(entry.map_err(failed)?.file_name());
        let is_foreign =
            entry != Path::new(DATABASE) && !TOLERATED.iter().any(|name| entry == Path::new(name));
        // Another process may be making the store right now; it makes the database first.
        if is_foreign && fs::symlink_metadata(database).is_err() {
            return Err(Error::ForeignDirectory { dir: dir.to_path_buf(), entry });
        }
    }
    Ok(())
}

fn create_database(database: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(database) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(_) => return Err(Error::Obstructed { path: database.to_path_buf(), expected: Expected::File }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::from_io(database, error)),
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(database)
        .map_err(|error| directory::file_error(database, error))?;
    file.sync_all().map_err(|error| Error::from_io(database, error))?;
    directory::sync_parent(database)
}

/// Takes away what others may do with the database, if somebody gave it to them.
fn keep_private(database: &Path) -> Result<(), Error> {
    let failed = |error| Error::from_io(database, error);
    let mode = fs::symlink_metadata(database).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %database.display(), "the database was open to others");
        fs::set_permissions(database, fs::Permissions::from_mode(PRIVATE)).map_err(failed)?;
    }
    Ok(())
}

/// The file name of the database.
pub(crate) const DATABASE: &str = "acme.db";

const PRIVATE: u32 = 0o600;

/// What an empty directory may have: the root of a file system, and the state of a test CA.
const TOLERATED: [&str; 2] = ["dev-ca", "lost+found"];
