//! The command line as it was given, to paste it again with a change.

use std::ffi::OsString;
use std::path::Path;

/// The words after the program's name.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    words: Vec<String>,
}

impl Invocation {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self { words: words.into_iter().collect() }
    }

    /// The same line with an addition.
    pub(crate) fn with(&self, addition: &str) -> String {
        format!("{} {addition}", self.line())
    }

    /// The same line without some options that have a value.
    pub(crate) fn without(&self, options: &[&str]) -> Self {
        let mut words = Vec::with_capacity(self.words.len());
        let mut rest = self.words.iter();
        while let Some(word) = rest.next() {
            let is_joined = options.iter().any(|option| word.starts_with(&format!("{option}=")));
            if options.contains(&word.as_str()) {
                rest.next();
            } else if !is_joined {
                words.push(word.clone());
            }
        }
        Self { words }
    }

    /// The same line without some options that have none.
    pub(crate) fn without_flags(&self, flags: &[&str]) -> Self {
        Self { words: self.words.iter().filter(|word| !flags.contains(&word.as_str())).cloned().collect() }
    }

    /// The same line for another CA.
    pub(crate) fn at_ca(&self, name: &str) -> String {
        self.without(&["--ca", "--server"]).without_flags(&["--staging"]).with(&format!("--ca {name}"))
    }

    /// The same line with one word in place of another.
    pub(crate) fn replacing(&self, word: &str, by: &str) -> String {
        let replace = |old: &String| if old == word { by.to_owned() } else { old.clone() };
        Self { words: self.words.iter().map(replace).collect() }.line()
    }

    /// Tells whether the line is one that can make an account.
    pub(crate) fn registers(&self) -> bool {
        self.words.iter().any(|word| word == "issue" || word == "register")
    }

    /// Tells whether the line names the certificate itself.
    pub(crate) fn names_certificate(&self) -> bool {
        let is_name = |word: &String| {
            ["--name", "--cert-name"].iter().any(|option| {
                word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            })
        };
        self.words.iter().any(is_name)
    }

    pub(crate) fn line(&self) -> String {
        std::iter::once("acmectl".to_owned())
            .chain(self.words.iter().map(|word| quoted(word)))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The words of the command line, the program's name first. Called as
/// scripts for Pebble call that and its challenge server, it is the test CA.
pub(crate) fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let name = words.first().and_then(|program| Path::new(program).file_name()).unwrap_or_default();
    if let Some((_, option)) = NAMES.iter().find(|(known, _)| *known == name) {
        words.splice(1..1, ["dev-ca".into(), OsString::from(option)]);
    }
    words
}

/// Names of other programs that this one goes by, and what it is then.
const NAMES: [(&str, &str); 2] = [("pebble", "--pebble"), ("pebble-challtestsrv", "--challtestsrv")];

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), |word| word.into_owned())
}

/// The path of this program, for lines that run without a shell's search path.
pub(crate) fn program() -> String {
    std::env::current_exe().map_or_else(|_| "acmectl".to_owned(), |path| quoted(&path.display().to_string()))
}
