//! What to do next.

use acme_proto::{
    Error as AcmeError, Misuse, ProblemKind, Refusal, SolverError, StoreError, TransportErrorKind,
};
use acme_solver::NotStanding;

use crate::binding;
use crate::ca::Binding;
use crate::error::Fault;
use crate::invocation::{Invocation, quoted};
use crate::standing_record;

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
            Misuse::NotOffered(_) => Fault::Ca,
            Misuse::Input | Misuse::NoAccount => Fault::Us,
            Misuse::AccountKeyInCsr
            | Misuse::Csr
            | Misuse::CsrNames { .. }
            | Misuse::Identifier { .. }
            | Misuse::NoChallenge { .. }
            | Misuse::TermsNotAgreed(_)
            | Misuse::TooManyNames(_)
            | Misuse::Url(_)
            | _ => Fault::You,
        },
        AcmeError::Problem(refusal) => of_refusal(refusal),
        AcmeError::Protocol(_) | AcmeError::Unfinished(_) => Fault::Ca,
        AcmeError::Transport { source, .. } => match source.kind {
            TransportErrorKind::Untrusted => Fault::You,
            TransportErrorKind::BodyTooLarge => Fault::Ca,
            TransportErrorKind::Connect
            | TransportErrorKind::Io
            | TransportErrorKind::Proxy
            | TransportErrorKind::Resolve
            | TransportErrorKind::Timeout
            | TransportErrorKind::Tls
            | _ => Fault::Network,
        },
        AcmeError::Sign(_) | _ => Fault::Us,
    }
}

fn of_refusal(refusal: &Refusal) -> Fault {
    let kind = &refusal.problem.kind;
    if is_trouble(refusal) || matches!(kind, ProblemKind::BadNonce | ProblemKind::RateLimited) {
        Fault::Ca
    } else if OURS.contains(kind) {
        Fault::Us
    } else {
        Fault::You
    }
}

/// Tells whether the CA itself is in trouble.
fn is_trouble(refusal: &Refusal) -> bool {
    refusal.problem.kind == ProblemKind::ServerInternal
        || refusal.problem.status.is_some_and(|status| status >= 500)
}

/// What to do about a failure of the conversation with a CA.
pub(crate) fn for_acme(error: &AcmeError, invocation: &Invocation) -> Vec<Advice> {
    match error {
        AcmeError::Misuse(Misuse::TermsNotAgreed(url)) => vec![
            Advice::text(format!("read {url}, and if you agree:")),
            Advice::paste(invocation.with("--agree-tos")),
        ],
        AcmeError::Misuse(Misuse::ExternalAccountRequired) => binding::needed(Binding::NotNeeded, invocation),
        AcmeError::Misuse(Misuse::NoChallenge { .. }) => {
            vec![Advice::text("http-01 is what can be set up here; use a CA that offers it for this name")]
        }
        AcmeError::Misuse(Misuse::ProfileNotOffered { offered, .. }) => other_profile(offered, invocation),
        AcmeError::Misuse(Misuse::NotOffered(_)) => {
            vec![Advice::text("acmectl ca CA says what a CA offers; another one may offer it")]
        }
        AcmeError::Misuse(Misuse::TooManyNames(_)) => {
            vec![Advice::text("spread the names over several certificates")]
        }
        AcmeError::Problem(refusal) => for_refusal(refusal, invocation),
        AcmeError::Protocol(_) => vec![Advice::text("report it to the CA; a later try may fare better")],
        AcmeError::Solver { source, .. } if not_standing(source).is_some() => {
            let records = not_standing(source).map(|missing| missing.records.as_slice()).unwrap_or_default();
            std::iter::once(Advice::text(
                "add these records, or put each in the place of one that is wrong; as long as one stands, the \
                 account can have certificates:",
            ))
            .chain(records.iter().map(|record| Advice::paste(standing_record::line(record))))
            .collect()
        }
        AcmeError::Solver { .. } => vec![Advice::text("mend that, then try again")],
        AcmeError::Transport { source, .. } => vec![Advice::text(match source.kind {
            TransportErrorKind::Untrusted => {
                "if the CA is your own, give its root with --ca-root FILE; if not, somebody is between you and it"
            }
            TransportErrorKind::Connect => {
                "check that the CA is up, and that this machine may connect to it; then try again"
            }
            TransportErrorKind::Resolve => "check the name in the URL and this machine's DNS; then try again",
            TransportErrorKind::BodyTooLarge
            | TransportErrorKind::Io
            | TransportErrorKind::Proxy
            | TransportErrorKind::Timeout
            | TransportErrorKind::Tls
            | _ => "try again later",
        })],
        AcmeError::Unfinished(_) => {
            vec![Advice::text("run the same line again later: it goes on where it is")]
        }
        AcmeError::Store(error) => for_store(error),
        AcmeError::Misuse(Misuse::Csr | Misuse::CsrNames { .. } | Misuse::AccountKeyInCsr) => {
            vec![Advice::text("make a certificate signing request for these names, with a key of its own")]
        }
        AcmeError::Cancelled | AcmeError::Misuse(_) | AcmeError::Sign(_) | _ => vec![Advice::text(REPORT)],
    }
}

