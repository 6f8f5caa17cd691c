//! The account's key in a file of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use acme_keys::AccountKey;
use acme_proto::Algorithm;

use crate::error::{Error, Result};

/// Reads the key, or makes it. Of two processes that make it at the same time one wins, and both
/// use its key: the file is linked into place, which fails if it is there.
pub(super) fn read_or_make(path: &Path) -> Result<AccountKey> {
    let failed = |source| failed(path, source);
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let key = AccountKey::generate(Algorithm::Es256)?;
    let beside = write_beside(path, key.to_pem().expose().as_bytes()).map_err(failed)?;
    let linked = fs::hard_link(&beside, path);
    drop(fs::remove_file(&beside));
    match linked {
        Ok(()) => sync_directory(path).map(|()| key).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

fn read(path: &Path) -> Result<Option<AccountKey>> {
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error)),
    };
    let damaged = |error| failed(path, io::Error::new(io::ErrorKind::InvalidData, error));
    AccountKey::from_pem(pem).map(Some).map_err(damaged)
}

fn write_beside(path: &Path, value: &[u8]) -> io::Result<PathBuf> {
    let (beside, mut file) = new_file_beside(path)?;
    match file.write_all(value).and_then(|()| file.sync_all()) {
        Ok(()) => Ok(beside),
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
        let beside = path.with_file_name(format!(".acme-tokio-{}-{count}.tmp", process::id()));
        tries += 1;
        match options.open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MAX_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a link in a file's directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::KeyFile { path: path.to_path_buf(), source }
}

/// Most names that are tried.
const MAX_TRIES: usize = 1000;
