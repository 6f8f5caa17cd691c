//! Flags as Go's programs take them: `-name value`, `-name=value`, or with two dashes.

use std::ffi::OsString;

use super::PebbleError;

/// A flag that a program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    /// It is there or not.
    Switch(&'static str),
    /// It has a value.
    Value(&'static str),
}

/// The flags of one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    given: Vec<(&'static str, String)>,
}

impl Flags {
    /// Reads a command line up to the first word that is no flag.
    pub(crate) fn parse(words: &[OsString], known: &[Flag]) -> Result<Self, PebbleError> {
        let mut given = Vec::new();
        let mut words = words.iter().map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
                break;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            let known = known.iter().find(|known| known.name() == name);
            match (known, value) {
                (None, _) => return Err(PebbleError::Flag { flag: format!("-{name}") }),
                (Some(known), Some(value)) => given.push((known.name(), value)),
                (Some(Flag::Switch(name)), None) => given.push((*name, "true".to_owned())),
                (Some(Flag::Value(name)), None) => match words.next() {
                    Some(value) => given.push((*name, value.into_owned())),
                    None => return Err(PebbleError::FlagValue { flag: format!("-{name}") }),
                },
            }
        }
        Ok(Self { given })
    }

    /// The last value of a flag.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }
}

impl Flag {
    fn name(self) -> &'static str {
        let (Self::Switch(name) | Self::Value(name)) = self;
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Flag; 2] = [Flag::Value("config"), Flag::Switch("strict")];

    fn parse(line: &str) -> Result<Flags, PebbleError> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Flags::parse(&words, &KNOWN)
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        for line in [
            "-config a -strict",
            "--config=a --strict",
            "-config b -strict=true -config a",
            "-strict -config a rest",
        ] {
            let flags = parse(line).unwrap();
            assert_eq!((flags.value("config"), flags.value("strict")), (Some("a"), Some("true")), "{line}");
        }
        assert_eq!(parse("-config=").unwrap().value("config"), Some(""));
    }

    #[test]
    fn unknown_flags_and_missing_values_are_refused() {
        assert_eq!(parse("-tea").unwrap_err().to_string(), "flag provided but not defined: -tea");
        assert_eq!(parse("-strict -config").unwrap_err().to_string(), "flag needs an argument: -config");
    }
}
