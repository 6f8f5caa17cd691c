//! The account's key in a file of its own.

use std::fs;
use std::io;
use std::path::Path;

use acme_keys::AccountKey;
use acme_proto::Algorithm;

use crate::error::{Error, Result};
use crate::persist::{sync_directory, write_beside};

/// Reads the key, or makes it. Of two processes that make it at the same time one wins, and both
/// use its key: the file is linked into place, which fails if it is there.
pub(super) fn read_or_make(path: &Path) -> Result<AccountKey> {
    let failed = |source| failed(path, source);
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let key = AccountKey::generate(Algorithm::Es256)?;
    let beside = write_beside(path, key.to_pem().expose().as_bytes(), 0o600).map_err(failed)?;
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

fn failed(path: &Path, source: io::Error) -> Error {
    Error::KeyFile { path: path.to_path_buf(), source }
}
