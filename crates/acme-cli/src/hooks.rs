//! Programs that are run after a publication: split into words, never given to a shell, and killed
//! when they take too long.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use acme_store::{CertificateName, Hook, PendingHook, Store};
use serde_json::json;

use crate::advice::Advice;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::invocation;
use crate::program::{Ending, Program};
use crate::signals::Signals;

/// How long a hook may take unless something else is said.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Why a hook can't be run, or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    #[error("the hook '{command}' can't be split into words: a quote is not closed")]
    Quotes { command: String },
    #[error("the program '{program}' of a hook does not exist")]
    Missing { program: String },
    #[error("the program '{program}' of a hook may not be run")]
    NotExecutable { program: String },
    #[error("'{command}' could not be run")]
    Run {
        command: String,
        #[source]
        source: io::Error,
    },
    #[error("'{command}' failed: {}", ended(*status))]
    Failed { command: String, status: ExitStatus },
    #[error("'{command}' took longer than {seconds} s and was killed")]
    TimedOut { command: String, seconds: u64 },
    #[error("'{command}' was ended, since the end of all was asked for")]
    Interrupted { command: String },
}

impl HookError {
    /// What the end of a command comes to.
    pub(crate) fn of(command: &str, ending: Ending, limit: Duration) -> Result<(), Self> {
        let command = command.to_owned();
        match ending {
            Ending::Exited(status) if status.success() => Ok(()),
            Ending::Exited(status) => Err(Self::Failed { command, status }),
            Ending::Interrupted => Err(Self::Interrupted { command }),
            Ending::TimedOut => Err(Self::TimedOut { command, seconds: limit.as_secs() }),
        }
    }

    pub(crate) fn advice(&self) -> Vec<Advice> {
        vec![Advice::text(match self {
            Self::Quotes { .. } => "close the quote; hooks are split into words, and no shell is involved",
            Self::Missing { .. } => {
                "give the path of the program; hooks are no shell commands, write sh -c '...' for one"
            }
            Self::NotExecutable { .. } => "make it executable with chmod +x, or name its interpreter first",
            Self::Failed { .. } | Self::Interrupted { .. } | Self::Run { .. } | Self::TimedOut { .. } => {
                "mend the hook; the next acmectl renew runs it again"
            }
        })]
    }
}

/// Makes sure that a hook could be run. An empty one means that there is none.
pub(crate) fn check(command: &str) -> Result<(), HookError> {
    let words = split(command)?;
    let Some(program) = words.first() else { return Ok(()) };
    let missing = || HookError::Missing { program: program.clone() };
    let path = find(program).ok_or_else(missing)?;
    let metadata = path.metadata().map_err(|_| missing())?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(HookError::NotExecutable { program: program.clone() });
    }
    Ok(())
}

/// The same command, so that it does not depend on where the next process starts.
pub(crate) fn absolute(command: &str) -> Result<String, HookError> {
    let mut words = split(command)?;
    match words.first_mut() {
        Some(program) if program.contains('/') && !program.starts_with('/') => {
            let run = |source| HookError::Run { command: command.to_owned(), source };
            *program = std::path::absolute(&program).map_err(run)?.display().to_string();
            Ok(words.iter().map(|word| invocation::quoted(word)).collect::<Vec<_>>().join(" "))
        }
        Some(_) | None => Ok(command.to_owned()),
    }
}

/// Runs the pending hooks of some certificates, or of all: first what is for each of them, then each
/// reload command once.
pub(crate) fn run_pending(
    context: &Context,
    store: &Store,
    only: Option<&[CertificateName]>,
) -> Result<Status, Error> {
    let wanted = |hook: &PendingHook| only.is_none_or(|names| names.contains(&hook.certificate));
    let pending: Vec<PendingHook> = store.pending_hooks()?.into_iter().filter(wanted).collect();
    let mut status = Status::Done;
    let mut reloads: BTreeMap<String, Vec<&PendingHook>> = BTreeMap::new();
    for hook in &pending {
        let Some(record) = store.certificate(&hook.certificate)? else { continue };
        match (hook.hook, &record.settings.deploy_hook, &record.settings.reload) {
            (Hook::Deploy, Some(command), _) => {
                let names = record.current.map(|current| current.names).unwrap_or_default();
                let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let lineage = store.current_directory(&hook.certificate);
                let variables =
                    [("RENEWED_LINEAGE", lineage.display().to_string()), ("RENEWED_DOMAINS", names)];
                status = worse(status, run_one(context, store, command, &[hook], &variables)?);
            }
            (Hook::Reload, _, Some(command)) => reloads.entry(command.clone()).or_default().push(hook),
            // The settings have no such command any more.
            (_, _, _) => store.hook_succeeded(hook)?,
        }
    }
    for (command, hooks) in &reloads {
        status = worse(status, run_one(context, store, command, hooks, &[])?);
    }
    Ok(status)
}

/// Runs one command for some pending hooks, and notes what came of it.
fn run_one(
    context: &Context,
    store: &Store,
    command: &str,
    hooks: &[&PendingHook],
    variables: &[(&str, String)],
) -> Result<Status, Error> {
    let certificates: Vec<&CertificateName> = hooks.iter().map(|hook| &hook.certificate).collect();
    context.output.progress(format_args!("hook: {command}"));
    let limit = context.settings.hook_time_limit.unwrap_or(TIME_LIMIT);
    let (result, printed) = run(command, variables, limit, &context.signals);
    let outcome = if result.is_ok() { "succeeded" } else { "failed" };
    let message = result.as_ref().err().map(ToString::to_string);
    context.output.event(
        "hook",
        json!({"command": command, "certificates": certificates, "outcome": outcome, "message": message}),
    );
    for hook in hooks {
        match &message {
            None => store.hook_succeeded(hook)?,
            Some(message) => store.hook_failed(hook, message)?,
        }
    }
    let Err(error) = result else { return Ok(Status::Done) };
    tracing::warn!(command, %error, "a hook failed");
    context.output.error(format_args!("the hook {error}"));
    let cause = std::error::Error::source(&error);
    for line in cause.map(ToString::to_string).iter().map(String::as_str).chain(printed.lines()) {
        context.output.error_line(format_args!("  | {line}"));
    }
    for advice in error.advice() {
        if let Advice::Text(text) = advice {
            context.output.error_line(format_args!("  next: {text}"));
        }
    }
    Ok(Status::HookFailed)
}

/// Runs a command; also returns what it printed.
fn run(
    command: &str,
    variables: &[(&str, String)],
    limit: Duration,
    signals: &Signals,
) -> (Result<(), HookError>, String) {
    let ran = split(command).and_then(|words| {
        let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
        let ran = Program::new(&words, signals).variables(variables).run(limit);
        ran.map_err(|source| HookError::Run { command: command.to_owned(), source })
    });
    match ran {
        Ok(ran) => (HookError::of(command, ran.ending, limit), ran.printed),
        Err(error) => (Err(error), String::new()),
    }
}

pub(crate) fn split(command: &str) -> Result<Vec<String>, HookError> {
    shlex::split(command).ok_or_else(|| HookError::Quotes { command: command.to_owned() })
}

/// Where a program is, as the system looks for it.
fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path: &PathBuf| Path::is_file(path))
}

fn worse(one: Status, other: Status) -> Status {
    if one == Status::Done { other } else { one }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
