//! Absolute https URLs, as text that is sent back unchanged.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

/// An absolute https URL, kept exactly as the CA gave it (RFC 8555, section 6.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    uri: http::Uri,
}

impl Url {
    /// Most characters of a URL.
    pub(crate) const MAX_LENGTH: usize = 4096;

    /// Takes an absolute https URL; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_LENGTH {
            return None;
        }
        let uri: http::Uri = text.parse().ok()?;
        (uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()))
            .then(|| Self { text: text.to_string(), uri })
    }

    /// Resolves a reference against this URL (RFC 3986, section 5.2, without dot segments). An
    /// empty one stands for this URL itself, which no CA means.
    pub(crate) fn join(&self, reference: &str) -> Option<Self> {
        if reference.is_empty() {
            return None;
        }
        if has_scheme(reference) {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("https:{reference}"));
        }
        let authority = self.uri.authority()?;
        if reference.starts_with('/') {
            return Self::parse(&format!("https://{authority}{reference}"));
        }
        let path = self.uri.path();
        if reference.starts_with('?') {
            return Self::parse(&format!("https://{authority}{path}{reference}"));
        }
        let folder = path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or("/");
        Self::parse(&format!("https://{authority}{folder}{reference}"))
    }

    /// The URL below this one.
    pub(crate) fn child(&self, segment: &str) -> Option<Self> {
        Self::parse(&format!("{}/{segment}", self.text.trim_end_matches('/')))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn uri(&self) -> &http::Uri {
        &self.uri
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Tells whether a reference starts with a scheme (RFC 3986, section 3.1).
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}
