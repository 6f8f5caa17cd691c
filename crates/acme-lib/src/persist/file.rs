//! Entries as files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Persist, PersistKey, PersistKind};
use crate::error::{Error, Result};

/// Keeps each entry in a file of its own, named as acme-lib 0.9 named it.
///
/// A file is written beside its place and renamed into it, so that a crash leaves the old one or
/// the new one. Keys are readable by their owner only.
#[derive(Clone, Debug)]
pub struct FilePersist {
    directory: PathBuf,
}

impl FilePersist {
    /// Keeps the files in a directory, which has to exist.
    pub fn new<P: AsRef<Path>>(directory: P) -> Self {
        Self { directory: directory.as_ref().to_path_buf() }
    }

    fn path(&self, key: &PersistKey<'_>) -> Result<PathBuf> {
        if key.key.contains(['/', '\0']) {
            return Err(Error::PersistKey(key.key.to_string()));
        }
        Ok(self.directory.join(format!("{key}.{}", key.kind.name())))
    }
}

impl Persist for FilePersist {
    fn put(&self, key: &PersistKey<'_>, value: &[u8]) -> Result<()> {
        let path = self.path(key)?;
        let mode = match key.kind {
            PersistKind::AccountPrivateKey | PersistKind::PrivateKey => 0o600,
            PersistKind::Certificate => 0o644,
        };
        write_atomically(&path, value, mode).map_err(|source| Error::Persist { path, source })
    }

    fn get(&self, key: &PersistKey<'_>) -> Result<Option<Vec<u8>>> {
        let path = self.path(key)?;
        match fs::read(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Persist { path, source }),
        }
    }
}

/// Puts a whole file in place, or leaves what was there.
fn write_atomically(path: &Path, value: &[u8], mode: u32) -> io::Result<()> {
    let beside = write_beside(path, value, mode)?;
    fs::rename(&beside, path).inspect_err(|_| drop(fs::remove_file(&beside)))?;
    sync_directory(path)
}

/// Writes a file in the directory where it shall be, durably. Its name has nothing of the final
/// one, which may be as long as a name can be.
fn write_beside(path: &Path, value: &[u8], mode: u32) -> io::Result<PathBuf> {
    let (beside, mut file) = new_file_beside(path, mode)?;
    match file.write_all(value).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(beside),
        Err(error) => {
            drop(fs::remove_file(&beside));
            Err(error)
        }
    }
}

/// Makes a rename in a file's directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

/// Makes a file that was not there, whatever an earlier process or somebody else left.
fn new_file_beside(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut tries = 0;
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_file_name(format!(".acme-lib-{}-{count}.tmp", process::id()));
        tries += 1;
        match new_file(&beside, mode) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MAX_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn new_file(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn new_file(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Most names that are tried.
const MAX_TRIES: usize = 1000;
