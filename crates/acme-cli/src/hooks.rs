//! Programs that are run after a publication: split into words, never given to a shell, and killed
//! when they take too long.

use std::collections::BTreeMap;
use std::io::{self, PipeReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use acme_store::{CertificateName, Hook, PendingHook, Store};
use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::advice::Advice;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::invocation;

/// How long a hook may take unless something else is said.
pub(crate) const TIME_LIMIT_SECONDS: u64 = 60;

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
}

impl HookError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        vec![Advice::text(match self {
            Self::Quotes { .. } => "close the quote; hooks are split into words, and no shell is involved",
            Self::Missing { .. } => {
                "give the path of the program; hooks are no shell commands, write sh -c '...' for one"
            }
            Self::NotExecutable { .. } => "make it executable with chmod +x, or name its interpreter first",
            Self::Run { .. } | Self::Failed { .. } | Self::TimedOut { .. } => {
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
    let (result, printed) = run(command, variables, context.settings.hook_time_limit);
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
fn run(command: &str, variables: &[(&str, String)], limit: Duration) -> (Result<(), HookError>, String) {
    let started = split(command).and_then(|words| {
        spawn(&words, variables).map_err(|source| HookError::Run { command: command.to_owned(), source })
    });
    let (mut child, printed) = match started {
        Ok(started) => started,
        Err(error) => return (Err(error), String::new()),
    };
    let result = match wait(&mut child, limit) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(HookError::Failed { command: command.to_owned(), status }),
        Ok(None) => Err(HookError::TimedOut { command: command.to_owned(), seconds: limit.as_secs() }),
        Err(source) => Err(HookError::Run { command: command.to_owned(), source }),
    };
    (result, printed.text())
}

fn spawn(words: &[String], variables: &[(&str, String)]) -> io::Result<(Child, Printed)> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
    let (reader, writer) = io::pipe()?;
    let child = Command::new(program)
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // A group of its own, so that what it started is killed with it.
        .process_group(0)
        .spawn()?;
    Ok((child, Printed::collect(reader)))
}

/// Waits for the end; kills it, and what it started, when it takes too long.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // It may have ended just now.
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// What a child prints. A daemon that it leaves behind may keep the pipe open for ever.
struct Printed {
    text: Arc<Mutex<Vec<u8>>>,
    end: mpsc::Receiver<()>,
}

impl Printed {
    fn collect(mut pipe: PipeReader) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let (ended, end) = mpsc::channel();
        let collected = Arc::clone(&text);
        let read = move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut text = collected.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MAX_PRINTED.saturating_sub(text.len());
                text.extend(buffer.iter().take(count.min(room)));
            }
            let _ = ended.send(());
        };
        // Without a thread what is printed is lost, and nothing else.
        let _ = thread::Builder::new().name("acmectl-hook".into()).spawn(read);
        Self { text, end }
    }

    fn text(self) -> String {
        let _ = self.end.recv_timeout(PATIENCE);
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn split(command: &str) -> Result<Vec<String>, HookError> {
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

const MAX_PRINTED: usize = 16 * 1024;
const POLL: Duration = Duration::from_millis(10);
/// How long what was printed is waited for once the program has ended.
const PATIENCE: Duration = Duration::from_millis(200);
