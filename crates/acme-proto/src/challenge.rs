//! Challenges: what the CA offers, and what a solver puts in place.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::authorization::Authorization;
use crate::base64url;
use crate::error::{Error, Violation};
use crate::flow::Operation;
use crate::identifier::Identifier;
use crate::json;
use crate::persist::{PersistOffer, PersistPolicy, PersistRecord};
use crate::problem::Problem;
use crate::session::Respondent;
use crate::url::Url;

/// A way to prove control of an identifier.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-9.7.8>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum ChallengeType {
    /// A TXT record.
    Dns01,
    /// A TXT record at a name of the account's own.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-account-label-03>
    DnsAccount01,
    /// A TXT record that stays.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist>
    DnsPersist01,
    /// A file behind port 80.
    Http01,
    /// A certificate behind port 443 (RFC 8737).
    TlsAlpn01,
    /// A type that this library does not know, as it came.
    Other(String),
}

impl ChallengeType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Dns01 => "dns-01",
            Self::DnsAccount01 => "dns-account-01",
            Self::DnsPersist01 => "dns-persist-01",
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for ChallengeType {
    fn from(name: String) -> Self {
        match name.as_str() {
            "dns-01" => Self::Dns01,
            "dns-account-01" => Self::DnsAccount01,
            "dns-persist-01" => Self::DnsPersist01,
            "http-01" => Self::Http01,
            "tls-alpn-01" => Self::TlsAlpn01,
            _ => Self::Other(name),
        }
    }
}

impl From<ChallengeType> for String {
    fn from(kind: ChallengeType) -> Self {
        kind.as_str().to_string()
    }
}

impl fmt::Display for ChallengeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A challenge as the CA offers it in an authorization.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.5>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OfferedChallenge {
    /// The type.
    pub kind: ChallengeType,
    /// Where to answer.
    pub url: String,
    /// The token; some types have none.
    pub token: Option<String>,
    /// How far it is.
    pub status: ChallengeStatus,
    /// Why it failed, or why the last try did.
    pub error: Option<Problem>,
    /// When the CA wants to be asked again; only the response to an answer says.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-8.2>
    pub retry_after: Option<Duration>,
    pub(crate) persist: Option<PersistOffer>,
}

impl OfferedChallenge {
    /// Fewest characters of a token: 128 bits in base64url (RFC 8555, section 8.1).
    pub const MIN_TOKEN: usize = 22;
    /// Most characters of a token: what fits a file name with room to spare.
    pub const MAX_TOKEN: usize = 200;

    /// Reads what a CA sent; `None` for something without type and URL, which nobody can answer.
    pub(crate) fn from_json(value: &Value, base: &Url) -> Option<Self> {
        Some(Self {
            kind: json::string(value, "type")?.to_string().into(),
            url: base.join(json::string(value, "url")?)?.to_string(),
            token: json::string(value, "token").map(ToString::to_string),
            status: ChallengeStatus::from_wire(json::string(value, "status").unwrap_or("pending")),
            error: value.get("error").filter(|error| error.is_object()).map(Problem::from_json),
            retry_after: None,
            persist: PersistOffer::from_json(value),
        })
    }

    /// The token, if it can be used in a path: base64url, and neither short nor endless.
    #[must_use]
    pub fn safe_token(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| Self::is_safe(token))
    }

    fn is_safe(token: &str) -> bool {
        (Self::MIN_TOKEN..=Self::MAX_TOKEN).contains(&token.len()) && base64url::is_alphabet(token)
    }
}

/// How far a challenge is.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.6>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeStatus {
    /// Nobody answered yet.
    Pending,
    /// The CA is validating.
    Processing,
    /// Control is proved.
    Valid,
    /// It failed.
    Invalid,
    /// A status that this library does not know.
    Other(String),
}

impl ChallengeStatus {
    pub(crate) fn from_wire(status: &str) -> Self {
        match status {
            "pending" => Self::Pending,
            "processing" => Self::Processing,
            "valid" => Self::Valid,
            "invalid" => Self::Invalid,
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for ChallengeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Other(status) => status,
        })
    }
}

/// A challenge with the response that proves control: what a solver puts in place.
///
/// `Debug` leaves the response out. Serialized it is whole, so that a later process can take
/// away what an earlier one put in place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Challenge {
    /// The name to prove control of, without `*.`.
    pub identifier: Identifier,
    /// Whether it is for the wildcard of the name.
    pub wildcard: bool,
    /// How control is proved.
    pub kind: ChallengeType,
    /// Where the CA is told that the response is in place.
    pub url: String,
    /// The token; letters, digits, `-` and `_` only. Empty for dns-persist-01, which has none.
    pub token: String,
    key_authorization: String,
    digest: [u8; 32],
    /// Of dns-account-01.
    #[serde(default)]
    account_label: Option<String>,
    #[serde(default)]
    persist_record: Option<PersistRecord>,
    #[serde(default)]
    persist_policy: Option<PersistPolicy>,
}

impl Challenge {
    /// The path of an http-01 response, before the token.
    pub const HTTP_PREFIX: &'static str = "/.well-known/acme-challenge/";

