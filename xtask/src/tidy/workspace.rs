use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Problem;
use super::source::Source;

/// All that the checks look at, read once.
#[derive(Default)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    /// Every Rust file of a member.
    pub(crate) sources: Vec<Source>,
    /// Every other and every Rust file that is text: path and content.
    pub(crate) texts: Vec<(String, String)>,
    /// What `cargo tree --edges normal --prefix depth` prints for the default features.
    pub(crate) tree: String,
    /// The checked-in exceptions from the size limits.
    pub(crate) ratchet: String,
}

impl Workspace {
    /// Reads the workspace at `root`; Rust files that do not parse are reported and left out.
    pub(crate) fn load(root: &Path) -> Result<(Self, Vec<Problem>), Box<dyn Error>> {
        let packages = packages(root)?;
        let texts = texts(root)?;
        let mut sources = Vec::new();
        let mut problems = Vec::new();
        for (path, text) in texts.iter().filter(|(path, _)| path.ends_with(".rs")) {
            let Some(package) = packages.iter().find(|package| package.holds(path)) else {
                continue;
            };
            match Source::parse(&package.name, &package.directory, path, text) {
                Ok(source) => sources.push(source),
                Err(problem) => problems.push(problem),
            }
        }
        let tree = tree(root)?;
        let ratchet = fs::read_to_string(root.join(RATCHET))?;
        Ok((Self { packages, sources, texts, tree, ratchet }, problems))
    }
}

/// A member of the workspace, as its manifest declares it.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the workspace, with `/` between its parts.
    pub(crate) directory: String,
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<(String, DependencyKind)>,
}

impl Package {
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.directory)
    }

    fn holds(&self, path: &str) -> bool {
        path.strip_prefix(&self.directory).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn packages(root: &Path) -> Result<Vec<Package>, Box<dyn Error>> {
    let options = ["--locked".to_owned()];
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(options)
        .exec()?;
    let mut packages = Vec::new();
    for package in &metadata.packages {
        let manifest_path = package.manifest_path.as_std_path();
        let directory = manifest_path.parent().ok_or("a manifest without a directory")?;
        packages.push(Package {
            name: package.name.to_string(),
            directory: slashed(directory.strip_prefix(root)?),
            manifest: fs::read_to_string(manifest_path)?,
            dependencies: package.dependencies.iter().map(|to| (to.name.clone(), to.kind)).collect(),
        });
    }
    Ok(packages)
}

/// The files that belong to the project. Works without git, which the machine that tests need not have.
fn texts(root: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let ignore = fs::read_to_string(root.join(".gitignore"))?;
    let mut ignored: Vec<&str> = ignore.lines().filter_map(|line| line.trim().rsplit('/').next()).collect();
    ignored.push(".git");
    let mut texts = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if ignored.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if kind.is_dir() && !path.join(BUILD_MARK).exists() {
                pending.push(path);
            } else if kind.is_file()
                && let Ok(text) = String::from_utf8(fs::read(&path)?)
            {
                texts.push((slashed(path.strip_prefix(root)?), text));
            }
        }
    }
    texts.sort();
    Ok(texts)
}

/// Asks cargo rather than walking the metadata: there an optional dependency that only a `dep?/feature`
/// mentions looks like one that is built.
fn tree(root: &Path) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args([
        "tree",
        "--locked",
        "--workspace",
        "--edges",
        "normal",
        "--prefix",
        "depth",
    ]);
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn slashed(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

pub(crate) const RATCHET: &str = "xtask/ratchet.txt";

/// Cargo puts this into every target directory.
const BUILD_MARK: &str = "CACHEDIR.TAG";

#[cfg(test)]
pub(crate) mod made_up {
    use super::*;

    /// A workspace of these Rust files; `crates/x/…` belongs to the package `x`, anything else to its first two parts.
    pub(crate) fn sources(files: &[(&str, &str)]) -> Workspace {
        let parse = |(path, text): &(&str, &str)| {
            let depth = if path.starts_with("xtask/") { 1 } else { 2 };
            let directory = path.split('/').take(depth).collect::<Vec<_>>().join("/");
            let package = directory.rsplit('/').next().unwrap().to_owned();
            Source::parse(&package, &directory, path, text).unwrap()
        };
        Workspace { sources: files.iter().map(parse).collect(), ..Workspace::default() }
    }

    pub(crate) fn package(name: &str, dependencies: &[(&str, DependencyKind)]) -> Package {
        Package {
            name: name.to_owned(),
            directory: format!("crates/{name}"),
            manifest: "[lints]\nworkspace = true\n".to_owned(),
            dependencies: dependencies.iter().map(|(to, kind)| ((*to).to_owned(), *kind)).collect(),
        }
    }

    pub(crate) fn packages(packages: Vec<Package>) -> Workspace {
        Workspace { packages, ..Workspace::default() }
    }
}
