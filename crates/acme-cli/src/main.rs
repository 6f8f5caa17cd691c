//! `acmectl`: obtain, renew and explain certificates from any ACME certificate authority.
//!
//! Arguments ([`args`]) become settings ([`settings`]), and each command has a file in
//! [`commands`]. What a command needs of the world is in the [`context`]; all that is printed goes
//! through [`output`]; an [`error`] knows whose fault it is and what to do next, and [`report`]
//! prints it.
//!
//! Log: `info` for issued, renewed and registered; `warn` for what is worth a look if it repeats.

mod account;
mod advice;
mod args;
mod ari;
mod binding;
mod ca;
mod challenge;
mod commands;
mod context;
mod conversation;
mod desk;
mod dev_ca;
mod dns;
mod error;
mod examination;
mod exit;
mod explanation;
mod foreign_verb;
mod hooks;
mod inherited;
mod invocation;
mod issuance;
mod journal;
mod ledger;
mod lineage;
mod listeners;
mod logging;
mod method;
mod moment;
mod names;
mod needs;
mod output;
mod pebble;
mod precedence;
mod precheck;
mod program;
mod progress;
mod rehearsal;
mod report;
mod responder;
mod schedule;
mod scripts;
mod settings;
mod signals;
mod standing;
mod standing_record;
mod sweep;
mod tally;
mod timer;
mod units;
mod validity;
mod zerossl;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use args::Args;
use context::Context;
use exit::Status;
use invocation::Invocation;
use output::Output;

fn main() -> ExitCode {
    let args = match precedence::parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error).into(),
    };
    run(args).into()
}

fn run(args: Args) -> Status {
    let invocation =
        Invocation::new(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()));
    let output = Output::new(args.global.json, args.global.quiet);
    let mut global = args.global;
    if args.command.keeps_nothing() {
        // These run where there is no home, and so no default: when a package is built, for example.
        global.dir.get_or_insert_with(|| "/".into());
    }
    let context = match Context::new(global, output.clone(), invocation.clone()) {
        Ok(context) => context,
        Err(error) => return report::failure(&output, &invocation, None, &error),
    };
    commands::run(&context, args.command)
        .unwrap_or_else(|error| report::failure(&output, &invocation, None, &error))
}

/// Answers a command line that clap does not take, or a call for help.
fn refuse(error: &clap::Error) -> Status {
    if let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(verb))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
        && let Some(ours) = foreign_verb::ours(verb)
    {
        let output = Output::new(false, false);
        output.error(format_args!("there is no command '{verb}' here"));
        output.error_line(format_args!("  next: acmectl {ours}"));
        return Status::Usage;
    }
    // Where the terminal has gone away there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() { Status::Usage } else { Status::Done }
}