    /// Computes the response to an offered challenge.
    ///
    /// # Errors
    /// [`Violation::Member`] where its token or its list of issuers can't be used,
    /// [`Misuse::AccountUri`](crate::Misuse::AccountUri) where it is for another account,
    /// [`Misuse::NoChallenge`](crate::Misuse::NoChallenge) where such an identifier can't be proved in
    /// this way.
    pub fn respond(
        authorization: &Authorization,
        offered: &OfferedChallenge,
        respondent: &Respondent,
    ) -> Result<Self, Error> {
        let mut challenge = Self {
            identifier: authorization.identifier.clone(),
            wildcard: authorization.wildcard,
            kind: offered.kind.clone(),
            url: offered.url.clone(),
            token: String::new(),
            key_authorization: String::new(),
            digest: [0; 32],
            account_label: None,
            persist_record: None,
            persist_policy: None,
        };
        if challenge.kind == ChallengeType::DnsPersist01 {
            let (record, policy) = PersistRecord::respond(authorization, offered, respondent)?;
            (challenge.persist_record, challenge.persist_policy) = (Some(record), Some(policy));
            return Ok(challenge);
        }
        let has_record = matches!(challenge.kind, ChallengeType::Dns01 | ChallengeType::DnsAccount01);
        if has_record && matches!(authorization.identifier, Identifier::Ip(_)) {
            return Err(authorization.no_challenge());
        }
        let token = offered.safe_token();
        let token =
            token.ok_or_else(|| Error::protocol(Operation::Authorization, Violation::Member("token")))?;
        let thumbprint = &respondent.thumbprint;
        challenge.token = token.to_string();
        challenge.key_authorization = thumbprint.key_authorization(token);
        challenge.digest = thumbprint.sha256(challenge.key_authorization.as_bytes());
        if challenge.kind == ChallengeType::DnsAccount01 {
            challenge.account_label = Some(respondent.account_label());
        }
        Ok(challenge)
    }

    /// Makes up a challenge that no CA has asked for, to try a solver out; `None` where the token
    /// can't be used.
    #[must_use]
    pub fn rehearsal(
        identifier: &Identifier,
        kind: ChallengeType,
        token: &str,
        sha256: crate::session::Sha256,
    ) -> Option<Self> {
        let token = Some(token).filter(|token| OfferedChallenge::is_safe(token))?;
        let key_authorization = format!("{token}.{}", base64url::encode(sha256(token.as_bytes())));
        Some(Self {
            identifier: identifier.base(),
            wildcard: identifier.is_wildcard(),
            kind,
            url: String::new(),
            token: token.to_string(),
            digest: sha256(key_authorization.as_bytes()),
            key_authorization,
            account_label: None,
            persist_record: None,
            persist_policy: None,
        })
    }

    /// The key authorization: the body of an http-01 response.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-8.1>
    #[must_use]
    pub fn key_authorization(&self) -> &str {
        &self.key_authorization
    }

    /// The path that an http-01 response is served under.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-8.3>
    #[must_use]
    pub fn http_path(&self) -> String {
        format!("{}{}", Self::HTTP_PREFIX, self.token)
    }

    /// The URL of an http-01 response.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-8.3> and
    /// <https://www.rfc-editor.org/rfc/rfc8738#section-5>
    #[must_use]
    pub fn http_url(&self) -> String {
        let path = self.http_path();
        match &self.identifier {
            Identifier::Ip(IpAddr::V6(address)) => format!("http://[{address}]{path}"),
            Identifier::Ip(IpAddr::V4(_)) | Identifier::Dns(_) | Identifier::Other { .. } => {
                format!("http://{}{path}", self.identifier)
            }
        }
    }

    /// The name of the TXT record: of dns-01, dns-account-01 and dns-persist-01.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-8.4>
    #[must_use]
    pub fn dns_name(&self) -> String {
        match (&self.persist_record, &self.account_label) {
            (Some(record), _) => record.name(),
            (None, Some(label)) => format!("{label}._acme-challenge.{}", self.identifier),
            (None, None) => format!("_acme-challenge.{}", self.identifier),
        }
    }

    /// The value of the TXT record: of dns-01, dns-account-01 and dns-persist-01.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-8.4>
    #[must_use]
    pub fn dns_value(&self) -> String {
        match &self.persist_record {
            Some(record) => record.to_string(),
            None => base64url::encode(self.digest),
        }
    }

    /// The record of dns-persist-01. It is not taken away after the issuance.
    #[must_use]
    pub fn persist_record(&self) -> Option<&PersistRecord> {
        self.persist_record.as_ref()
    }

    /// What the CA will compare the records of dns-persist-01 with, which may be there already.
    #[must_use]
    pub fn persist_policy(&self) -> Option<&PersistPolicy> {
        self.persist_policy.as_ref()
    }

    /// The SHA-256 digest of the key authorization: what a tls-alpn-01 certificate holds.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8737#section-3>
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The server name that a CA asks for in the handshake of tls-alpn-01: the name, or the reverse
    /// name of an address.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8737#section-3> and
    /// <https://www.rfc-editor.org/rfc/rfc8738#section-6>
    #[must_use]
    pub fn tls_server_name(&self) -> String {
        match &self.identifier {
            Identifier::Ip(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Identifier::Ip(IpAddr::V6(address)) => {
                let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
                let labels: String = nibbles.map(|nibble| format!("{nibble:x}.")).collect();
                format!("{labels}ip6.arpa")
            }
            Identifier::Dns(_) | Identifier::Other { .. } => self.identifier.to_string(),
        }
    }

    /// The name as it stands in the order: with `*.` for a wildcard.
    #[must_use]
    pub fn order_identifier(&self) -> Identifier {
        self.identifier.with_wildcard(self.wildcard)
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("identifier", &self.identifier)
            .field("wildcard", &self.wildcard)
            .field("kind", &self.kind)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
