//! What is said on the command line beats what the environment says.
//!
//! An option and a variable that exclude each other are no contradiction: the variable is there for
//! whoever says nothing.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::args::{Args, Command as Verb};
use crate::invocation;

/// Reads the command line.
pub(crate) fn parse() -> Result<Args, clap::Error> {
    let (mut command, matches) = matches(invocation::words())?;
    Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Reads the words of another command line, without the program's name.
pub(crate) fn parse_line(words: &[String]) -> Result<Verb, clap::Error> {
    let words = std::iter::once("acmectl").chain(words.iter().map(String::as_str)).map(OsString::from);
    let (mut command, matches) = matches(words.collect())?;
    let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok(args.command)
}

/// The command `issue`, and what the command line gives it.
pub(crate) fn issue_matches() -> Result<(Command, ArgMatches), clap::Error> {
    let (mut command, mut matches) = matches(invocation::words())?;
    let (name, matches) = matches.remove_subcommand().unwrap_or_default();
    command.build();
    let issue = command.find_subcommand(name).cloned().unwrap_or_default();
    Ok((issue, matches))
}

/// The options that are named among some words.
pub(crate) fn named(command: &Command, words: &[String]) -> Vec<String> {
    let (named, _) = by_name(command, words);
    named.into_iter().map(|argument| argument.get_id().to_string()).collect()
}

/// The options that an option in `words` excludes.
pub(crate) fn beaten(command: &Command, words: &[String]) -> Vec<String> {
    let (given, others) = by_name(command, words);
    let excludes = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
    };
    let is_beaten = |other: &&Arg| given.iter().any(|given| excludes(given, other) || excludes(other, given));
    others.into_iter().filter(is_beaten).map(|argument| argument.get_id().to_string()).collect()
}

fn by_name<'a>(command: &'a Command, words: &[String]) -> (Vec<&'a Arg>, Vec<&'a Arg>) {
    command.get_arguments().partition(|argument| words.iter().any(|word| is_named(argument, word)))
}

fn matches(given: Vec<OsString>) -> Result<(Command, ArgMatches), clap::Error> {
    let words: Vec<String> = given.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let mut command = with_precedence(Args::command(), &words);
    let matches = command.try_get_matches_from_mut(given)?;
    Ok((command, matches))
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
    let is_of_variable = |id: &String| {
        let mut arguments = command.get_arguments();
        arguments.any(|one| one.get_id() == id.as_str() && one.get_env().is_some() && !one.is_global_set())
    };
    let mut beaten = beaten(&command, words);
    beaten.retain(is_of_variable);
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
