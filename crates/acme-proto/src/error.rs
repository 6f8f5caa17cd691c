//! Errors, split by whose fault they are.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;

use crate::challenge::ChallengeType;
use crate::contact::ContactError;
use crate::extended::Extension;
use crate::flow::Operation;
use crate::identifier::{Identifier, IdentifierError};
use crate::problem::{Problem, ProblemKind};
use crate::wish::OrderOption;

mod driver;

pub use driver::{Delivery, SignError, SolverError, StoreError, TransportError, TransportErrorKind};

/// Why a flow ended without its output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The driver asked for the end with [`Input::Cancel`](crate::Input::Cancel).
    #[error("cancelled")]
    Cancelled,
    /// The key that was to become the account's is another account's.
    #[error(transparent)]
    KeyInUse(Box<KeyInUse>),
    /// Whether the account's key was changed is not known: keep both keys, and open the account
    /// with both ([`OpenAccount::or_with`](crate::OpenAccount::or_with)).
    #[error("it is not known whether the account's key was changed")]
    KeyUnsettled(#[source] Box<Self>),
    /// The caller asked for something that can't be right.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The CA refused.
    #[error(transparent)]
    Problem(Box<Refusal>),
    /// The CA broke the RFC.
    #[error(transparent)]
    Protocol(Box<ProtocolError>),
    /// A key could not sign.
    #[error("signing failed")]
    Sign(#[source] SignError),
    /// A challenge response could not be put in place.
    #[error("the {kind} response for {identifier} could not be put in place")]
    Solver {
        /// The name to prove control of.
        identifier: Identifier,
        /// How.
        kind: ChallengeType,
        /// The solver's reason.
        #[source]
        source: SolverError,
    },
    /// A checkpoint could not be made durable.
    #[error("progress could not be saved")]
    Store(#[source] StoreError),
    /// The CA could not be reached, or what it sent could not be received.
    #[error("the {operation} request got no response")]
    Transport {
        /// What the request was for.
        operation: Operation,
        /// The transport's reason.
        #[source]
        source: TransportError,
    },
    /// The CA is not done, and the flow waits no longer. Its checkpoint stays good.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
}

impl Error {
    /// Tells whether the same operation may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Cancelled | Self::Unfinished(_) => true,
            Self::KeyInUse(_) | Self::Misuse(_) | Self::Protocol(_) => false,
            Self::KeyUnsettled(error) => error.is_temporary(),
            Self::Problem(refusal) => refusal.is_temporary(),
            Self::Sign(error) => error.is_temporary,
            Self::Solver { source, .. } => source.is_temporary,
            Self::Store(error) => error.is_temporary,
            Self::Transport { source, .. } => source.is_temporary(),
        }
    }

    /// How long the CA, or who failed in its stead, wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KeyUnsettled(error) => error.retry_after(),
            Self::Problem(refusal) => refusal.retry_after,
            Self::Sign(error) => error.retry_after(),
            Self::Solver { source, .. } => source.retry_after(),
            Self::Store(error) => error.retry_after(),
            Self::Unfinished(unfinished) => Some(unfinished.retry_after),
            Self::Cancelled
            | Self::KeyInUse(_)
            | Self::Misuse(_)
            | Self::Protocol(_)
            | Self::Transport { .. } => None,
        }
    }

    /// The CA's refusal, where that is the error.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::KeyInUse(error) => error.refusal.as_ref(),
            Self::KeyUnsettled(error) => error.refusal(),
            Self::Problem(refusal) => Some(refusal),
            Self::Cancelled
            | Self::Misuse(_)
            | Self::Protocol(_)
            | Self::Sign(_)
            | Self::Solver { .. }
            | Self::Store(_)
            | Self::Transport { .. }
            | Self::Unfinished(_) => None,
        }
    }

    pub(crate) fn protocol(operation: Operation, violation: Violation) -> Self {
        Self::Protocol(Box::new(ProtocolError { operation, violation, excerpt: String::new() }))
    }

    /// Tells whether a request that changes something may have been carried out all the same.
    pub(crate) fn leaves_open(&self, request: Operation) -> bool {
        match self {
            Self::Problem(refusal) => {
                refusal.operation == request && refusal.problem.status.is_some_and(|status| status >= 500)
            }
            Self::Protocol(error) => error.operation == request,
            Self::Transport { operation, source } => {
                *operation == request && source.delivery == Delivery::Unknown && source.is_temporary()
            }
            Self::Cancelled
            | Self::KeyInUse(_)
            | Self::KeyUnsettled(_)
            | Self::Misuse(_)
            | Self::Sign(_)
            | Self::Solver { .. }
            | Self::Store(_)
            | Self::Unfinished(_) => false,
        }
    }

    pub(crate) fn is_kind(&self, kind: &ProblemKind) -> bool {
        self.refusal().is_some_and(|refusal| refusal.problem.kind == *kind)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Problem(Box::new(refusal))
    }
}

