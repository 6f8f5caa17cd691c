//! The names under which certificates are kept.

use std::fmt;
use std::str::FromStr;

use acme_proto::Identifier;
use serde::{Deserialize, Serialize};

/// The name of a certificate: what commands call it, and what its directory is called.
///
/// It is one path component and nothing else: no `/`, no control character, no dot at its
/// start, at most [`MAX_LENGTH`](Self::MAX_LENGTH) bytes.
///
/// ```
/// use acme_store::CertificateName;
///
/// let name = CertificateName::from_identifier(&"*.example.com".parse()?)?;
/// assert_eq!(name.as_str(), "_.example.com");
/// assert!("../etc".parse::<CertificateName>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateName(String);

impl CertificateName {
    /// Most bytes of a name: what file systems take.
    pub const MAX_LENGTH: usize = 255;

    /// Takes a name that somebody chose.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        let fault = if name.is_empty() {
            Fault::Empty
        } else if name.starts_with('.') {
            Fault::LeadingDot
        } else if name.len() > Self::MAX_LENGTH {
            Fault::TooLong
        } else if let Some(character) = name.chars().find(|c| *c == '/' || c.is_control()) {
            Fault::Character(character)
        } else {
            return Ok(Self(name));
        };
        Err(InvalidName { name, fault })
    }

    /// Names a certificate after its first identifier.
    ///
    /// `*` becomes `_`, and the `:` of an IPv6 address `-`.
    pub fn from_identifier(identifier: &Identifier) -> Result<Self, InvalidName> {
        Self::new(identifier.to_string().replace('*', "_").replace(':', "-"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CertificateName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        Self::new(name)
    }
}

impl TryFrom<String> for CertificateName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        Self::new(name)
    }
}

impl From<CertificateName> for String {
    fn from(name: CertificateName) -> Self {
        name.0
    }
}

impl AsRef<str> for CertificateName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that can't be the name of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} can't be the name of a certificate: {fault}")]
pub struct InvalidName {
    name: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{0:?} is not allowed in it")]
    Character(char),
    #[error("it is empty")]
    Empty,
    #[error("it starts with a dot")]
    LeadingDot,
    #[error("it is longer than {} bytes", CertificateName::MAX_LENGTH)]
    TooLong,
}
