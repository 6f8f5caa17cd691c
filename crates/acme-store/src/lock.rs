//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::directory;
use crate::error::Error;
use crate::name::CertificateName;
use crate::store::Store;

/// An exclusive lock. It is released when it is dropped, or when the process ends in any way.
#[derive(Debug)]
#[must_use = "the lock is released at once if it is not kept"]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn try_new(path: PathBuf) -> Result<Self, Error> {
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                write_pid(&mut file).map_err(|error| Error::from_io(&path, error))?;
                Ok(Self { file, path })
            }
            Err(TryLockError::WouldBlock) => Err(Error::Locked { pid: read_pid(&mut file), path }),
            Err(TryLockError::Error(error)) => Err(Error::from_io(&path, error)),
        }
    }

    /// Waits for the lock. Only for what takes a moment.
    pub(crate) fn wait(path: PathBuf) -> Result<Self, Error> {
        let file = open(&path)?;
        file.lock().map_err(|error| Error::from_io(&path, error))?;
        Ok(Self { file, path })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The next holder writes its own; an old pid left behind only costs a wrong hint.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Locks.
impl Store {
    /// Takes the lock of a certificate: whoever issues, revokes or deletes it, or takes its
    /// challenges away, holds it.
    ///
    /// It does not wait: if another process has it, [`Error::Locked`] names that process.
    pub fn lock_certificate(&self, name: &CertificateName) -> Result<Lock, Error> {
        Lock::try_new(self.locks_directory()?.join(name.as_str()))
    }

    /// Takes the lock of the whole store, for what concerns no single certificate, such as
    /// registering an account.
    ///
    /// It does not wait, and keeps nobody from taking the lock of a certificate.
    pub fn lock_store(&self) -> Result<Lock, Error> {
        Lock::try_new(self.locks_directory()?.join(STORE))
    }

    fn locks_directory(&self) -> Result<PathBuf, Error> {
        directory::make_private(&self.directory().join(DIRECTORY))
    }
}

/// The lock that is held while a database is made or migrated.
pub(crate) fn of_schema(dir: &Path) -> Result<Lock, Error> {
    Lock::wait(directory::make_private(&dir.join(DIRECTORY))?.join(SCHEMA))
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| directory::file_error(path, error))
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_TEXT).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

const DIRECTORY: &str = "locks";
// The names of certificates never start with a dot.
const STORE: &str = ".store";
const SCHEMA: &str = ".schema";
const MAX_PID_TEXT: u64 = 32;
