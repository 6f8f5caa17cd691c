//! Files that a command leaves for somebody else.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::CommandError;
use crate::error::Error;

/// Puts a file in place of what is there, in one step.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = write_new(&temporary, content, mode).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // It may not even be there.
        let _ = fs::remove_file(&temporary);
        Error::File { path: path.to_path_buf(), source }
    })
}

/// Makes a file, and leaves one that is there alone.
pub(super) fn create(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    write_new(path, content, mode).map_err(|source| {
        let path = path.to_path_buf();
        if source.kind() == io::ErrorKind::AlreadyExists {
            return CommandError::Exists { path }.into();
        }
        Error::File { path, source }
    })
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
