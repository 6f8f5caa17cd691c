//! Credentials by the names of variables.

use super::secret::Secret;

/// A variable that a provider reads.
///
/// Each can also be given as the name of a file, in the variable with `_FILE` behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Other names for the same, in the order in which they are looked for.
    pub aliases: &'static [&'static str],
    /// Variables that have the path of a file with the value.
    pub paths: &'static [&'static str],
    /// What it is, for people.
    pub meaning: &'static str,
    /// Whether it has to be there.
    pub need: Need,
}

/// Whether a variable has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// It has to.
    Required,
    /// It may be left out.
    Optional,
    /// It has to, unless who writes is proved in another of the service's ways.
    Usual,
}

impl Variable {
    /// One that has to be there.
    #[must_use]
    pub const fn required(name: &'static str, meaning: &'static str) -> Self {
        Self { name, aliases: &[], paths: &[], meaning, need: Need::Required }
    }

    /// One that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, meaning: &'static str) -> Self {
        Self { need: Need::Optional, ..Self::required(name, meaning) }
    }

    /// One that has to be there unless who writes is proved in another way.
    #[must_use]
    pub const fn usual(name: &'static str, meaning: &'static str) -> Self {
        Self { need: Need::Usual, ..Self::required(name, meaning) }
    }

    /// Adds variables that have the path of a file with the value.
    #[must_use]
    pub const fn or_file(self, paths: &'static [&'static str]) -> Self {
        Self { paths, ..self }
    }

    /// Adds other names for it.
    #[must_use]
    pub const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// Credentials from which no provider can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A variable has something else than it should.
    #[error("{variable} is not {what}")]
    Malformed {
        /// The variable.
        variable: &'static str,
        /// What it should be.
        what: &'static str,
    },
    /// A variable is not there, or is empty.
    #[error("{variable} is not set: {meaning}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What it is.
        meaning: &'static str,
    },
}

/// Looks variables up.
pub(super) struct Lookup<'a> {
    pub(super) find: &'a dyn Fn(&str) -> Option<String>,
}

impl Lookup<'_> {
    /// A variable's text, under any of its names.
    pub(super) fn text(&self, variable: &Variable) -> Option<String> {
        let texts = variable.names().filter_map(|name| (self.find)(name));
        texts.map(|text| text.trim().to_owned()).find(|text| !text.is_empty())
    }

    /// The text of a variable that has to be there.
    pub(super) fn require(&self, variable: &Variable) -> Result<String, CredentialError> {
        let missing = CredentialError::Missing { variable: variable.name, meaning: variable.meaning };
        self.text(variable).ok_or(missing)
    }

    pub(super) fn secret(&self, variable: &Variable) -> Result<Secret, CredentialError> {
        self.require(variable).map(|text| Secret::new(&text))
    }

    /// The address of a service, without a slash at its end.
    pub(super) fn url(&self, variable: &Variable, default: &str) -> Result<String, CredentialError> {
        let Some(text) = self.text(variable) else { return Ok(default.to_owned()) };
        let malformed = CredentialError::Malformed { variable: variable.name, what: "an http or https URL" };
        if is_web_url(&text) { Ok(text.trim_end_matches('/').to_owned()) } else { Err(malformed) }
    }

    /// Tells whether a variable says yes; without it, no.
    pub(super) fn flag(&self, variable: &Variable) -> Result<bool, CredentialError> {
        match self.text(variable).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(CredentialError::Malformed { variable: variable.name, what: "true or false" }),
        }
    }

    /// The time to live of the records, in seconds.
    pub(super) fn ttl(&self, variable: &Variable, default: u64) -> Result<u64, CredentialError> {
        let Some(text) = self.text(variable) else { return Ok(default) };
        let what = "a number of seconds";
        text.parse().map_err(|_| CredentialError::Malformed { variable: variable.name, what })
    }
}

/// Tells whether a text is a URL of HTTP without a query.
pub(super) fn is_web_url(text: &str) -> bool {
    text.parse().is_ok_and(|url: http::Uri| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() && url.query().is_none()
    })
}
