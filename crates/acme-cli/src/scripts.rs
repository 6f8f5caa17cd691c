//! Programs that put challenge responses in place: in the calling forms that such programs have been
//! written for, so that they go on working as they are.
//!
//! Words, never a shell; one call after another, as all of those who call them do. What a program
//! prints is shown. A call that fails ends it, and whatever was begun is taken away.

mod acme_sh;
mod exec;
mod kind;
mod manual;

use std::io;
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::Resolver;
use acme_solver::dns::Delegation as _;

use crate::context::Context;
use crate::hooks::HookError;
use crate::output::Output;
use crate::program::Program;
use crate::signals::Signals;

pub(crate) use kind::{Form, Kind, ScriptError};
pub(crate) use manual::Manual;

/// How long one call may take unless something else is said: many of these programs wait until their
/// service has put a record in place.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Calls programs to put responses in place and to take them away.
pub(crate) struct Scripts {
    form: Form,
    /// Where names lead to, if that can be found out.
    delegation: Option<Resolver>,
    begun: Vec<Begun>,
    /// What was to be put in place, and no program was called for.
    skipped: Vec<Challenge>,
    output: Output,
    signals: Signals,
    limit: Duration,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Cleanup,
    Present,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Cleanup => "cleanup",
            Self::Present => "present",
        }
    }
}

/// A challenge, and what else a call may tell of it.
#[derive(Clone, Debug)]
struct Place {
    challenge: Challenge,
    /// Where its record goes, without a dot at the end; empty for http-01.
    name: String,
    /// How many more calls come after this one.
    remaining: usize,
    /// All names of the order, with commas between them.
    all: String,
    /// What the program printed when it put the response in place.
    printed: String,
}

/// One call of a program.
struct Call {
    words: Vec<String>,
    variables: Vec<(&'static str, String)>,
    /// A variable that is to be absent.
    absent: Option<&'static str>,
    /// Whether standard output is an answer.
    is_apart: bool,
}

/// What a call was made for.
struct Begun {
    place: Place,
    is_in_place: bool,
}

/// Why a response was not put in place or taken away.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the program for {identifier} failed{}", last_words(said))]
    Failed {
        identifier: Identifier,
        said: String,
        #[source]
        source: HookError,
    },
    #[error("{name} is no name that a program can be told")]
    Name { name: String },
    #[error("the program was not called, since a call before it failed")]
    Skipped,
}

impl Scripts {
    pub(crate) fn new(context: &Context, form: Form, delegation: Option<Resolver>) -> Self {
        let limit = context.settings.hook_time_limit.unwrap_or(TIME_LIMIT);
        let (output, signals) = (context.output.clone(), context.signals.clone());
        Self { form, delegation, begun: Vec::new(), skipped: Vec::new(), output, signals, limit }
    }

    /// What is known of a challenge before a call for it.
    fn place(&self, challenge: &Challenge, remaining: usize, all: &str) -> Result<Place, SolverError> {
        let name = match (&challenge.kind, &self.delegation) {
            (ChallengeType::Http01, _) => String::new(),
            (_, Some(resolver)) => resolver.canonical(&challenge.dns_name())?,
            (_, None) => challenge.dns_name(),
        };
        let name = name.trim_end_matches('.').to_owned();
        if !is_plain(&name) {
            return Err(SolverError::permanent(CallError::Name { name }));
        }
        let (challenge, all) = (challenge.clone(), all.to_owned());
        Ok(Place { challenge, name, remaining, all, printed: String::new() })
    }

    /// Calls the program; returns what it printed on standard output.
    fn call(&self, action: Action, place: &Place) -> Result<String, CallError> {
        let Some(call) = self.form.call(action, place) else { return Ok(String::new()) };
        let (identifier, command) = (place.challenge.order_identifier(), self.form.command(action));
        self.output.progress(format_args!("hook: {command} ({} for {identifier})", action.word()));
        let ran = self.run(action, place, call);
        let failed = |said: &str, source| {
            let (identifier, said) = (place.challenge.identifier.clone(), last_line(said));
            CallError::Failed { identifier, said, source }
        };
        let ran = ran.map_err(|source| failed("", HookError::Run { command: command.to_owned(), source }))?;
        let result = HookError::of(command, ran.ending, self.limit);
        for line in ran.printed.lines().chain(ran.errors.lines()) {
            match result.is_ok() {
                true => self.output.progress(format_args!("  | {line}")),
                false => self.output.error_line(format_args!("  | {line}")),
            }
        }
        let said = if ran.errors.trim().is_empty() { &ran.printed } else { &ran.errors };
        result.map_err(|source| failed(said, source))?;
        Ok(ran.printed.replace('\0', "").trim().to_owned())
    }

