//! The projection: PEM files for servers, made from what the database holds.
//!
//! A generation is written beside its place, made durable, and renamed into it; then `current` is
//! swapped by one rename. Whatever a crash leaves behind is either complete, or has a temporary
//! name, or is not pointed to: the next opening finds the difference and writes the rest. All of
//! it happens while no other process writes to the database, so that two never project at once.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use acme_proto::SecretText;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use crate::database;
use crate::directory::{self, Access, Directory, Found, Group};
use crate::error::Error;
use crate::name::CertificateName;
use crate::publication;
use crate::store::Store;

/// What was completed in the files.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Projection {
    /// What was done.
    pub repairs: Vec<Repair>,
    /// What could not be done, for each certificate.
    pub failures: Vec<(CertificateName, Error)>,
}

/// Something that was not as the database has it, and is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// The certificate.
    pub certificate: CertificateName,
    /// What was put right.
    pub path: PathBuf,
    /// How.
    pub kind: RepairKind,
}

/// How files were put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairKind {
    /// A publication that was interrupted, or whose link was lost, was completed.
    Completed,
    /// What a deletion had left was removed.
    Removed,
    /// A file that was changed or lost was written again.
    Rewritten,
}

/// Files.
impl Store {
    /// Completes the files of all certificates, and removes those of deleted ones.
    ///
    /// Every opening of the store does so. A failure for one certificate does not keep the others.
    pub fn project_all(&self) -> Result<Projection, Error> {
        let (removals, names) = self.read(|database, path| {
            let list = |sql| {
                database::rows(database, path, "a certificate's name", sql, [], |row| {
                    database::name(row, "name")
                })
            };
            Ok((
                list("SELECT name FROM removals")?,
                list("SELECT DISTINCT name FROM publications ORDER BY name")?,
            ))
        })?;
        let mut projection = Projection::default();
        for name in removals {
            let removed = self.finish_removal(&name);
            projection.add(name, removed.map(Vec::from_iter));
        }
        for name in names {
            let projected = self.project(&name);
            projection.add(name, projected);
        }
        Ok(projection)
    }

    /// Finds out whether a certificate could be published, before a CA is asked for it.
    ///
    /// It makes the certificate's directory, and writes to it and to the database.
    pub fn preflight(&self, name: &CertificateName) -> Result<(), Error> {
        self.write(|_, _| {
            let lineage = Lineage::make(self.directory(), name)?;
            let probe = directory::temporary("preflight");
            lineage.directory.remove(&probe)?;
            lineage.directory.create(&probe, PROBE, Access::of_mode(PRIVATE))?;
            lineage.directory.remove(&probe)
        })
    }

    /// The directory with the newest generation's files, through the link `current`.
    #[must_use]
    pub fn current_directory(&self, name: &CertificateName) -> PathBuf {
        self.directory().join(CERTIFICATES).join(name.as_str()).join(CURRENT)
    }

    /// Completes the files of one certificate.
    pub(crate) fn project(&self, name: &CertificateName) -> Result<Vec<Repair>, Error> {
        let Some(wanted) = self.read(|database, path| Wanted::read(database, path, name))? else {
            return Ok(Vec::new());
        };
        if let Some(lineage) = Lineage::open(self.directory(), name)?
            && lineage.is_complete(&wanted)?
        {
            return Ok(Vec::new());
        }
        self.write(|database, path| match Wanted::read(database, path, name)? {
            Some(wanted) => Lineage::make(self.directory(), name)?.complete(&wanted),
            None => Ok(Vec::new()),
        })
    }

    /// Removes the files of a certificate if it was deleted and they are still there.
    pub(crate) fn finish_removal(&self, name: &CertificateName) -> Result<Option<Repair>, Error> {
        self.write(|database, path| {
            let pending = "DELETE FROM removals WHERE name = ?1";
            if database::execute(database, path, pending, params![name.as_str()])? == 0 {
                return Ok(None);
            }
            if let Some(certificates) = Directory::open(self.directory())?.subdirectory(CERTIFICATES)? {
                certificates.remove(name.as_str())?;
                certificates.sync()?;
            }
            let path = self.directory().join(CERTIFICATES).join(name.as_str());
            Ok(Some(Repair { certificate: name.clone(), path, kind: RepairKind::Removed }))
        })
    }
}

impl Projection {
    pub(crate) fn log(&self) {
        for repair in &self.repairs {
            tracing::warn!(certificate = %repair.certificate, path = %repair.path.display(), kind = ?repair.kind,
                "files were not as stored");
        }
        for (certificate, error) in &self.failures {
            tracing::warn!(%certificate, error = error as &dyn std::error::Error, "files could not be completed");
        }
    }

