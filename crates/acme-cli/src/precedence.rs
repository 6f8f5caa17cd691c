//! What is said on the command line beats what the environment says.
//!
//! An option and a variable that exclude each other are no contradiction: the variable is there for
//! whoever says nothing.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use crate::args::Args;
use crate::invocation;

/// Reads the command line.
pub(crate) fn parse() -> Result<Args, clap::Error> {
    let given: Vec<OsString> = invocation::words().into_iter().collect();
    let words: Vec<String> = given.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let mut command = with_precedence(Args::command(), &words);
    let matches = command.try_get_matches_from_mut(given)?;
    Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Takes the variables from the options that an option in `words` excludes.
fn with_precedence(command: Command, words: &[String]) -> Command {
    let below = words.iter().enumerate().find_map(|(index, word)| {
        let below = command.get_subcommands().find(|below| below.get_name() == word)?;
        Some((below.get_name().to_owned(), words.get(index + 1..).unwrap_or_default()))
    });
    if let Some((name, rest)) = below {
        return command.mut_subcommand(name, |below| with_precedence(below, rest));
    }
    let (given, others): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set())
        .partition(|argument| words.iter().any(|word| is_named(argument, word)));
    let excludes = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
    };
    let beaten: Vec<_> = others
        .into_iter()
        .filter(|other| given.iter().any(|given| excludes(given, other) || excludes(other, given)))
        .filter(|other| other.get_env().is_some())
        .map(|other| other.get_id().clone())
        .collect();
    beaten.iter().fold(command, |command, id| command.mut_arg(id, |argument| argument.env(NO_VARIABLE)))
}

/// Tells whether a word names an option.
fn is_named(argument: &Arg, word: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        let long = long.split('=').next().unwrap_or(long);
        return argument.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long))
            || argument.get_all_aliases().is_some_and(|names| names.contains(&long));
    }
    let Some(short) = word.strip_prefix('-').and_then(|rest| rest.chars().next()) else { return false };
    argument.get_short() == Some(short)
        || argument.get_all_short_aliases().is_some_and(|names| names.contains(&short))
}

/// A variable that nobody sets.
const NO_VARIABLE: &str = "ACME__BEATEN__";
