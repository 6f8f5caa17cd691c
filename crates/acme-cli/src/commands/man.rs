//! `man`: the manual, one page for all commands.

use std::fmt::Write as _;
use std::io;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::Man;

use super::CommandError;
use crate::args::Args;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

pub(crate) fn run(context: &Context) -> Result<Status, Error> {
    let page = page().map_err(CommandError::Output)?;
    context.output.document(&page)?;
    Ok(Status::Done)
}

fn page() -> io::Result<String> {
    let program = Args::command().subcommand_value_name("COMMAND");
    let man = Man::new(program.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let commands = leaves(&program);
    for command in &commands {
        page.push_str(&section(command)?);
    }
    page.push_str(&aliases(&program, &commands));
    if let Some(notes) = program.get_after_help() {
        page.push_str(".SH NOTES\n");
        for line in notes.to_string().lines() {
            let line = if line.is_empty() { ".PP".to_owned() } else { escaped(line) };
            page.push_str(&line);
            page.push('\n');
        }
    }
    Ok(page)
}

/// The commands that do something, with the words that lead to them.
fn leaves(program: &Command) -> Vec<Command> {
    let mut pending: Vec<Command> = vec![program.clone()];
    let mut leaves = Vec::new();
    while let Some(command) = pending.pop() {
        let words = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
        let below: Vec<Command> = command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
            .map(|below| below.clone().bin_name(format!("{words} {}", below.get_name())))
            .collect();
        if below.is_empty() {
            leaves.push(command.disable_help_flag(true));
        }
        pending.extend(below.into_iter().rev());
    }
    leaves
}

/// A command: what it is for, how it is called, and its options.
fn section(command: &Command) -> io::Result<String> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render_description_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let mut section = format!(".SH {}\n", words(command).to_uppercase());
    for line in String::from_utf8_lossy(&text).lines() {
        match line.strip_prefix(".SH ") {
            Some("DESCRIPTION") => {}
            Some("SYNOPSIS" | "OPTIONS") => section.push_str(".PP\n"),
            Some(heading) => section.push_str(&format!(".SS {heading}\n")),
            None if is_preamble(line) => {}
            None => {
                section.push_str(line);
                section.push('\n');
            }
        }
    }
    Ok(section)
}

/// What is accepted beside our own names, because other clients call it so.
fn aliases(program: &Command, commands: &[Command]) -> String {
    let mut text = String::from(".SH NAMES THAT OTHER CLIENTS USE\nThese are accepted, too.\n");
    for command in std::iter::once(program).chain(commands) {
        let entries: Vec<String> = command.get_arguments().filter_map(entry).collect();
        if entries.is_empty() {
            continue;
        }
        let _ = writeln!(text, ".SS {}", escaped(words(command)));
        for entry in entries {
            let _ = writeln!(text, ".TP\n{entry}");
        }
    }
    text
}

/// An argument's other names, and then what they stand for.
fn entry(argument: &Arg) -> Option<String> {
    let long = |name: &str| format!("--{name}");
    let own = argument.get_long().map(long);
    let mut others: Vec<String> =
        argument.get_all_short_aliases().unwrap_or_default().iter().map(|c| format!("-{c}")).collect();
    others.extend(argument.get_all_aliases().unwrap_or_default().into_iter().map(long));
    if argument.is_hide_set() {
        // What has a variable of its own is ours, and for tests.
        argument.get_env().is_none().then_some(())?;
        let names = argument.get_short().map(|c| format!("-{c}")).into_iter().chain(own).chain(others);
        let names = names.collect::<Vec<_>>().join(", ");
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        return Some(format!("{}\n{}", escaped(&names), escaped(&help)));
    }
    let own = own.filter(|_| !others.is_empty())?;
    Some(format!("{}\n{}", escaped(&others.join(", ")), escaped(&own)))
}

fn words(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

/// Text in which roff finds nothing to obey.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// What clap_mangen writes in front of each part, and is needed once.
fn is_preamble(line: &str) -> bool {
    line.starts_with(".ie ") || line.starts_with(".el ")
}