/// The records of dns-persist-01 that are missing, where that is what a solver says.
pub(crate) fn not_standing(error: &SolverError) -> Option<&NotStanding> {
    error.get_ref().downcast_ref()
}

fn other_profile(offered: &[String], invocation: &Invocation) -> Vec<Advice> {
    let line = invocation.without(&["--profile"]);
    if offered.is_empty() {
        return vec![Advice::text(
            "the CA has no profiles; leave --profile away, or take it back with --profile ''",
        )];
    }
    let lines = offered
        .iter()
        .take(MAX_OFFERED)
        .map(|name| Advice::paste(line.with(&format!("--profile {}", quoted(name)))));
    std::iter::once(Advice::text("ask for one that it offers; acmectl ca CA says what each is:"))
        .chain(lines)
        .collect()
}

fn for_store(error: &StoreError) -> Vec<Advice> {
    let advice = error.get_ref().downcast_ref().and_then(acme_store::Error::advice);
    vec![Advice::text(advice.unwrap_or_else(|| "mend that, then try again".to_owned()))]
}

fn for_refusal(refusal: &Refusal, invocation: &Invocation) -> Vec<Advice> {
    let kind = &refusal.problem.kind;
    if *kind == ProblemKind::ExternalAccountRequired {
        return binding::needed(Binding::NotNeeded, invocation);
    }
    if is_trouble(refusal) {
        return vec![Advice::text("the CA is in trouble; try again later")];
    }
    if let (ProblemKind::UserActionRequired, Some(page)) = (kind, &refusal.problem.instance) {
        return vec![Advice::text(format!("visit {page}, then try again"))];
    }
    if let Some((_, text)) = BY_KIND.iter().find(|(known, _)| known == kind) {
        return vec![Advice::text(*text)];
    }
    if OURS.contains(kind) {
        return vec![Advice::text(REPORT)];
    }
    if refusal.challenge.is_none() && !OF_VALIDATION.contains(kind) {
        return vec![Advice::text(
            "mend what the CA says; if it is about the account, try another --account LABEL",
        )];
    }
    let name = refusal.identifier.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string);
    vec![Advice::text(format!(
        "make http://{name}/.well-known/acme-challenge/ reach this machine on port 80 from everywhere: \
         DNS (A and AAAA), firewall, proxy"
    ))]
}

/// So many profiles are named in lines to paste.
const MAX_OFFERED: usize = 5;

const REPORT: &str = "report it, with what --log-file acmectl.log writes";

/// What is wrong with a request, and so with this program.
const OURS: [ProblemKind; 5] = [
    ProblemKind::BadCsr,
    ProblemKind::BadPublicKey,
    ProblemKind::BadSignatureAlgorithm,
    ProblemKind::Malformed,
    ProblemKind::OrderNotReady,
];

/// What a CA finds when it looks at a name.
const OF_VALIDATION: [ProblemKind; 4] =
    [ProblemKind::Connection, ProblemKind::Dns, ProblemKind::IncorrectResponse, ProblemKind::Tls];

const BY_KIND: [(ProblemKind, &str); 8] = [
    (ProblemKind::Caa, "add a CAA record that allows this CA, or use a CA that the records allow"),
    (ProblemKind::InvalidProfile, "ask for another --profile, or take it back with --profile ''"),
    (ProblemKind::InvalidContact, "give another --email, or none"),
    (
        ProblemKind::RateLimited,
        "wait as the CA says; with --dry-run attempts do not count against its limits",
    ),
    (ProblemKind::RejectedIdentifier, "leave the name out, or use a CA that certifies it"),
    (ProblemKind::UnsupportedContact, "give another --email, or none"),
    (ProblemKind::UnsupportedIdentifier, "leave the name out, or use a CA that certifies it"),
    (ProblemKind::UserActionRequired, "do what the CA says, then try again"),
];
