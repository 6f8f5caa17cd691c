//! Problem documents: how the CA says no.

use serde::{Deserialize, Serialize};

use crate::identifier::Identifier;

/// A problem document, as the CA sends it and as a script can order it.
///
/// See [RFC 8555 section 6.7](https://www.rfc-editor.org/rfc/rfc8555#section-6.7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Problem {
    /// The error type. A value without a colon gets the prefix `urn:ietf:params:acme:error:`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The explanation for a human; the CA's own ones begin with the RFC section that was broken.
    pub detail: String,
    /// The HTTP status.
    pub status: u16,
    /// Which identifier a subproblem is about; never at the top level (RFC 8555 section 6.7.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Box<Identifier>>,
    /// The page a human has to visit (RFC 8555 section 7.3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Box<str>>,
    /// The algorithms the CA takes, with `badSignatureAlgorithm` (RFC 8555 section 6.2).
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub algorithms: Box<[String]>,
    /// What went wrong with each identifier (RFC 8555 section 6.7.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<Self>,
}

impl Problem {
    /// Makes a problem of a type of RFC 8555 section 6.7 (`rateLimited`) or of any other URI.
    pub fn new(kind: &str, status: u16, detail: impl Into<String>) -> Self {
        Self { kind: full_type(kind), detail: detail.into(), status, ..Self::default() }
    }

    /// Says which identifier a subproblem is about.
    #[must_use]
    pub fn about(mut self, identifier: Identifier) -> Self {
        self.identifier = Some(Box::new(identifier));
        self
    }

    /// Adds subproblems.
    #[must_use]
    pub fn with_subproblems(mut self, subproblems: Vec<Self>) -> Self {
        self.subproblems = subproblems;
        self
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new("malformed", 400, detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new("unauthorized", 403, detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new("malformed", 404, format!("there is no such {what}"))
    }

    pub(crate) fn bad_csr(detail: impl Into<String>) -> Self {
        Self::new("badCSR", 400, detail)
    }

    pub(crate) fn server_internal(detail: impl Into<String>) -> Self {
        Self::new("serverInternal", 500, detail)
    }

    /// Completes what a script left out: the prefix of the type, and a status.
    pub(crate) fn completed(mut self) -> Self {
        self.kind = full_type(&self.kind);
        if self.status == 0 {
            self.status = 400;
        }
        self.subproblems = self.subproblems.into_iter().map(Self::with_full_type).collect();
        self
    }

    fn with_full_type(mut self) -> Self {
        self.kind = full_type(&self.kind);
        self
    }
}

fn full_type(kind: &str) -> String {
    if kind.contains(':') {
        return kind.to_owned();
    }
    format!("{TYPE_PREFIX}{kind}")
}

const TYPE_PREFIX: &str = "urn:ietf:params:acme:error:";