impl From<Box<Refusal>> for Error {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Problem(refusal)
    }
}

/// A refusal of the CA: its problem document, and what it was about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// What was asked for.
    pub operation: Operation,
    /// The whole problem document.
    pub problem: Problem,
    /// How long to leave this request alone.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.6>
    pub retry_after: Option<Duration>,
    /// The URLs of the `Link: rel="help"` headers.
    pub help: Vec<String>,
    /// What a person has to do, with
    /// [`UserActionRequired`](ProblemKind::UserActionRequired); asking again is of no use before.
    pub user_action: Option<UserAction>,
    /// The name that was refused, where it is about one.
    pub identifier: Option<Identifier>,
    /// The challenge that failed, where it is about one.
    pub challenge: Option<ChallengeType>,
    /// What a refused newOrder asked for and not every CA takes: the cause may be there.
    pub options: Vec<OrderOption>,
    /// The refusals of the order's other names.
    pub others: Vec<Self>,
}

impl Refusal {
    pub(crate) fn new(operation: Operation, problem: Problem) -> Self {
        Self {
            operation,
            problem,
            retry_after: None,
            help: Vec::new(),
            user_action: None,
            identifier: None,
            challenge: None,
            options: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Tells whether the same request may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        let kind = &self.problem.kind;
        matches!(kind, ProblemKind::BadNonce | ProblemKind::RateLimited | ProblemKind::ServerInternal)
            || self.problem.status.is_some_and(|status| status == 429 || status >= 500)
    }
}

impl Refusal {
    /// The names that were refused, each with its problem: of the subproblems, or of the
    /// authorizations that failed. Not every CA says which names are at fault.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.7.1>
    #[must_use]
    pub fn refused_names(&self) -> Vec<(&Identifier, &Problem)> {
        let own = self.identifier.as_ref().map(|identifier| (identifier, &self.problem));
        let parts = self.problem.subproblems.iter();
        let parts = parts.filter_map(|problem| Some((problem.identifier.as_ref()?, problem)));
        let others =
            self.others.iter().filter_map(|other| Some((other.identifier.as_ref()?, &other.problem)));
        own.into_iter().chain(parts).chain(others).collect()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.identifier, &self.challenge) {
            (Some(identifier), Some(challenge)) => write!(f, "{challenge} for {identifier} failed")?,
            (Some(identifier), None) => write!(f, "the authorization of {identifier} failed")?,
            (None, _) => write!(f, "the CA refused {}", self.operation)?,
        }
        write!(f, ": {}", self.problem)?;
        if !self.options.is_empty() {
            write!(f, "; the order asked for {}, which not every CA takes", listed(&self.options))?;
        }
        for other in &self.others {
            write!(f, "; {other}")?;
        }
        Ok(())
    }
}

impl StdError for Refusal {}

/// A list for people.
fn listed<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a person has to do before the CA goes on: usually to agree to terms that have changed.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.3>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserAction {
    /// The page to visit: the problem's `instance`, as an absolute URL where it is one of https.
    pub instance: Option<String>,
    /// The terms of service as they are now, from `Link: rel="terms-of-service"`.
    pub terms_of_service: Option<String>,
}

/// A key that can't become an account's, since it is another account's.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5>
#[derive(Clone, Debug, thiserror::Error)]
#[error("the key is in use by another account: {account_url}")]
#[non_exhaustive]
pub struct KeyInUse {
    /// The account that has the key.
    pub account_url: String,
    /// The CA's refusal, where it came with one.
    pub refusal: Option<Refusal>,
}

/// A response that breaks the RFC.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the CA broke the protocol in its response to {operation}: {violation}")]
#[non_exhaustive]
pub struct ProtocolError {
    /// What the request was for.
    pub operation: Operation,
    /// What was wrong.
    pub violation: Violation,
    /// The start of the body, where it helps.
    pub excerpt: String,
}

