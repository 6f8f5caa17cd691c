//! An account's key in a file of its own, and the key that is to take its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use acme_proto::Algorithm;
use zeroize::Zeroizing;

use crate::account_key::AccountKey;

/// A PEM file with an account's key, readable by its owner only.
///
/// A key that is to take its place stands beside it, in a file whose name ends in `.new`, for as
/// long as it is not known which of the two the CA takes.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

/// A key beside a [`KeyFile`] that is to take its place, and the lock that keeps other processes
/// from settling what becomes of it. Dropped, it stays where it is for the next process.
#[derive(Debug)]
#[must_use = "the change is neither committed nor abandoned"]
pub struct KeyFileChange {
    key_file: PathBuf,
    path: PathBuf,
    pem: Zeroizing<Vec<u8>>,
    /// Open for as long as the lock is held.
    _lock: File,
}

impl KeyFile {
    /// Names a file, which need not be there.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the key, or makes it. Of two processes that make it at the same time one wins, and
    /// both use its key: the file is linked into place, which fails if it is there.
    ///
    /// # Errors
    /// When the file can't be read or made; one that can't be read is never replaced.
    pub fn read_or_make(&self) -> io::Result<AccountKey> {
        if let Some(key) = self.read()? {
            return Ok(key);
        }
        let key = AccountKey::generate(Algorithm::Es256).map_err(io::Error::other)?;
        let (beside, _file) = write_beside(&self.path, key.to_pem().expose().as_bytes())?;
        match link(&beside, &self.path) {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.read()?.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a key durable that is to take the place of the one in the file, before the CA hears of
    /// it.
    ///
    /// # Errors
    /// When it can't be written. [`io::ErrorKind::AlreadyExists`] where another change was begun and
    /// is not settled.
    pub fn begin_change(&self, new_key: &AccountKey) -> io::Result<KeyFileChange> {
        let path = self.change_path();
        let pem = Zeroizing::new(new_key.to_pem().expose().as_bytes().to_vec());
        let (beside, file) = write_beside(&path, &pem)?;
        lock(&file)?;
        link(&beside, &path)?;
        Ok(KeyFileChange { key_file: self.path.clone(), path, pem, _lock: file })
    }

    /// Finds the change that an earlier process began and did not settle. None where another process
    /// is at it.
    ///
    /// # Errors
    /// When what is beside the file can't be read.
    pub fn unsettled_change(&self) -> io::Result<Option<KeyFileChange>> {
        let path = self.change_path();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !lock(&file)? || !is_still_there(&path, &file)? {
            return Ok(None);
        }
        let mut pem = Zeroizing::new(Vec::new());
        file.read_to_end(&mut pem)?;
        let change = KeyFileChange { key_file: self.path.clone(), path, pem, _lock: file };
        if fs::read(&self.path).is_ok_and(|current| current == *change.pem) {
            // The earlier process came as far as the key's new place.
            return change.abandon().map(|()| None);
        }
        Ok(Some(change))
    }

    fn read(&self) -> io::Result<Option<AccountKey>> {
        match fs::read(&self.path) {
            Ok(pem) => key_of(&Zeroizing::new(pem)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn change_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        name.into()
    }
}

impl KeyFileChange {
    /// The new key.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn key(&self) -> io::Result<AccountKey> {
        key_of(&self.pem)
    }

    /// Puts the new key in the place of the old one: the CA takes it.
    ///
    /// # Errors
    /// When it can't be done; the new key stays beside the old one.
    pub fn commit(self) -> io::Result<()> {
        let (beside, _file) = write_beside(&self.key_file, &self.pem)?;
        fs::rename(&beside, &self.key_file).inspect_err(|_| drop(fs::remove_file(&beside)))?;
        sync_directory(&self.key_file)?;
        self.abandon()
    }

    /// Removes the new key: the CA takes the old one.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn abandon(self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        sync_directory(&self.path)
    }
}

fn key_of(pem: &[u8]) -> io::Result<AccountKey> {
    AccountKey::from_pem(pem).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a file in the directory where it shall be, durably.
fn write_beside(path: &Path, value: &[u8]) -> io::Result<(PathBuf, File)> {
    let (beside, mut file) = new_file_beside(path)?;
    match file.write_all(value).and_then(|()| file.sync_all()) {
        Ok(()) => Ok((beside, file)),
        Err(error) => {
            drop(fs::remove_file(&beside));
            Err(error)
        }
    }
}

/// Makes a file that was not there, whatever an earlier process or somebody else left.
fn new_file_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut tries = 0;
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_file_name(format!(".acme-keys-{}-{count}.tmp", process::id()));
        tries += 1;
        match options.open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MAX_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

/// Gives a file its name, unless that is taken.
fn link(beside: &Path, path: &Path) -> io::Result<()> {
    let linked = fs::hard_link(beside, path);
    drop(fs::remove_file(beside));
    linked.and_then(|()| sync_directory(path))
}

/// Makes what happened to a file's name durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

/// Takes the lock of a file, unless another process has it.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a file that is open still has its name: whoever had the lock may have settled the change.
#[cfg(unix)]
fn is_still_there(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn lock(_: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(not(unix))]
fn is_still_there(_: &Path, _: &File) -> io::Result<bool> {
    Ok(true)
}

/// Most names that are tried.
const MAX_TRIES: usize = 1000;
