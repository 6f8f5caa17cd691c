//! When a certificate is to be renewed, as tests tell it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The window in which a certificate is to be renewed.
///
/// See [RFC 9773 section 4.2](https://www.rfc-editor.org/rfc/rfc9773#section-4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenewalWindow {
    /// Where it begins.
    pub start: Timestamp,
    /// Where it ends. One that does not end after its start is sent all the same.
    pub end: Timestamp,
    /// A page that says why.
    pub explanation_url: Option<String>,
}

impl RenewalWindow {
    /// A window without explanation.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end, explanation_url: None }
    }

    /// Adds a page that says why.
    #[must_use]
    pub fn explained_at(mut self, url: impl Into<String>) -> Self {
        self.explanation_url = Some(url.into());
        self
    }
}
