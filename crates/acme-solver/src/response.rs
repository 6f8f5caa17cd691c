//! What every solver asks of a challenge before it touches anything.

use acme_proto::{Challenge, ChallengeType, Identifier, OfferedChallenge, SolverError};

/// Why a solver has no response for a challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The record would be in a zone that the solver does not serve.
    #[error("the record of {name} would be at {canonical}, which is in no zone that is served here")]
    Elsewhere {
        /// The name of the record.
        name: String,
        /// Where its CNAMEs lead.
        canonical: String,
    },
    /// The challenge is of a type that the solver does not know.
    #[error("this solver has no response for {0}")]
    Kind(ChallengeType),
    /// A solver did not give one result for each challenge.
    #[error("the solver did not say what became of the response")]
    Missing,
    /// No solver is set up for the name.
    #[error("no solver is set up for {0}")]
    NoSolver(Identifier),
    /// The web server answers for another account, or for the key that the account had before.
    #[error("the web server answers with the thumbprint of another key than the account's")]
    Thumbprint,
    /// The token can't be used in a path.
    #[error(
        "the token is not {} to {} characters of base64url",
        OfferedChallenge::MIN_TOKEN,
        OfferedChallenge::MAX_TOKEN
    )]
    Token,
}

impl From<ResponseError> for SolverError {
    fn from(error: ResponseError) -> Self {
        Self::permanent(error)
    }
}

/// The types that can prove control of a name by http-01: RFC 8555 knows none for wildcards.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3>
pub(crate) fn http_types(identifier: &Identifier) -> Vec<ChallengeType> {
    let has_address = matches!(identifier, Identifier::Dns(_) | Identifier::Ip(_));
    if has_address && !identifier.is_wildcard() { vec![ChallengeType::Http01] } else { Vec::new() }
}

/// The types that can prove control of a name by tls-alpn-01, which is none for wildcards either.
///
/// <https://www.rfc-editor.org/rfc/rfc8737#section-3>
pub(crate) fn tls_types(identifier: &Identifier) -> Vec<ChallengeType> {
    let has_address = matches!(identifier, Identifier::Dns(_) | Identifier::Ip(_));
    if has_address && !identifier.is_wildcard() { vec![ChallengeType::TlsAlpn01] } else { Vec::new() }
}

/// The types that can prove control of a name by a TXT record that goes away again: addresses have
/// no names in DNS.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.4> and
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-account-label-03>
pub(crate) fn dns_types(identifier: &Identifier) -> Vec<ChallengeType> {
    if matches!(identifier, Identifier::Dns(_)) { DNS_TYPES.to_vec() } else { Vec::new() }
}

/// Refuses a challenge whose response is no TXT record that goes away again.
pub(crate) fn check_dns(challenge: &Challenge) -> Result<(), ResponseError> {
    if DNS_TYPES.contains(&challenge.kind) {
        return Ok(());
    }
    Err(ResponseError::Kind(challenge.kind.clone()))
}

/// The token of an http-01 challenge. It is checked again here, since a challenge may have been
/// read from storage, and the token becomes a path.
pub(crate) fn http_token(challenge: &Challenge) -> Result<&str, ResponseError> {
    if challenge.kind != ChallengeType::Http01 {
        return Err(ResponseError::Kind(challenge.kind.clone()));
    }
    let token = challenge.token.as_str();
    let is_short_or_long =
        !(OfferedChallenge::MIN_TOKEN..=OfferedChallenge::MAX_TOKEN).contains(&token.len());
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if is_short_or_long || !token.bytes().all(is_safe) {
        return Err(ResponseError::Token);
    }
    Ok(token)
}

const DNS_TYPES: [ChallengeType; 2] = [ChallengeType::Dns01, ChallengeType::DnsAccount01];
