//! The command `acmectl`, built from this workspace.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A call of `acmectl`.
///
/// The first one builds it: cargo offers a package's binary to its own tests only. It is built
/// with all tests of the workspace, as a run of them builds it: there is nothing left to do then,
/// and the same features are on.
///
/// # Panics
/// When it can't be built.
#[must_use]
pub fn acmectl() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PROGRAM.get_or_init(build))
}

fn build() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-run", "--quiet", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "acmectl can't be built");
    let test = std::env::current_exe().unwrap_or_default();
    // The test is target/PROFILE/deps/NAME.
    let profile = test.parent().and_then(std::path::Path::parent).map(PathBuf::from).unwrap_or_default();
    profile.join("acmectl")
}
