//! Problem documents: what a CA says when it refuses.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::identifier::Identifier;
use crate::json;

/// A problem document as the CA sent it, with its subproblems.
///
/// Parsing never fails: a member that is missing, `null` or of the wrong type is left out, an
/// unknown type is kept as it came.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-6.7>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of error it is.
    pub kind: ProblemKind,
    /// The CA's explanation of this occurrence, for people.
    pub detail: Option<String>,
    /// The CA's title of the type, for people.
    pub title: Option<String>,
    /// The HTTP status, from the response where the document has none.
    pub status: Option<u16>,
    /// A URL that says more, such as the page with changed terms of service.
    pub instance: Option<String>,
    /// The identifier at fault; only subproblems have one.
    pub identifier: Option<Identifier>,
    /// The signature algorithms that the CA takes, with `badSignatureAlgorithm`.
    pub algorithms: Vec<String>,
    /// One problem for each identifier at fault.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.7.1>
    pub subproblems: Vec<Self>,
}

impl Problem {
    /// Most subproblems that are kept of one document; an order has at most 100 names at the
    /// public CAs.
    pub const MAX_SUBPROBLEMS: usize = 1000;

    /// Makes the problem of a response without a problem document.
    #[must_use]
    pub fn from_status(status: u16) -> Self {
        Self { status: Some(status), ..Self::of_kind(ProblemKind::Other("about:blank".to_string())) }
    }

    /// Makes an empty problem of one kind.
    #[must_use]
    pub fn of_kind(kind: ProblemKind) -> Self {
        Self {
            kind,
            detail: None,
            title: None,
            status: None,
            instance: None,
            identifier: None,
            algorithms: Vec::new(),
            subproblems: Vec::new(),
        }
    }

    /// Reads a problem document that was parsed as JSON.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        let mut problem = Self::shallow(value);
        problem.subproblems =
            json::array(value, "subproblems").iter().take(Self::MAX_SUBPROBLEMS).map(Self::shallow).collect();
        problem
    }

    fn shallow(value: &Value) -> Self {
        Self {
            kind: ProblemKind::from_type(json::string(value, "type").unwrap_or("about:blank")),
            detail: json::string(value, "detail").map(ToString::to_string),
            title: json::string(value, "title").map(ToString::to_string),
            status: value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()),
            instance: json::string(value, "instance").map(ToString::to_string),
            identifier: value.get("identifier").and_then(Identifier::from_json),
            algorithms: json::array(value, "algorithms")
                .iter()
                .filter_map(Value::as_str)
                .map(ToString::to_string)
                .collect(),
            subproblems: Vec::new(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(identifier) = &self.identifier {
            write!(f, "{identifier}: ")?;
        }
        match (&self.kind, self.status) {
            (ProblemKind::Other(kind), Some(status)) if kind == "about:blank" => {
                write!(f, "HTTP status {status}")?
            }
            (kind, _) => write!(f, "{kind}")?,
        }
        if let Some(text) = self.detail.as_ref().or(self.title.as_ref()) {
            write!(f, ": {text}")?;
        }
        for subproblem in &self.subproblems {
            write!(f, "; {subproblem}")?;
        }
        Ok(())
    }
}

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The error types of ACME.
        ///
        /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.7>
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* $variant,)*
            /// A type that this library does not know, as it came.
            Other(String),
        }

        impl ProblemKind {
            /// Reads the `type` member of a problem document.
            #[must_use]
            pub fn from_type(uri: &str) -> Self {
                match uri.strip_prefix(Self::NAMESPACE).unwrap_or_default() {
                    $($name => Self::$variant,)*
                    _ => Self::Other(uri.to_string()),
                }
            }

            /// The type without the ACME namespace, or the whole type where it is not ACME's.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(uri) => uri.strip_prefix(Self::NAMESPACE).unwrap_or(uri),
                }
            }
        }
    };
}

problem_kinds! {
    /// The request names an account that does not exist.
    AccountDoesNotExist = "accountDoesNotExist",
    /// The predecessor that the order names was replaced before (RFC 9773).
    AlreadyReplaced = "alreadyReplaced",
    /// The certificate was revoked before.
    AlreadyRevoked = "alreadyRevoked",
    /// The certificate signing request is unacceptable.
    BadCsr = "badCSR",
    /// The nonce is unknown, used or too old.
    BadNonce = "badNonce",
    /// The CA does not take this public key.
    BadPublicKey = "badPublicKey",
    /// The CA does not take this revocation reason.
    BadRevocationReason = "badRevocationReason",
    /// The CA does not take this signature algorithm.
    BadSignatureAlgorithm = "badSignatureAlgorithm",
    /// CAA records forbid issuance.
    Caa = "caa",
    /// Several errors, named in the subproblems.
    Compound = "compound",
    /// The CA could not connect to the validation target.
    Connection = "connection",
    /// A DNS query of the CA failed.
    Dns = "dns",
    /// The CA wants an external account binding.
    ExternalAccountRequired = "externalAccountRequired",
    /// The response to a challenge is not what it should be.
    IncorrectResponse = "incorrectResponse",
    /// A contact URL is invalid.
    InvalidContact = "invalidContact",
    /// The profile is unknown or does not fit the order.
    InvalidProfile = "invalidProfile",
    /// The request is malformed.
    Malformed = "malformed",
    /// The order is not ready to be finalized.
    OrderNotReady = "orderNotReady",
    /// A rate limit was exceeded.
    RateLimited = "rateLimited",
    /// The CA does not issue for this identifier.
    RejectedIdentifier = "rejectedIdentifier",
    /// The CA failed internally.
    ServerInternal = "serverInternal",
    /// A TLS error at the validation target.
    Tls = "tls",
    /// The client is not authorized to do this.
    Unauthorized = "unauthorized",
    /// A contact URL's scheme is not supported.
    UnsupportedContact = "unsupportedContact",
    /// An identifier's type is not supported.
    UnsupportedIdentifier = "unsupportedIdentifier",
    /// A person has to visit the `instance` URL.
    UserActionRequired = "userActionRequired",
}

impl ProblemKind {
    /// What the types of ACME start with.
    pub const NAMESPACE: &'static str = "urn:ietf:params:acme:error:";
}

impl From<String> for ProblemKind {
    fn from(uri: String) -> Self {
        Self::from_type(&uri)
    }
}

impl From<ProblemKind> for String {
    fn from(kind: ProblemKind) -> Self {
        if let ProblemKind::Other(uri) = kind {
            return uri;
        }
        alloc::format!("{}{}", ProblemKind::NAMESPACE, kind.as_str())
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