    fn add(&mut self, name: CertificateName, result: Result<Vec<Repair>, Error>) {
        match result {
            Ok(repairs) => self.repairs.extend(repairs),
            Err(error) => self.failures.push((name, error)),
        }
    }
}

/// What the database wants to see in a certificate's directory.
struct Wanted {
    generation: u32,
    files: Vec<WantedFile>,
    key_gid: Option<u32>,
    previous: Option<Previous>,
}

struct Previous {
    generation: u32,
    key_gid: Option<u32>,
}

struct WantedFile {
    name: &'static str,
    content: Zeroizing<Vec<u8>>,
    secrecy: Secrecy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Public,
    Secret,
}

impl Wanted {
    fn read(database: &Connection, path: &Path, name: &CertificateName) -> Result<Option<Self>, Error> {
        let Some((generation, publication)) = publication::full(database, path, name)? else {
            return Ok(None);
        };
        let previous = database::rows(
            database,
            path,
            "a generation",
            "SELECT generation, key_gid FROM publications WHERE name = ?1 AND generation < ?2 \
             ORDER BY generation DESC LIMIT 1",
            params![name.as_str(), generation],
            |row| Ok(Previous { generation: row.get("generation")?, key_gid: row.get("key_gid")? }),
        )?;
        let full_chain = publication.full_chain_pem();
        let file = |name, content: &[&str], secrecy| WantedFile {
            name,
            content: Zeroizing::new(content.concat().into_bytes()),
            secrecy,
        };
        let mut files = vec![
            file("cert.pem", &[&publication.certificate_pem], Secrecy::Public),
            file("chain.pem", &[&publication.chain_pem], Secrecy::Public),
            file("fullchain.pem", &[&full_chain], Secrecy::Public),
        ];
        if let Some(key) = publication.private_key_pem.as_ref().map(SecretText::expose) {
            files.push(file("privkey.pem", &[key], Secrecy::Secret));
            files.push(file("combined.pem", &[key, &full_chain], Secrecy::Secret));
        }
        Ok(Some(Self {
            generation,
            files,
            key_gid: publication.key_gid,
            previous: previous.into_iter().next(),
        }))
    }

    fn directory_name(&self) -> String {
        directory_name(self.generation)
    }

    /// Tells whether something is of no more use: a temporary name, or a generation too old.
    fn is_stale(&self, entry: &OsStr) -> bool {
        let oldest = self.generation.saturating_sub(Store::KEPT_GENERATIONS - 1);
        directory::is_temporary(entry) || generation_of(entry).is_some_and(|generation| generation < oldest)
    }

    /// Who may do what with a new file, after the example of the generation before.
    fn access(&self, file: &WantedFile, example: Option<Access>) -> Access {
        let default = Access::of_mode(match file.secrecy {
            Secrecy::Public => PUBLIC,
            Secrecy::Secret => PRIVATE,
        });
        if file.secrecy == Secrecy::Public {
            return example.unwrap_or(default);
        }
        match (self.key_gid, self.previous.as_ref().and_then(|previous| previous.key_gid)) {
            (Some(gid), _) => {
                let access = example.unwrap_or(default);
                Access { group: Group::Wanted(gid), mode: access.mode | GROUP_READ, ..access }
            }
            // The group was taken out of the settings: what it may do goes with it.
            (None, Some(_)) => default,
            (None, None) => example.unwrap_or(default),
        }
    }
}

/// The directory of one certificate.
struct Lineage {
    directory: Directory,
    name: CertificateName,
}

impl Lineage {
    fn open(dir: &Path, name: &CertificateName) -> Result<Option<Self>, Error> {
        let Some(certificates) = Directory::open(dir)?.subdirectory(CERTIFICATES)? else { return Ok(None) };
        let directory = certificates.subdirectory(name.as_str())?;
        Ok(directory.map(|directory| Self { directory, name: name.clone() }))
    }

    fn make(dir: &Path, name: &CertificateName) -> Result<Self, Error> {
        let certificates = Directory::open(dir)?.make_subdirectory(CERTIFICATES, TRAVERSABLE)?;
        let directory = certificates.make_subdirectory(name.as_str(), TRAVERSABLE)?;
        Ok(Self { directory, name: name.clone() })
    }

