//! The calling forms, and how one is named in options and settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acme_proto::{ChallengeType, Identifier};
use acme_solver::dns::{Exercise, Variable};

use super::acme_sh::{self, AcmeSh};
use super::exec::Exec;
use super::manual::Manual;
use super::{Action, Call, Place};
use crate::advice::Advice;
use crate::hooks::{self, HookError};
use crate::invocation;

/// How a program is called.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    AcmeSh(AcmeSh),
    Exec(Exec),
    Manual(Manual),
}

impl Form {
    pub(super) fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        match (self, identifier) {
            (Self::Manual(manual), _) => manual.challenge_types(identifier),
            (Self::AcmeSh(_) | Self::Exec(_), Identifier::Dns(_)) => vec![ChallengeType::Dns01],
            (Self::AcmeSh(_) | Self::Exec(_), _) => Vec::new(),
        }
    }

    /// The call for an action, if there is one.
    pub(super) fn call(&self, action: Action, place: &Place) -> Option<Call> {
        match self {
            Self::AcmeSh(script) => Some(script.call(action, place)),
            Self::Exec(exec) => Some(exec.call(action, place)),
            Self::Manual(manual) => manual.call(action, place),
        }
    }

    /// What is called, for people.
    pub(super) fn command(&self, action: Action) -> &str {
        match (self, action) {
            (Self::AcmeSh(script), _) => &script.name,
            (Self::Exec(exec), _) => &exec.command,
            (Self::Manual(manual), Action::Cleanup) => manual.cleanup.as_deref().unwrap_or_default(),
            (Self::Manual(manual), Action::Present) => &manual.auth,
        }
    }
}

/// A calling form that `--dns` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AcmeSh,
    Exec,
    ExecRaw,
}

/// Why a program can't be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptError {
    #[error("'{name}' is no name of a DNS script of acme.sh, as dns_cf is one")]
    AcmeShName { name: String },
    #[error("EXEC_MODE is '{mode}', which is neither RAW nor empty")]
    ExecMode { mode: String },
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error("no acme.sh is installed in {}", home.display())]
    NoAcmeSh { home: PathBuf },
    #[error("no program is named: EXEC_PATH is not set")]
    NoProgram,
    #[error("the acme.sh in {} has no {name}.sh", home.display())]
    NoScript { name: String, home: PathBuf },
    #[error("--dns acme.sh names no script")]
    NoScriptName,
    #[error("the path {} can't be used", path.display())]
    Path {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl ScriptError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::AcmeShName { .. } | Self::NoScriptName => {
                vec![Advice::text("name the script as acme.sh does:"), Advice::paste("--dns acme.sh:dns_cf")]
            }
            Self::ExecMode { .. } => vec![Advice::text("set EXEC_MODE to RAW, or not at all")],
            Self::Hook(error) => error.advice(),
            Self::NoAcmeSh { .. } => {
                vec![Advice::text("set LE_WORKING_DIR to the directory where acme.sh is installed")]
            }
            Self::NoProgram => vec![
                Advice::text("set EXEC_PATH to the program, or name it with its arguments:"),
                Advice::paste("--dns 'exec:/path/of/program argument'"),
            ],
            Self::NoScript { .. } => vec![Advice::text("look for its name in the directory dnsapi there")],
            Self::Path { .. } => vec![Advice::text("check the path")],
        }
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::AcmeSh, Self::Exec, Self::ExecRaw];

    /// The kind that a text names, whatever program is named behind a colon.
    pub(crate) fn find(text: &str) -> Option<Self> {
        if acme_sh::is_script(text) {
            return Some(Self::AcmeSh);
        }
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AcmeSh => "acme.sh",
            Self::Exec => "exec",
            Self::ExecRaw => "exec-raw",
        }
    }

    /// Its name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::AcmeSh => "a script of an installed acme.sh",
            Self::Exec => "a program",
            Self::ExecRaw => "a program, told the key authorization",
        }
    }

    /// What it was tried with.
    pub(crate) fn exercise(self) -> Exercise {
        match self {
            Self::AcmeSh => Exercise::Description,
            Self::Exec | Self::ExecRaw => Exercise::Real,
        }
    }

    /// What is written for it behind `--dns`.
    pub(crate) fn named(self) -> &'static str {
        match self {
            Self::AcmeSh => "acme.sh:dns_NAME",
            Self::Exec => "'exec:PROGRAM ARGUMENTS'",
            Self::ExecRaw => "'exec-raw:PROGRAM ARGUMENTS'",
        }
    }

    /// Other ways to write it.
    pub(crate) fn named_otherwise(self) -> &'static str {
        match self {
            Self::AcmeSh => "dns_NAME",
            Self::Exec => "exec, with EXEC_PATH",
            Self::ExecRaw => "exec, with EXEC_PATH and EXEC_MODE=RAW",
        }
    }

    /// What is called to put a record in place, and to take it away.
    pub(crate) fn calls(self) -> [&'static str; 2] {
        match self {
            Self::AcmeSh => ["dns_NAME_add NAME VALUE", "dns_NAME_rm NAME VALUE"],
            Self::Exec => ["PROGRAM ARGUMENTS present NAME. VALUE", "PROGRAM ARGUMENTS cleanup NAME. VALUE"],
            Self::ExecRaw => [
                "PROGRAM ARGUMENTS present -- DOMAIN TOKEN KEYAUTH",
                "PROGRAM ARGUMENTS cleanup -- DOMAIN TOKEN KEYAUTH",
            ],
        }
    }

    /// What a renewal finds again, and what it does not.
    pub(crate) fn remembered(self) -> &'static str {
        match self {
            Self::AcmeSh => {
                "which acme.sh and which script; acme.sh keeps the credentials in its account.conf"
            }
            Self::Exec | Self::ExecRaw => {
                "the program and its arguments; variables that it reads have to be there again"
            }
        }
    }

    pub(crate) fn variables(self) -> &'static [Variable] {
        match self {
            Self::AcmeSh => ACME_SH_VARIABLES,
            Self::Exec | Self::ExecRaw => EXEC_VARIABLES,
        }
    }

    /// What is remembered of what somebody wrote: a text that holds wherever the next process starts,
    /// and the directories of acme.sh.
    pub(crate) fn remember(
        self,
        text: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(String, BTreeMap<String, PathBuf>), ScriptError> {
        let argument = text.split_once(':').map(|(_, argument)| argument.trim());
        if self == Self::AcmeSh {
            let script = argument.or_else(|| acme_sh::is_script(text).then_some(text));
            let script = script.filter(|script| !script.is_empty()).ok_or(ScriptError::NoScriptName)?;
            let text = format!("{}:{script}", self.name());
            let files = directories(variable)?;
            self.form(&text, &files)?;
            return Ok((text, files));
        }
        let (kind, command) = match argument.filter(|argument| !argument.is_empty()) {
            Some(command) => (self, command.to_owned()),
            None => {
                let path = variable(EXEC_PATH.name).ok_or(ScriptError::NoProgram)?;
                (self.in_mode(variable(EXEC_MODE.name).as_deref())?, invocation::quoted(&path))
            }
        };
        let text = format!("{}:{}", kind.name(), hooks::absolute(&command)?);
        kind.form(&text, &BTreeMap::new())?;
        Ok((text, BTreeMap::new()))
    }

    fn in_mode(self, mode: Option<&str>) -> Result<Self, ScriptError> {
        match mode {
            None => Ok(self),
            Some("RAW") => Ok(Self::ExecRaw),
            Some(mode) => Err(ScriptError::ExecMode { mode: mode.to_owned() }),
        }
    }

    /// The form that a remembered text names.
    pub(crate) fn form(self, text: &str, files: &BTreeMap<String, PathBuf>) -> Result<Form, ScriptError> {
        let argument = text.split_once(':').map_or("", |(_, argument)| argument);
        Ok(match self {
            Self::AcmeSh => {
                let directory = |variable: &Variable| files.get(variable.name).map(PathBuf::as_path);
                let home = directory(&LE_WORKING_DIR).unwrap_or_else(|| Path::new(""));
                Form::AcmeSh(AcmeSh::new(argument, home, directory(&LE_CONFIG_HOME))?)
            }
            Self::Exec => Form::Exec(Exec::new(argument, false)?),
            Self::ExecRaw => Form::Exec(Exec::new(argument, true)?),
        })
    }
}

