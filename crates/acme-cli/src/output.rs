//! What people and programs get to see.
//!
//! Standard output has what was asked for, as text or as JSON Lines; standard error has progress,
//! warnings and errors.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::AutoStream;
use serde_json::Value;

use crate::commands::CommandError;

/// The two streams. Clones write to the same ones.
#[derive(Clone)]
pub(crate) struct Output {
    is_json: bool,
    is_quiet: bool,
    is_terminal: bool,
    streams: Arc<Mutex<Streams>>,
}

struct Streams {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
}

impl Output {
    pub(crate) fn new(is_json: bool, is_quiet: bool) -> Self {
        Self {
            is_json,
            is_quiet,
            is_terminal: io::stderr().is_terminal(),
            streams: Arc::new(Mutex::new(Streams {
                out: AutoStream::auto(io::stdout()),
                err: AutoStream::auto(io::stderr()),
            })),
        }
    }

    /// Tells whether programs read what is printed.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Tells whether somebody watches.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Prints a line of what was asked for; not with `--json`, nor with `--quiet`.
    pub(crate) fn result(&self, line: impl fmt::Display) {
        if !self.is_json && !self.is_quiet {
            self.write_out(format_args!("{line}"));
        }
    }

    /// Prints a whole document that was asked for, as it is; with `--json` and `--quiet`, too.
    ///
    /// Where it is cut short that is an error, but for a reader that has seen enough.
    pub(crate) fn document(&self, text: &str) -> Result<(), CommandError> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        drop(streams);
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(CommandError::Output),
        }
    }

    /// Prints a line of JSON; only with `--json`. `members` is an object; `v` and `type` are added.
    pub(crate) fn event(&self, kind: &str, members: Value) {
        if !self.is_json {
            return;
        }
        let members = members.to_string();
        let rest = members.strip_prefix('{').unwrap_or("}");
        let comma = if rest == "}" { "" } else { "," };
        self.write_out(format_args!("{{\"v\":{VERSION},\"type\":{}{comma}{rest}", Value::from(kind)));
    }

    /// Tells how far it is; not with `--quiet`.
    pub(crate) fn progress(&self, line: impl fmt::Display) {
        if !self.is_quiet {
            self.write_err("", line);
        }
    }

    /// Tells something that should not be overlooked; not with `--quiet`.
    pub(crate) fn warn(&self, text: impl fmt::Display) {
        if !self.is_quiet {
            self.write_err(WARNING, text);
        }
    }

    /// Tells a failure.
    pub(crate) fn error(&self, text: impl fmt::Display) {
        self.write_err(ERROR, text);
    }

    /// Adds a line to an error.
    pub(crate) fn error_line(&self, line: impl fmt::Display) {
        self.write_err("", line);
    }

    // A reader that has gone away is no reason to stop obtaining a certificate.
    fn write_out(&self, line: impl fmt::Display) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(streams.out, "{}", printable(&line.to_string()));
    }

    fn write_err(&self, label: &str, line: impl fmt::Display) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(streams.err, "{label}{}", printable(&line.to_string()));
    }
}

/// A line without what could steer a terminal: much of what is printed came from elsewhere.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The version of the JSON.
const VERSION: u32 = 1;

const ERROR: &str = "\u{1b}[1;31merror:\u{1b}[0m ";
const WARNING: &str = "\u{1b}[1;33mwarning:\u{1b}[0m ";
