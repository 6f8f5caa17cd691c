//! What to do next.

use acme_proto::{Error as AcmeError, Misuse, ProblemKind, Refusal, TransportErrorKind};

use crate::error::Fault;
use crate::invocation::Invocation;

/// A piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// A sentence.
    Text(String),
    /// A line to paste.
    Paste(String),
}

impl Advice {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn paste(line: impl Into<String>) -> Self {
        Self::Paste(line.into())
    }
}

/// Whose fault a failure of the conversation with a CA is.
pub(crate) fn fault(error: &AcmeError) -> Fault {
    match error {
        AcmeError::Cancelled | AcmeError::Solver { .. } | AcmeError::Store(_) => Fault::You,
        AcmeError::Misuse(misuse) => match misuse {
            Misuse::Identifier { .. }
            | Misuse::NoChallenge { .. }
            | Misuse::TermsNotAgreed(_)
            | Misuse::TooManyNames(_)
            | Misuse::Url(_) => Fault::You,
            Misuse::NotOffered(_) => Fault::Ca,
            _ => Fault::Us,
        },
        AcmeError::Problem(refusal) => of_refusal(refusal),
        AcmeError::Protocol(_) | AcmeError::Unfinished(_) => Fault::Ca,
        AcmeError::Transport { source, .. } => match source.kind {
            TransportErrorKind::Untrusted => Fault::You,
            TransportErrorKind::BodyTooLarge => Fault::Ca,
            _ => Fault::Network,
        },
        _ => Fault::Us,
    }
}

fn of_refusal(refusal: &Refusal) -> Fault {
    match refusal.problem.kind {
        ProblemKind::BadNonce | ProblemKind::ServerInternal => Fault::Ca,
        ProblemKind::BadCsr
        | ProblemKind::BadPublicKey
        | ProblemKind::BadSignatureAlgorithm
        | ProblemKind::Malformed
        | ProblemKind::OrderNotReady => Fault::Us,
        _ if refusal.problem.status.is_some_and(|status| status >= 500) => Fault::Ca,
        _ => Fault::You,
    }
}

/// What to do about a failure of the conversation with a CA.
pub(crate) fn for_acme(error: &AcmeError, invocation: &Invocation) -> Vec<Advice> {
    match error {
        AcmeError::Misuse(Misuse::TermsNotAgreed(url)) => vec![
            Advice::text(format!("read {url}, and if you agree:")),
            Advice::paste(invocation.with("--agree-tos")),
        ],
        AcmeError::Misuse(Misuse::NoChallenge { .. }) => {
            vec![Advice::text("http-01 is what can be set up here; use a CA that offers it for this name")]
        }
        AcmeError::Misuse(Misuse::TooManyNames(_)) => {
            vec![Advice::text("spread the names over several certificates")]
        }
        AcmeError::Problem(refusal) => for_refusal(refusal),
        AcmeError::Protocol(_) => vec![Advice::text("report it to the CA; a later try may fare better")],
        AcmeError::Solver { .. } => vec![Advice::text("mend that, then try again")],
        AcmeError::Transport { source, .. } => vec![Advice::text(match source.kind {
            TransportErrorKind::Untrusted => {
                "if the CA is your own, give its root with --ca-root FILE; if not, somebody is between you and it"
            }
            TransportErrorKind::Connect => {
                "check that the CA is up, and that this machine may connect to it; then try again"
            }
            TransportErrorKind::Resolve => "check the name in the URL and this machine's DNS; then try again",
            _ => "try again later",
        })],
        AcmeError::Unfinished(_) => {
            vec![Advice::text("run the same line again later: it goes on where it is")]
        }
        _ => Vec::new(),
    }
}

fn for_refusal(refusal: &Refusal) -> Vec<Advice> {
    let text = match &refusal.problem.kind {
        ProblemKind::Caa => {
            "add a CAA record that allows this CA, or use a CA that the records allow".to_owned()
        }
        ProblemKind::RateLimited => {
            "wait as the CA says; with --dry-run attempts do not count against its limits".to_owned()
        }
        ProblemKind::RejectedIdentifier | ProblemKind::UnsupportedIdentifier => {
            "leave the name out, or use a CA that certifies it".to_owned()
        }
        ProblemKind::InvalidContact | ProblemKind::UnsupportedContact => {
            "give another --email, or none".to_owned()
        }
        ProblemKind::ExternalAccountRequired => {
            "external account binding is not supported yet; use another CA".to_owned()
        }
        ProblemKind::UserActionRequired => match &refusal.problem.instance {
            Some(page) => format!("visit {page}, then try again"),
            None => "do what the CA says, then try again".to_owned(),
        },
        ProblemKind::ServerInternal => "the CA is in trouble; try again later".to_owned(),
        _ if refusal.problem.status.is_some_and(|status| status >= 500) => {
            "the CA is in trouble; try again later".to_owned()
        }
        _ if refusal.challenge.is_some() || is_of_validation(&refusal.problem.kind) => format!(
            "make http://{}/.well-known/acme-challenge/ reach this machine on port 80 from everywhere: \
             DNS (A and AAAA), firewall, proxy",
            refusal.identifier.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string)
        ),
        _ => return Vec::new(),
    };
    vec![Advice::text(text)]
}

fn is_of_validation(kind: &ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::Connection | ProblemKind::Dns | ProblemKind::IncorrectResponse | ProblemKind::Tls
    )
}
