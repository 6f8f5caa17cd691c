//! Clients from the package registries of other languages, for the tests of the test CA.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::MetadataCommand;

/// Makes sure that every client was installed once, or tried to. Returns what was left out, and why.
pub(crate) fn require(root: &Path, install: bool) -> Result<Vec<String>, Box<dyn Error>> {
    let directory = directory(root)?;
    let mut left_out = Vec::new();
    for client in &CLIENTS {
        let place = directory.join(client.name);
        if install && !client.is_installed(&place) {
            client.install(root, &place)?;
        }
        if client.is_installed(&place) {
            continue;
        }
        let Ok(reason) = fs::read_to_string(place.join(LEFT_OUT)) else {
            return Err(format!("{} is not here yet; run again with --install", client.spec()).into());
        };
        left_out.push(format!("{}: {}", client.spec(), reason.trim_end()));
    }
    Ok(left_out)
}

/// Where the tests look for them.
fn directory(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf().join("foreign"))
}

struct Client {
    name: &'static str,
    version: &'static str,
    registry: Registry,
}

#[derive(Clone, Copy, Debug)]
enum Registry {
    /// The suite of a crate that the workspace depends on.
    CratesIo,
    Npm,
    PyPi,
}

impl Client {
    fn spec(&self) -> String {
        match self.registry {
            Registry::CratesIo | Registry::Npm => format!("{}@{}", self.name, self.version),
            Registry::PyPi => format!("{}=={}", self.name, self.version),
        }
    }

    fn is_installed(&self, place: &Path) -> bool {
        fs::read_to_string(place.join(INSTALLED)).is_ok_and(|version| version == self.version)
    }

    /// Installs it anew, or leaves a note why there is none.
    fn install(&self, root: &Path, place: &Path) -> Result<(), Box<dyn Error>> {
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        fs::create_dir_all(place)?;
        let here = place.display().to_string();
        let spec = self.spec();
        let pip = format!("{here}/bin/pip");
        let manifest = format!("{here}/Cargo.toml");
        let target = format!("{here}/target");
        let source = match self.registry {
            Registry::CratesIo => format!("{}/.", self.source(root)?.display()),
            Registry::Npm | Registry::PyPi => String::new(),
        };
        let lines: &[&[&str]] = match self.registry {
            Registry::CratesIo => &[
                &["cp", "-r", &source, &here],
                &[
                    "cargo",
                    "test",
                    "--manifest-path",
                    &manifest,
                    "--target-dir",
                    &target,
                    "--test",
                    "pebble",
                    "--features",
                    "time,x509-parser",
                    "--no-run",
                ],
            ],
            Registry::Npm => &[&["npm", "install", "--no-audit", "--no-fund", "--prefix", &here, &spec]],
            Registry::PyPi => {
                &[&["virtualenv", "--quiet", &here], &[&pip, "install", "--quiet", "--no-input", &spec]]
            }
        };
        for line in lines {
            if let Err(reason) = run(line) {
                println!("LEFT OUT: {spec}: {reason}");
                fs::write(place.join(LEFT_OUT), reason)?;
                return Ok(());
            }
        }
        Ok(fs::write(place.join(INSTALLED), self.version)?)
    }

    /// Where cargo keeps the source of a crate that the workspace depends on.
    fn source(&self, root: &Path) -> Result<PathBuf, Box<dyn Error>> {
        let metadata = MetadataCommand::new().current_dir(root).exec()?;
        let is_it = |name: &str, version: String| name == self.name && version == self.version;
        let mut packages = metadata.packages.iter();
        let package = packages.find(|one| is_it(&one.name, one.version.to_string()));
        let package = package.ok_or_else(|| format!("nothing here depends on {}", self.spec()))?;
        let directory = package.manifest_path.parent().ok_or("a manifest is in no directory")?;
        Ok(directory.as_std_path().to_path_buf())
    }
}

/// The error is for people.
fn run(line: &[&str]) -> Result<(), String> {
    println!("{}", line.join(" "));
    let failed = |what: String| format!("`{}` {what}", line.join(" "));
    let status = Command::new(line[0])
        .args(&line[1..])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| failed(format!("can't be run: {error}")))?;
    if status.success() { Ok(()) } else { Err(failed(format!("failed with {status}"))) }
}

const INSTALLED: &str = "installed";
const LEFT_OUT: &str = "left-out";

/// The newest releases; that they are, people have to see to.
const CLIENTS: [Client; 3] = [
    Client { name: "certbot", version: "5.8.0", registry: Registry::PyPi },
    Client { name: "acme-client", version: "5.4.0", registry: Registry::Npm },
    Client { name: "instant-acme", version: "0.8.5", registry: Registry::CratesIo },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_the_one_that_is_wanted() {
        let place = Path::new(env!("CARGO_MANIFEST_DIR"));
        let client = Client { name: "x", version: "1.0.0", registry: Registry::PyPi };
        assert!(!client.is_installed(place));
        assert_eq!(client.spec(), "x==1.0.0");
    }

    #[test]
    fn what_can_not_be_run_is_told() {
        let reason = run(&["./there-is-no-such-program", "x"]).unwrap_err();
        assert!(reason.starts_with("`./there-is-no-such-program x` can't be run"), "{reason}");
        let reason = run(&["false"]).unwrap_err();
        assert!(reason.contains("`false` failed with exit status: 1"), "{reason}");
    }
}