    fn run(&self, action: Action, place: &Place, call: Call) -> io::Result<crate::program::Ran> {
        let common = common(action, place);
        let variables = common.iter().chain(&call.variables).map(|(name, value)| (*name, value.as_str()));
        let mut program = Program::new(&call.words, &self.signals).variables(variables);
        if let Some(name) = call.absent {
            program = program.without_variable(name);
        }
        if call.is_apart {
            program = program.apart();
        }
        // What takes a response away is let finish.
        match action {
            Action::Cleanup => program.run(self.limit),
            Action::Present => program.interruptible().run(self.limit),
        }
    }

    fn present_one(&mut self, challenge: &Challenge, remaining: usize, all: &str) -> Result<(), SolverError> {
        if !self.form.challenge_types(&challenge.order_identifier()).contains(&challenge.kind) {
            let kind = challenge.kind.clone();
            return Err(acme_solver::ResponseError::Kind(kind).into());
        }
        let mut place = self.place(challenge, remaining, all)?;
        let result = self.call(Action::Present, &place);
        place.printed = result.as_ref().cloned().unwrap_or_default();
        self.begun.push(Begun { place, is_in_place: result.is_ok() });
        tracing::debug!(identifier = %challenge.identifier, is_ok = result.is_ok(), "called a program");
        result.map(drop).map_err(SolverError::temporary)
    }

    fn withdraw_one(
        &mut self,
        challenge: &Challenge,
        remaining: usize,
        all: &str,
    ) -> Result<(), SolverError> {
        let known = self.begun.iter().position(|begun| begun.place.challenge == *challenge);
        let begun = known.map(|at| self.begun.swap_remove(at));
        let place = match &begun {
            Some(begun) => begun.place.clone(),
            None => self.place(challenge, remaining, all)?,
        };
        let result = self.call(Action::Cleanup, &place);
        let Err(error) = result else { return Ok(()) };
        // Most of these programs fail where there is nothing to take away: of what may never have been
        // in place, one try is enough.
        if begun.as_ref().is_some_and(|begun| !begun.is_in_place) {
            self.output.warn(format_args!("{error}; there may have been nothing to take away"));
            return Ok(());
        }
        self.begun.extend(begun);
        Err(SolverError::temporary(error))
    }
}

impl Solver for Scripts {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.form.challenge_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let all = all_names(challenges);
        let mut has_failed = false;
        let present = |(at, challenge): (usize, &Challenge)| {
            let result = if has_failed || self.signals.interrupt().is_triggered() {
                Err(SolverError::temporary(CallError::Skipped))
            } else {
                self.present_one(challenge, challenges.len() - at - 1, &all)
            };
            if !self.begun.iter().any(|begun| begun.place.challenge == *challenge) {
                self.skipped.push(challenge.clone());
            }
            has_failed = result.is_err();
            result
        };
        challenges.iter().enumerate().map(present).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let all = all_names(challenges);
        let withdraw = |(at, challenge): (usize, &Challenge)| {
            if let Some(at) = self.skipped.iter().position(|skipped| skipped == challenge) {
                self.skipped.swap_remove(at);
                return Ok(());
            }
            self.withdraw_one(challenge, challenges.len() - at - 1, &all)
        };
        challenges.iter().enumerate().map(withdraw).collect()
    }
}

/// What every program is told, whatever its calling form.
fn common(action: Action, place: &Place) -> Vec<(&'static str, String)> {
    let challenge = &place.challenge;
    let is_http = challenge.kind == ChallengeType::Http01;
    let value = if is_http { challenge.key_authorization().to_owned() } else { challenge.dns_value() };
    let values = [
        action.word().to_owned(),
        challenge.kind.to_string(),
        challenge.identifier.to_string(),
        challenge.key_authorization().to_owned(),
        place.name.clone(),
        challenge.token.clone(),
        value,
    ];
    VARIABLES.into_iter().zip(values).collect()
}

fn all_names(challenges: &[Challenge]) -> String {
    let names: Vec<String> = challenges.iter().map(|challenge| challenge.identifier.to_string()).collect();
    names.join(",")
}

/// Whether a name can be an argument: a CNAME may lead to anything, and these programs put what they
/// are told into zone files, JSON and the options of others.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().all(is_plain) && !name.starts_with('-')
}

/// The last line of what a program printed, not endless.
fn last_line(printed: &str) -> String {
    let line = printed.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let visible = line.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(MAX_LAST_LINE).collect::<String>().trim().to_owned()
}

fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(", saying: {said}") }
}

/// The variables that every program gets.
pub(crate) const VARIABLES: [&str; 7] = [
    "ACMECTL_ACTION",
    "ACMECTL_CHALLENGE",
    "ACMECTL_IDENTIFIER",
    "ACMECTL_KEY_AUTHORIZATION",
    "ACMECTL_NAME",
    "ACMECTL_TOKEN",
    "ACMECTL_VALUE",
];

/// Most characters of a program's last line that an error repeats.
const MAX_LAST_LINE: usize = 200;
