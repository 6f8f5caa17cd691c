//! Clients from the package registries of other languages.
//!
//! `cargo xtask test --install` puts each into a directory below the target directory. Where the
//! registry is out of reach it leaves the reason there instead, and says so at the end of its output.

use std::path::{Path, PathBuf};

/// A client that was prepared, or was not.
#[derive(Debug)]
pub enum Presence {
    /// It is in this directory.
    Installed(PathBuf),
    /// The installer tried and could not, for this reason.
    LeftOut(String),
}

/// Looks for a client by the name and version that the installer knows.
///
/// # Panics
/// When nobody has tried to install it.
#[must_use]
pub fn find(client: &str) -> Presence {
    let directory = target().join("foreign").join(client);
    if directory.join("installed").is_file() {
        return Presence::Installed(directory);
    }
    match std::fs::read_to_string(directory.join("left-out")) {
        Ok(reason) => Presence::LeftOut(reason),
        Err(_) => panic!("{client} is not here; `cargo xtask test --install` gets it"),
    }
}

/// The target directory: a test is TARGET/PROFILE/deps/NAME.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(3).map(Path::to_path_buf).unwrap_or_default()
}
