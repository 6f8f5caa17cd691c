//! The lines of a file with many certificates: bounded, split into words, and made command lines.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::args::{Command as Verb, IssueArgs, METHODS};
use crate::commands::CommandError;
use crate::error::Error;
use crate::precedence;

/// A line with something on it.
#[derive(Debug)]
pub(super) struct Line {
    /// The first one is 1.
    pub(super) number: usize,
    words: Result<Vec<String>, LineFault>,
}

/// Why a line asks for nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum LineFault {
    #[error("{0}")]
    Arguments(String),
    #[error("it asks for the certificate of line {line}, {certificate}; --name gives it a name of its own")]
    Duplicate { line: usize, certificate: String },
    #[error("a quote is not closed")]
    Quote,
    #[error("{option} is for all lines: give it on the command line")]
    ForAll { option: String },
    #[error("it is longer than {LONGEST_LINE} bytes")]
    TooLong,
    #[error("it is not UTF-8")]
    Utf8,
}

/// Reads the lines that have something on them; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, Error> {
    let in_file = |source| Error::File { path: path.to_path_buf(), source };
    let content = match path.as_os_str() == "-" {
        true => read_bounded(io::stdin().lock()),
        false => File::open(path).and_then(read_bounded),
    };
    let content = content.map_err(in_file)?;
    let count = content.iter().filter(|byte| **byte == b'\n').count();
    if content.len() > MOST_BYTES || count > MOST_LINES {
        let path = path.to_path_buf();
        return Err(CommandError::TooMany { path, lines: MOST_LINES, bytes: MOST_BYTES }.into());
    }
    let lines = content.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.map(|(index, line)| Line { number: index + 1, words: split(line) });
    Ok(lines.filter(|line| line.words.as_ref().map_or(true, |words| !words.is_empty())).collect())
}

fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    // One byte more tells that there is more.
    let bound = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    from.take(bound).read_to_end(&mut content)?;
    Ok(content)
}

/// The words of a line, up to a `#` that begins one.
fn split(line: &[u8]) -> Result<Vec<String>, LineFault> {
    if line.len() > LONGEST_LINE {
        return Err(LineFault::TooLong);
    }
    let line = std::str::from_utf8(line).map_err(|_| LineFault::Utf8)?;
    shlex::split(line.trim_end_matches('\r')).ok_or(LineFault::Quote)
}

/// The options of the command line: they hold for a line that says nothing else.
pub(super) struct Defaults {
    issue: Command,
    given: Vec<Given>,
}

struct Given {
    id: String,
    index: usize,
    words: Vec<String>,
}

impl Defaults {
    /// Those of the command line that is run.
    pub(super) fn of_command_line() -> Result<Self, Error> {
        let unreadable = |error: clap::Error| CommandError::Line(error.to_string());
        let (issue, matches) = precedence::issue_matches().map_err(unreadable)?;
        let mut given: Vec<Given> = issue
            .get_arguments()
            .filter(|argument| !argument.is_global_set() && argument.get_id() != FROM)
            .filter_map(|argument| Given::new(argument, &matches))
            .collect();
        given.sort_by_key(|given| given.index);
        Ok(Self { issue, given })
    }

    /// The words of the command line that a line stands for, and what they say.
    pub(super) fn arguments(&self, line: &Line) -> Result<(Vec<String>, IssueArgs), LineFault> {
        let words = line.words.as_ref().map_err(LineFault::clone)?;
        let named = precedence::named(&self.issue, words);
        let for_all = |id: &String| {
            let argument = self.issue.get_arguments().find(|argument| argument.get_id() == id.as_str())?;
            let is_for_all = argument.is_global_set() || argument.get_id() == FROM;
            Some(format!("--{}", argument.get_long()?)).filter(|_| is_for_all)
        };
        if let Some(option) = named.iter().find_map(for_all) {
            return Err(LineFault::ForAll { option });
        }
        let is_method = |id: &str| METHODS.contains(&id);
        let has_method = named.iter().any(|id| is_method(id));
        let beaten = precedence::beaten(&self.issue, words);
        let is_beaten = |given: &&Given| {
            let id = &given.id;
            named.contains(id) || beaten.contains(id) || has_method && is_method(id)
        };
        let given = self.given.iter().filter(|given| !is_beaten(given));
        let own = words.iter().map(|word| word.trim_end_matches(',')).filter(|word| !word.is_empty());
        let mut all = vec!["issue".to_owned()];
        all.extend(given.flat_map(|given| given.words.iter().cloned()));
        all.extend(own.map(str::to_owned));
        match precedence::parse_line(&all) {
            Ok(Verb::Issue(args)) => Ok((all, *args)),
            Ok(_) => Err(LineFault::Arguments("it is another command".into())),
            Err(error) => Err(LineFault::Arguments(told(&error))),
        }
    }
}

impl Given {
    fn new(argument: &clap::Arg, matches: &ArgMatches) -> Option<Self> {
        let (id, long) = (argument.get_id().as_str(), argument.get_long()?);
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            return None;
        }
        let words = if argument.get_action().takes_values() {
            let values = matches.get_raw(id)?.map(|value| value.to_string_lossy());
            values.map(|value| format!("--{long}={value}")).collect()
        } else {
            vec![format!("--{long}")]
        };
        Some(Self { id: id.to_owned(), index: matches.index_of(id).unwrap_or(usize::MAX), words })
    }
}

/// What clap has to say, in one line.
fn told(error: &clap::Error) -> String {
    if !error.use_stderr() {
        return "it asks for help".to_owned();
    }
    let text = error.to_string();
    let told = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
    told.trim_start_matches("error: ").to_owned()
}

const FROM: &str = "from";

/// Room for a hundred names of full length, and options.
const LONGEST_LINE: usize = 64 * 1024;
const MOST_LINES: usize = 100_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