/// The directories of acme.sh.
fn directories(variable: &dyn Fn(&str) -> Option<String>) -> Result<BTreeMap<String, PathBuf>, ScriptError> {
    let in_home = || variable("HOME").map(|home| format!("{home}/.acme.sh"));
    let home = LE_WORKING_DIR.names().find_map(variable).or_else(in_home);
    let found = [(&LE_WORKING_DIR, home), (&LE_CONFIG_HOME, variable(LE_CONFIG_HOME.name))];
    let mut directories = BTreeMap::new();
    for (variable, path) in found {
        let Some(path) = path.map(PathBuf::from) else { continue };
        let absolute = std::path::absolute(&path).map_err(|source| ScriptError::Path { path, source })?;
        directories.insert(variable.name.to_owned(), absolute);
    }
    Ok(directories)
}

const ACME_SH_VARIABLES: &[Variable] = &[LE_WORKING_DIR, LE_CONFIG_HOME];
const LE_WORKING_DIR: Variable =
    Variable::optional("LE_WORKING_DIR", "where acme.sh is installed [~/.acme.sh]").or(&["ACME_SH_HOME"]);
const LE_CONFIG_HOME: Variable =
    Variable::optional("LE_CONFIG_HOME", "where its account.conf is, if somewhere else");

const EXEC_VARIABLES: &[Variable] =
    &[EXEC_PATH, EXEC_MODE, EXEC_POLLING_INTERVAL, EXEC_PROPAGATION_TIMEOUT, EXEC_SEQUENCE_INTERVAL];
const EXEC_PATH: Variable = Variable::optional("EXEC_PATH", "the program, where --dns does not name it");
const EXEC_MODE: Variable = Variable::optional("EXEC_MODE", "RAW: as exec-raw");
const EXEC_POLLING_INTERVAL: Variable = Variable::optional("EXEC_POLLING_INTERVAL", IGNORED);
const EXEC_PROPAGATION_TIMEOUT: Variable = Variable::optional("EXEC_PROPAGATION_TIMEOUT", IGNORED);
const EXEC_SEQUENCE_INTERVAL: Variable = Variable::optional("EXEC_SEQUENCE_INTERVAL", IGNORED);
const IGNORED: &str = "taken, and of no effect: the servers of the zone are asked for the record";