/// How a response broke the RFC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The order has no authorization for a name, or one without a challenge that is known.
    #[error("no authorization for {0}")]
    AuthorizationMissing(Identifier),
    /// The chain has something other than certificates, or none.
    #[error("the certificate chain is not strict PEM: {0}")]
    Chain(&'static str),
    /// The certificate is for other names than the order.
    #[error("the certificate is for {got}, not for {wanted}")]
    CertificateNames {
        /// The names of the order.
        wanted: String,
        /// The names of the certificate.
        got: String,
    },
    /// The certificate is for another key than the CSR.
    #[error("the certificate is for another key than the request")]
    CertificateKey,
    /// A header is missing.
    #[error("the header {0} is missing")]
    Header(&'static str),
    /// A member is missing or of the wrong type.
    #[error("the member '{0}' is missing or of the wrong type")]
    Member(&'static str),
    /// The body is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The order lacks the profile that was asked for.
    #[error("the order has {}, not the profile '{wanted}'", profile_text(got.as_deref()))]
    Profile {
        /// The profile that was asked for.
        wanted: String,
        /// The profile of the order.
        got: Option<String>,
    },
    /// A redirect where none may be, or one too many.
    #[error("an unexpected redirect")]
    Redirect,
    /// A status of a resource that makes no sense here.
    #[error("the status '{0}' makes no sense here")]
    Status(String),
    /// A URL that is not absolute or not https.
    #[error("'{0}' is not an absolute https URL")]
    Url(String),
    /// A window of renewal that ends before it starts.
    #[error("the window from {start} to {end} is none")]
    Window {
        /// Its start.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
}

fn profile_text(profile: Option<&str>) -> String {
    profile.map_or_else(|| "no profile".to_string(), |profile| format!("the profile '{profile}'"))
}

/// Something that the caller asked for and that can't be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A dns-persist-01 challenge is for another account than the one that asks.
    #[error("the dns-persist-01 record of {identifier} is to name {account_uri}, which is another account")]
    AccountUri {
        /// The name.
        identifier: Identifier,
        /// The account that the record is to name.
        account_uri: String,
    },
    /// The certificate's key is the account's key (RFC 8555, section 11.1).
    #[error("the certificate's key is the account's key")]
    AccountKeyInCsr,
    /// A contact can't be right.
    #[error("the contact '{contact}' can't be used")]
    Contact {
        /// The contact.
        contact: String,
        /// Why.
        #[source]
        source: ContactError,
    },
    /// The CSR can't be read.
    #[error("the certificate signing request can't be read")]
    Csr,
    /// The CSR names other identifiers than the order.
    #[error("the certificate signing request is for {got}, the order for {wanted}")]
    CsrNames {
        /// The names of the order.
        wanted: String,
        /// The names of the CSR.
        got: String,
    },
    /// The key has no account yet, and the CA makes none without an external account
    /// ([`DirectoryMeta::external_account_required`](crate::DirectoryMeta::external_account_required)).
    #[error("the CA wants a new account to be bound to an external account, and none is given")]
    ExternalAccountRequired,
    /// The driver answered a step with an input of another kind.
    #[error("the driver gave an input that does not fit the last step")]
    Input,
    /// A name can't be certified.
    #[error("'{name}' can't be certified")]
    Identifier {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: IdentifierError,
    },
    /// The CA does not advertise what the order asks for.
    #[error("the CA does not offer {0}")]
    ExtensionNotOffered(Extension),
    /// The account's new key is the one that it has.
    #[error("the new key is the account's key")]
    KeyUnchanged,
    /// The session has no account, and the operation needs one.
    #[error("the session has no account")]
    NoAccount,
    /// None of the solver's challenge types is offered for a name.
    #[error("for {identifier} the CA offers {offered}, and none of these is set up")]
    NoChallenge {
        /// The name.
        identifier: Identifier,
        /// What the CA offers.
        offered: String,
    },
    /// The CA has no such operation.
    #[error("the CA does not offer {0}")]
    NotOffered(Operation),
    /// The CA has no profile of this name.
    #[error("the CA does not offer the profile '{profile}'{}", offered_text(offered))]
    ProfileNotOffered {
        /// The profile that was asked for.
        profile: String,
        /// The profiles that it offers.
        offered: Vec<String>,
    },
    /// The CA asks for agreement to its terms of service.
    #[error("the CA's terms of service have to be agreed to: {0}")]
    TermsNotAgreed(String),
    /// More names than [`limits::MAX_IDENTIFIERS`](crate::limits::MAX_IDENTIFIERS), or none.
    #[error("an order has {0} names")]
    TooManyNames(usize),
    /// A wildcard can't be authorized ahead of an order (RFC 8555, section 7.4.1).
    #[error("a wildcard such as {0} can't be authorized ahead of an order")]
    WildcardPreAuthorization(Identifier),
    /// The URL of the directory is not https.
    #[error("'{0}' is not an absolute https URL")]
    Url(String),
}

fn offered_text(offered: &[String]) -> String {
    if offered.is_empty() { "; it has none".to_string() } else { format!("; it has {}", listed(offered)) }
}

/// The CA is not done yet, and asks for more patience than a flow has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} is not finished; the next look is due in {} s", retry_after.as_secs())]
#[non_exhaustive]
pub struct Unfinished {
    /// What was waited for.
    pub operation: Operation,
    /// When to look again.
    pub retry_after: Duration,
}
