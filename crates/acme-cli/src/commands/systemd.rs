//! `systemd`: the units that renew.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{CommandError, file};
use crate::args::SystemdArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::settings;
use crate::timer;
use crate::units::{self, Setup, UNIT_DIRECTORY, UnitError, Units};

pub(crate) fn run(context: &Context, args: &SystemdArgs) -> Result<Status, Error> {
    let units = Units::new(&setup(context).map_err(CommandError::from)?);
    if args.install {
        return install(context, args, &units);
    }
    for (name, text) in units.files() {
        context.output.event("unit", json!({"name": name, "content": text, "outcome": "printed"}));
        context.output.result(format_args!("# {UNIT_DIRECTORY}/{name}"));
        text.lines().for_each(|line| context.output.result(line));
    }
    Ok(Status::Done)
}

fn install(context: &Context, args: &SystemdArgs, units: &Units) -> Result<Status, Error> {
    let dir = settings::absolute(args.unit_dir.as_deref().unwrap_or_else(|| Path::new(UNIT_DIRECTORY)))?;
    for (name, text) in units.files() {
        let path = dir.join(name);
        file::replace(&path, text.as_bytes(), 0o644).map_err(|error| denied(context, &dir, error))?;
        context.output.event("unit", json!({"name": name, "file": path, "outcome": "written"}));
        context.output.progress(format_args!("written: {}", path.display()));
    }
    // The system's own looks nowhere else.
    let is_of_use =
        |systemctl: &&PathBuf| args.unit_dir.is_none() || timer::systemctl().as_ref() != Some(*systemctl);
    let Some(systemctl) = context.settings.systemctl.as_ref().filter(is_of_use) else {
        context.output.warn("the timer is not started: systemd does not run here");
        context.output.progress("  next: where it runs:");
        for words in units::activation() {
            context.output.progress(format_args!("      systemctl {}", words.join(" ")));
        }
        return Ok(Status::Done);
    };
    units::activate(systemctl).map_err(CommandError::from)?;
    context.output.event("timer", json!({"name": timer::UNIT, "outcome": "enabled"}));
    context.output.progress(format_args!("enabled: {}; it renews from now on", timer::UNIT));
    Ok(Status::Done)
}

fn denied(context: &Context, dir: &Path, error: Error) -> Error {
    let is_denied = matches!(
        &error,
        Error::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied
    );
    if !is_denied {
        return error;
    }
    let store = context.settings.dir.clone();
    CommandError::from(UnitError::Denied { dir: dir.to_path_buf(), store }).into()
}

fn setup(context: &Context) -> Result<Setup, UnitError> {
    let dir = &context.settings.dir;
    // With sudo the store is still that of whoever made it.
    let owner = dir.metadata().map_or_else(|_| rustix::process::geteuid().as_raw(), |store| store.uid());
    let user = Some(owner).filter(|owner| *owner != ROOT);
    let needs_dir = context.settings.dir_is_given || user.is_some();
    Ok(Setup {
        program: std::env::current_exe().map_err(UnitError::Program)?,
        dir: needs_dir.then(|| dir.clone()),
        user,
    })
}

const ROOT: u32 = 0;