    fn is_complete(&self, wanted: &Wanted) -> Result<bool, Error> {
        let target = wanted.directory_name();
        if self.directory.link_target(CURRENT)?.as_deref() != Some(OsStr::new(&target)) {
            return Ok(false);
        }
        if self.directory.entries()?.iter().any(|entry| wanted.is_stale(entry)) {
            return Ok(false);
        }
        let Some(generation) = self.generation(&target)? else { return Ok(false) };
        for file in &wanted.files {
            if !matches!(generation.find(file.name, &file.content)?, Found::Right) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn complete(&self, wanted: &Wanted) -> Result<Vec<Repair>, Error> {
        self.remove_all(|entry| directory::is_temporary(entry))?;
        let target = wanted.directory_name();
        let mut repairs = Vec::new();
        match self.generation(&target)? {
            Some(generation) => repairs.extend(self.rewrite(&generation, wanted)?),
            None => {
                self.write(wanted)?;
                repairs.push(self.repair(self.directory.path().join(&target), RepairKind::Completed));
            }
        }
        if self.directory.link_target(CURRENT)?.as_deref() != Some(OsStr::new(&target)) {
            self.directory.link(CURRENT, &target)?;
            if repairs.is_empty() {
                repairs.push(self.repair(self.directory.path().join(CURRENT), RepairKind::Completed));
            }
        }
        self.remove_all(|entry| wanted.is_stale(entry))?;
        Ok(repairs)
    }

    /// The directory of a generation; something else in its place is as good as nothing.
    fn generation(&self, target: &str) -> Result<Option<Directory>, Error> {
        match self.directory.subdirectory(target) {
            Err(Error::Obstructed { .. }) => Ok(None),
            result => result,
        }
    }

    /// Writes the files of a generation that differ, each in one step.
    fn rewrite(&self, generation: &Directory, wanted: &Wanted) -> Result<Vec<Repair>, Error> {
        let example = self.previous(wanted)?;
        let mut repairs = Vec::new();
        for temporary in generation.entries()?.iter().filter(|entry| directory::is_temporary(entry)) {
            generation.remove(temporary)?;
        }
        for file in &wanted.files {
            let example = || example.as_ref().and_then(|previous| previous.access(file.name));
            let access = match generation.find(file.name, &file.content)? {
                Found::Right => continue,
                Found::Wrong(access) => wanted.access(file, Some(access)),
                Found::Absent => wanted.access(file, example()),
                Found::Other => wanted.access(file, example()),
            };
            generation.replace(file.name, &file.content, access)?;
            repairs.push(self.repair(generation.path().join(file.name), RepairKind::Rewritten));
        }
        Ok(repairs)
    }

    /// Writes a whole generation beside its place, and moves it there.
    fn write(&self, wanted: &Wanted) -> Result<(), Error> {
        let target = wanted.directory_name();
        let temporary = directory::temporary(&target);
        let example = self.previous(wanted)?;
        let generation = self.directory.make_temporary(&temporary)?;
        for file in &wanted.files {
            let access =
                wanted.access(file, example.as_ref().and_then(|previous| previous.access(file.name)));
            generation.create(file.name, &file.content, access)?;
        }
        let access = wanted
            .previous
            .as_ref()
            .and_then(|previous| self.directory.access(&directory_name(previous.generation)))
            .unwrap_or_else(|| Access::of_mode(TRAVERSABLE));
        generation.set_access(access)?;
        generation.sync()?;
        // Only something that is no directory can be there; it goes, and nothing it points to.
        self.directory.remove(&target)?;
        self.directory.rename(&temporary, &target)?;
        self.directory.sync()
    }

    fn previous(&self, wanted: &Wanted) -> Result<Option<Directory>, Error> {
        wanted
            .previous
            .as_ref()
            .map_or(Ok(None), |previous| self.generation(&directory_name(previous.generation)))
    }

    fn remove_all(&self, is_wanted_gone: impl Fn(&OsString) -> bool) -> Result<(), Error> {
        for entry in self.directory.entries()?.into_iter().filter(is_wanted_gone) {
            tracing::debug!(certificate = %self.name, ?entry, "removing");
            self.directory.remove(&entry)?;
        }
        Ok(())
    }

    fn repair(&self, path: PathBuf, kind: RepairKind) -> Repair {
        Repair { certificate: self.name.clone(), path, kind }
    }
}

fn directory_name(generation: u32) -> String {
    format!("{generation:0width$}", width = NUMBER_WIDTH)
}

fn generation_of(entry: &OsStr) -> Option<u32> {
    let text = entry
        .to_str()
        .filter(|text| text.len() >= NUMBER_WIDTH && text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok()
}

const CERTIFICATES: &str = "certs";
const CURRENT: &str = "current";
const NUMBER_WIDTH: usize = 4;
const TRAVERSABLE: u32 = 0o755;
const PUBLIC: u32 = 0o644;
const PRIVATE: u32 = 0o600;
const GROUP_READ: u32 = 0o040;
/// As much as a chain with its key takes, so that a full disk is noticed.
const PROBE: &[u8] = &[0; 32 * 1024];
