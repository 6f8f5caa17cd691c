//! What can go wrong with the state on disk, split by what has to be done about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::name::CertificateName;

/// A failure of the store.
///
/// `Display` says what happened and where, [`source`](StdError::source) why, and
/// [`advice`](Self::advice) what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process writes to the database, and has for longer than the store waits.
    #[error("{} is in use by another process", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: DatabaseError,
    },
    /// The database's content makes no sense.
    #[error("{} is damaged", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: DatabaseError,
    },
    /// A single item of the database can't be read; the others can.
    #[error("{item} in {} is damaged", path.display())]
    DamagedItem {
        /// The database.
        path: PathBuf,
        /// Which item.
        item: String,
        /// Why it can't be read.
        #[source]
        source: ItemError,
    },
    /// SQLite failed in a way that has no name of its own here.
    #[error("{} can't be used", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: DatabaseError,
    },
    /// The disk is full, or a quota is used up.
    #[error("no space left for {}", path.display())]
    DiskFull {
        /// What was written.
        path: PathBuf,
        /// The system's or SQLite's words.
        #[source]
        source: SpaceError,
    },
    /// The directory has files, and none of them is a store.
    #[error("{} is not a state directory: it has {}, but no {}", dir.display(), entry.display(), crate::store::DATABASE)]
    ForeignDirectory {
        /// The directory.
        dir: PathBuf,
        /// A file in it.
        entry: PathBuf,
    },
    /// The file system failed in a way that has no name of its own here.
    #[error("{} failed", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("{} is held by {}", path.display(), Holder(*pid))]
    Locked {
        /// The process, where it has said so.
        pid: Option<u32>,
        /// The lock file.
        path: PathBuf,
    },
    /// There is no store yet.
    #[error("there is no store in {}", dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// The database was written by a newer version of this program.
    #[error("{} has schema version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The database.
        path: PathBuf,
        /// The database's version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// There is no such account.
    #[error("there is no account '{label}' at {directory_url}")]
    NoSuchAccount {
        /// The directory of the CA.
        directory_url: String,
        /// The account's label.
        label: String,
    },
    /// There is no such certificate.
    #[error("there is no certificate '{name}'")]
    NoSuchCertificate {
        /// The name.
        name: CertificateName,
    },
    /// The file at the database's place is no database.
    #[error("{} is not a database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file at the database's place is the database of another program.
    #[error("{} is the database of another program", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// Something else is where a directory, a file or the link `current` has to be.
    ///
    /// Symbolic links count: the store follows none below its directory.
    #[error("{} is in the way: {}", path.display(), expected)]
    Obstructed {
        /// What is in the way.
        path: PathBuf,
        /// What has to be there.
        expected: Expected,
    },
    /// The certificate is safe in the database, and its files could not be written.
    ///
    /// [`Store::project_all`](crate::Store::project_all) and every opening of the store try again.
    #[error("generation {generation} of '{name}' is stored, but its files could not be written")]
    Projection {
        /// The certificate.
        name: CertificateName,
        /// The generation that has no complete files.
        generation: u32,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// The certificate is gone from the database, and its files are not.
    ///
    /// [`Store::project_all`](crate::Store::project_all) and every opening of the store try again.
    #[error("'{name}' is deleted, but its files could not be removed")]
    Removal {
        /// The certificate.
        name: CertificateName,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// The key or chain to publish is not PEM of the right kind.
    #[error("what was to be published as '{name}' is not {expected}")]
    UnfitPublication {
        /// The certificate.
        name: CertificateName,
        /// What it should have been.
        expected: &'static str,
    },
    /// The file or directory may not be read or written by this user.
    #[error("{} can't be accessed", path.display())]
    Denied {
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Tells whether the same operation may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Locked { .. } => true,
            Self::Projection { source, .. } | Self::Removal { source, .. } => source.is_temporary(),
            Self::Corrupt { .. }
            | Self::DamagedItem { .. }
            | Self::Database { .. }
            | Self::DiskFull { .. }
            | Self::ForeignDirectory { .. }
            | Self::Io { .. }
            | Self::Missing { .. }
            | Self::NewerVersion { .. }
            | Self::NoSuchAccount { .. }
            | Self::NoSuchCertificate { .. }
            | Self::NotADatabase { .. }
            | Self::NotAStore { .. }
            | Self::Obstructed { .. }
            | Self::UnfitPublication { .. }
            | Self::Denied { .. } => false,
        }
    }

    /// What to do next, as a sentence for people, where there is something to do.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Busy { .. } | Self::Locked { .. } => {
                "wait for the other process to end, then try again".into()
            }
            Self::Corrupt { path, .. } => format!(
                "restore {0} from a backup, or save what can be saved with: sqlite3 {0} .recover; \
                 the published files beside it still serve",
                path.display()
            ),
            Self::DamagedItem { .. } => "delete it, or restore the database from a backup".into(),
            Self::DiskFull { path, .. } => {
                format!(
                    "free some space on the file system of {}; what was stored before is intact",
                    path.display()
                )
            }
            Self::ForeignDirectory { .. } => {
                "choose an empty directory, or one that does not exist yet".into()
            }
            Self::NewerVersion { .. } => "use the newer version of this program".into(),
            Self::NotADatabase { path } | Self::NotAStore { path } => {
                format!("move {} away, or choose another directory", path.display())
            }
            Self::Obstructed { path, .. } => format!("move {} away", path.display()),
            Self::Projection { source, .. } | Self::Removal { source, .. } => return source.advice(),
            Self::Denied { path, .. } => {
                format!("run as the user who owns {}, or choose another directory", path.display())
            }
            Self::Database { .. }
            | Self::Io { .. }
            | Self::Missing { .. }
            | Self::NoSuchAccount { .. }
            | Self::NoSuchCertificate { .. }
            | Self::UnfitPublication { .. } => return None,
        })
    }

    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        let kind = source.kind();
        if matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ) {
            Self::DiskFull { path, source: SpaceError(source.into()) }
        } else if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            Self::Denied { path, source }
        } else {
            Self::Io { path, source }
        }
    }

    pub(crate) fn corrupt(path: &Path, finding: String) -> Self {
        Self::Corrupt { path: path.to_path_buf(), source: DatabaseError(DatabaseFault::Content(finding)) }
    }

    pub(crate) fn from_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let path = path.to_path_buf();
        let source = DatabaseError(DatabaseFault::Sqlite(error));
        match code {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path, source },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, source },
            Some(ErrorCode::DiskFull) => Self::DiskFull { path, source: SpaceError(source.into()) },
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Denied { path, source: io::Error::other(source) }
            }
            Some(_) | None => Self::Database { path, source },
        }
    }
}

impl From<Error> for acme_proto::StoreError {
    fn from(error: Error) -> Self {
        if error.is_temporary() { Self::temporary(error) } else { Self::permanent(error) }
    }
}

/// What SQLite says. It has no source: rusqlite's says the same once more.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseError(DatabaseFault);

#[derive(Debug, thiserror::Error)]
enum DatabaseFault {
    #[error("{0}")]
    Content(String),
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

/// Why an item of the database can't be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ItemError(Box<dyn StdError + Send + Sync>);

impl ItemError {
    pub(crate) fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// What the system or SQLite says about the space left.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SpaceError(Box<dyn StdError + Send + Sync>);

/// What has to be where something else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link of the store's own.
    Link,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory has to be there",
            Self::File => "a regular file has to be there",
            Self::Link => "a symbolic link has to be there",
        })
    }
}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}
