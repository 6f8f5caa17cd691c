//! What a library brings along, and how long it takes to build.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A library that somebody may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// acme-lib, of this tree.
    AcmeLib,
    /// acme-tokio, of this tree.
    AcmeTokio,
    /// The newest instant-acme, with its default features.
    InstantAcme,
    /// acme-lib 0.9.1, which needs OpenSSL.
    OldAcmeLib,
}

impl Package {
    fn dependency(self) -> String {
        let crates = root().join("crates");
        match self {
            Self::AcmeLib => format!("acme-lib = {{ path = {:?} }}", crates.join("acme-lib")),
            Self::AcmeTokio => format!("acme-tokio = {{ path = {:?} }}", crates.join("acme-tokio")),
            Self::InstantAcme => "instant-acme = \"=0.8.5\"".to_owned(),
            Self::OldAcmeLib => "acme-lib = \"=0.9.1\"".to_owned(),
        }
    }

    /// Versions that are known to go together; cargo leaves out what is not needed.
    fn lock_file(self) -> PathBuf {
        root().join(if self == Self::OldAcmeLib { "tests/old-store/Cargo.lock" } else { "bench/Cargo.lock" })
    }

    /// How many crates a program gets that depends on it, itself included.
    ///
    /// # Errors
    /// When cargo can't tell.
    pub fn crates(self) -> Result<usize, Box<dyn Error>> {
        let project = self.project()?;
        let output = Command::new("cargo")
            .current_dir(project.path())
            .args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let text = String::from_utf8(output.stdout)?;
        // Each line is a name, a version, and sometimes a mark that the crate was listed before.
        let names: BTreeSet<Vec<&str>> =
            text.lines().skip(1).map(|line| line.split_whitespace().take(2).collect()).collect();
        Ok(names.len())
    }

    /// How long it takes to build such a program, optimised, with nothing built before.
    ///
    /// # Errors
    /// When it can't be built.
    pub fn build_time(self) -> Result<Duration, Box<dyn Error>> {
        let project = self.project()?;
        let cargo = |arguments: &[&str]| -> Result<(), Box<dyn Error>> {
            let mut command = Command::new("cargo");
            command.current_dir(project.path()).env("CARGO_TARGET_DIR", project.path().join("target"));
            let status = command.args(arguments).status()?;
            if status.success() { Ok(()) } else { Err("the build failed".into()) }
        };
        cargo(&["fetch", "--quiet"])?;
        let begun = Instant::now();
        cargo(&["build", "--release", "--quiet"])?;
        Ok(begun.elapsed())
    }

    fn project(self) -> Result<TempDir, Box<dyn Error>> {
        let project = tempfile::tempdir()?;
        fs::create_dir(project.path().join("src"))?;
        fs::write(project.path().join("src/main.rs"), "fn main() {}\n")?;
        let dependency = self.dependency();
        let manifest = format!(
            "[workspace]\n\n[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependency}\n"
        );
        fs::write(project.path().join("Cargo.toml"), manifest)?;
        fs::copy(self.lock_file(), project.path().join("Cargo.lock"))?;
        Ok(project)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap_or_else(|_| "..".into())
}
