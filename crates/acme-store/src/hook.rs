//! Hooks that have yet to run.

use std::path::Path;

use rusqlite::{Connection, Row, params};

use crate::database;
use crate::error::Error;
use crate::name::CertificateName;
use crate::settings::Settings;
use crate::store::Store;

/// A command that a publication calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Hook {
    /// The certificate's own command, run for each generation.
    Deploy,
    /// The command that is run once after a run.
    Reload,
}

impl Hook {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Reload => "reload",
        }
    }
}

/// A hook that has yet to succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingHook {
    /// The certificate.
    pub certificate: CertificateName,
    /// Which command.
    pub hook: Hook,
    /// The generation that called for it.
    pub generation: u32,
    /// How often it has failed.
    pub failures: u32,
    /// What it failed with last.
    pub last_error: Option<String>,
}

/// Hooks.
impl Store {
    /// Lists the hooks that have yet to succeed, by certificate.
    pub fn pending_hooks(&self) -> Result<Vec<PendingHook>, Error> {
        self.read(|database, path| {
            database::rows(database, path, "a hook", "SELECT * FROM hooks ORDER BY name, hook", [], pending)
        })
    }

    /// Notes that a hook ran for a generation and succeeded.
    ///
    /// If a newer generation was published meanwhile, the hook stays pending for that.
    pub fn hook_succeeded(&self, hook: &PendingHook) -> Result<(), Error> {
        self.write(|database, path| {
            database::execute(
                database,
                path,
                "DELETE FROM hooks WHERE name = ?1 AND hook = ?2 AND generation <= ?3",
                params![hook.certificate.as_str(), hook.hook.as_str(), hook.generation],
            )?;
            Ok(())
        })
    }

    /// Notes that a hook failed for a generation; it stays pending.
    pub fn hook_failed(&self, hook: &PendingHook, error: &str) -> Result<(), Error> {
        self.write(|database, path| {
            database::execute(
                database,
                path,
                "UPDATE hooks SET failures = failures + 1, last_error = ?4 \
                 WHERE name = ?1 AND hook = ?2 AND generation = ?3",
                params![hook.certificate.as_str(), hook.hook.as_str(), hook.generation, error],
            )?;
            Ok(())
        })
    }
}

pub(crate) fn of(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
) -> Result<Vec<PendingHook>, Error> {
    database::rows(
        database,
        path,
        "a hook",
        "SELECT * FROM hooks WHERE name = ?1 ORDER BY hook",
        params![name.as_str()],
        pending,
    )
}

/// Makes the hooks of the settings pending for a generation, and forgets the others.
pub(crate) fn request(
    database: &Connection,
    path: &Path,
    name: &CertificateName,
    generation: u32,
    settings: &Settings,
) -> Result<(), Error> {
    database::execute(database, path, "DELETE FROM hooks WHERE name = ?1", params![name.as_str()])?;
    let wanted = [(Hook::Deploy, &settings.deploy_hook), (Hook::Reload, &settings.reload)];
    for (hook, _) in wanted.into_iter().filter(|(_, command)| command.is_some()) {
        database::execute(
            database,
            path,
            "INSERT INTO hooks (name, hook, generation) VALUES (?1, ?2, ?3)",
            params![name.as_str(), hook.as_str(), generation],
        )?;
    }
    Ok(())
}

fn pending(row: &Row<'_>) -> rusqlite::Result<PendingHook> {
    let hook = match row.get_ref("hook")?.as_str()? {
        "deploy" => Hook::Deploy,
        _ => Hook::Reload,
    };
    Ok(PendingHook {
        certificate: database::name(row, "name")?,
        hook,
        generation: row.get("generation")?,
        failures: row.get("failures")?,
        last_error: row.get("last_error")?,
    })
}
