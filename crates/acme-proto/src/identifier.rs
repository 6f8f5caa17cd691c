//! Identifiers: the names that a certificate is for.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::json as members;

/// A name that a certificate is asked for.
///
/// [`FromStr`] is strict, for names that people give; what a CA sends is read leniently.
///
/// ```
/// use acme_proto::Identifier;
///
/// let name: Identifier = "WWW.Example.com.".parse()?;
/// assert_eq!(name.to_string(), "www.example.com");
/// assert!("*.*.example.com".parse::<Identifier>().is_err());
/// # Ok::<(), acme_proto::IdentifierError>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-9.7.7> and
/// <https://www.rfc-editor.org/rfc/rfc8738#section-3>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "WireIdentifier", from = "WireIdentifier")]
#[non_exhaustive]
pub enum Identifier {
    /// A DNS name in lower case, without a trailing dot; in an order it may start with `*.`.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// A type that this library does not know, as it came.
    Other {
        /// The type.
        kind: String,
        /// The value.
        value: String,
    },
}

impl Identifier {
    /// Most characters of a DNS name (RFC 1035, section 2.3.4).
    pub const MAX_NAME: usize = 253;
    /// Most characters of one label (RFC 1035, section 2.3.4).
    pub const MAX_LABEL: usize = 63;

    /// Reads what a CA sent; `None` where type or value is missing.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let kind = members::string(value, "type")?;
        let value = members::string(value, "value")?;
        Some(Self::from_wire(kind, value))
    }

    /// The `type` member.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Tells whether it is a DNS name that starts with `*.`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.starts_with("*."))
    }

    /// The identifier that is authorized for this one: the name without `*.`.
    #[must_use]
    pub fn base(&self) -> Self {
        match self {
            Self::Dns(name) => Self::Dns(name.strip_prefix("*.").unwrap_or(name).to_string()),
            Self::Ip(_) | Self::Other { .. } => self.clone(),
        }
    }

    /// Tells whether it is a DNS name below another one, at whatever depth.
    #[must_use]
    pub fn is_below(&self, ancestor: &Self) -> bool {
        let (Self::Dns(name), Self::Dns(ancestor)) = (self, ancestor) else { return false };
        let name = name.strip_prefix("*.").unwrap_or(name);
        name.strip_suffix(ancestor.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"type": self.kind(), "value": self.to_string()})
    }

    /// The order identifier that an authorization is for.
    pub(crate) fn with_wildcard(&self, wildcard: bool) -> Self {
        match self {
            Self::Dns(name) if wildcard && !name.starts_with("*.") => Self::Dns(format!("*.{name}")),
            Self::Dns(_) | Self::Ip(_) | Self::Other { .. } => self.clone(),
        }
    }

    fn from_wire(kind: &str, value: &str) -> Self {
        match kind {
            "dns" => Self::Dns(value.trim_end_matches('.').to_ascii_lowercase()),
            "ip" => value.parse().map_or_else(|_| Self::other(kind, value), Self::Ip),
            _ => Self::other(kind, value),
        }
    }

    fn other(kind: &str, value: &str) -> Self {
        Self::Other { kind: kind.to_string(), value: value.to_string() }
    }
}

impl FromStr for Identifier {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        if text.is_empty() {
            return Err(IdentifierError::Empty);
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Ip(address));
        }
        if !text.is_ascii() {
            return Err(IdentifierError::NotAscii);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.len() > Self::MAX_NAME {
            return Err(IdentifierError::TooLong { length: name.len() });
        }
        check_labels(name.strip_prefix("*.").unwrap_or(&name))?;
        Ok(Self::Dns(name))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Other { value, .. } => f.write_str(value),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WireIdentifier {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl From<WireIdentifier> for Identifier {
    fn from(wire: WireIdentifier) -> Self {
        Self::from_wire(&wire.kind, &wire.value)
    }
}

impl From<Identifier> for WireIdentifier {
    fn from(identifier: Identifier) -> Self {
        Self { kind: identifier.kind().to_string(), value: identifier.to_string() }
    }
}

/// Why a text is no name that can be certified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// It has a character other than letters, digits and hyphens.
    #[error("'{0}' is not allowed in a DNS name")]
    Character(char),
    /// It is empty.
    #[error("the name is empty")]
    Empty,
    /// Two dots in a row, or a dot at its start.
    #[error("the name has an empty label")]
    EmptyLabel,
    /// A label starts or ends with a hyphen.
    #[error("the label '{label}' starts or ends with a hyphen")]
    Hyphen {
        /// The label.
        label: String,
    },
    /// A label is longer than [`Identifier::MAX_LABEL`].
    #[error("the label '{label}' has {} characters, {} are allowed", label.len(), Identifier::MAX_LABEL)]
    LongLabel {
        /// The label.
        label: String,
    },
    /// It has letters outside ASCII: its A-label form (`xn--…`) is what a certificate holds.
    #[error("the name is not in ASCII; its A-label form (xn--…) is needed")]
    NotAscii,
    /// Its last label is a number: it looks like an IP address, and is none.
    #[error("the name ends in a number, and is no IP address")]
    Number,
    /// It is longer than [`Identifier::MAX_NAME`].
    #[error("the name has {length} characters, {} are allowed", Identifier::MAX_NAME)]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// `*` stands elsewhere than as the whole leftmost label, or alone.
    #[error("a wildcard has to be the whole first label, once, as in *.example.com")]
    Wildcard,
}

fn check_labels(name: &str) -> Result<(), IdentifierError> {
    for label in name.split('.') {
        if label.contains('*') {
            return Err(IdentifierError::Wildcard);
        }
        if label.is_empty() {
            return Err(IdentifierError::EmptyLabel);
        }
        if let Some(character) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return Err(IdentifierError::Character(character));
        }
        if label.len() > Identifier::MAX_LABEL {
            return Err(IdentifierError::LongLabel { label: label.to_string() });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(IdentifierError::Hyphen { label: label.to_string() });
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(IdentifierError::Number);
    }
    Ok(())
}
