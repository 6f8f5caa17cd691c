//! What the CA wants to be validated.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};

use jiff::Timestamp;

use crate::{
    caa::CaaPolicy,
    encoding,
    identifier::Identifier,
    persist::{self, PersistPolicy},
    problem::Problem,
};

/// A validation to be carried out: what [`Ca::poll_validation`](crate::Ca::poll_validation) gives
/// and [`Ca::validated`](crate::Ca::validated) wants the outcome of.
///
/// See [RFC 8555 section 8](https://www.rfc-editor.org/rfc/rfc8555#section-8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validation {
    /// Which one it is.
    pub id: ValidationId,
    /// How it is done.
    pub method: Method,
    /// The name, without `*.`, or the address.
    pub name: String,
    /// The identifier of the authorization.
    pub identifier: Identifier,
    /// What the CAA records of the name must permit. The CA looks at those of its configuration, and
    /// leaves those in the DNS to whoever validates.
    pub caa: CaaPolicy,
    /// The token of the challenge. Empty if it has none.
    pub token: String,
    /// What the client must prove to know (RFC 8555 section 8.1). Empty if there is no token.
    pub key_authorization: String,
    /// What the TXT records of dns-persist-01 are compared with.
    pub persist: Option<PersistPolicy>,
}

impl Validation {
    /// The name whose TXT records are looked at, without a final dot. `None` if the method wants none.
    #[must_use]
    pub fn record_name(&self) -> Option<String> {
        let name = &self.name;
        match self.method {
            Method::Http01 | Method::TlsAlpn01 | Method::OnionCsr01 => None,
            Method::Dns01 => Some(format!("_acme-challenge.{name}")),
            Method::DnsAccount01 => {
                let label = persist::account_label(&self.caa.account_url);
                Some(format!("_{label}._acme-challenge.{name}"))
            }
            Method::DnsPersist01 => Some(format!("_validation-persist.{name}")),
        }
    }

    /// Whether one of the TXT records of [`Validation::record_name`], the strings of each put
    /// together, is right. Gives until when it is, if a record of dns-persist-01 says so.
    ///
    /// # Errors
    ///
    /// The problem to give to [`Ca::validated`](crate::Ca::validated).
    pub fn check_texts(&self, texts: &[Vec<u8>]) -> Result<Option<Timestamp>, Problem> {
        let owner = self.record_name().unwrap_or_default();
        if let Some(policy) = &self.persist {
            return policy.check(&owner, texts);
        }
        let value = self.txt_value();
        if texts.iter().any(|text| text == value.as_bytes()) {
            return Ok(None);
        }
        let found: Vec<_> = texts.iter().map(|text| String::from_utf8_lossy(text)).collect();
        let detail =
            format!("RFC 8555 section 8.4: no TXT record of {owner} is {value:?}, there is {found:?}");
        Err(Problem::new("incorrectResponse", 403, detail))
    }

    /// What a TXT record of dns-01 and of dns-account-01 must hold: the digest of the key authorization.
    ///
    /// See [RFC 8555 section 8.4](https://www.rfc-editor.org/rfc/rfc8555#section-8.4).
    #[must_use]
    pub fn txt_value(&self) -> String {
        encoding::base64url(digest(&SHA256, self.key_authorization.as_bytes()).as_ref())
    }

    /// The name to ask for in the TLS handshake of tls-alpn-01: for an address that of its reverse
    /// mapping, without a final dot.
    ///
    /// See [RFC 8738 section 6](https://www.rfc-editor.org/rfc/rfc8738#section-6).
    #[must_use]
    pub fn server_name(&self) -> String {
        match self.identifier.address() {
            None => self.name.clone(),
            Some(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Some(IpAddr::V6(address)) => {
                let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
                nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
            }
        }
    }
}

/// The number of a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValidationId(pub(crate) u64);

/// How control over a name is validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A file of a web server (RFC 8555 section 8.3).
    Http01,
    /// A TXT record (RFC 8555 section 8.4).
    Dns01,
    /// A certificate (RFC 8737).
    TlsAlpn01,
    /// A TXT record of the account (draft-ietf-acme-dns-account-label).
    DnsAccount01,
    /// A TXT record that stays (draft-ietf-acme-dns-persist).
    DnsPersist01,
    /// A CSR signed by the key of an onion service (RFC 9799). The CA looks at it itself.
    OnionCsr01,
}

impl Method {
    /// The type of its challenge.
    #[must_use]
    pub fn challenge_type(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::DnsAccount01 => "dns-account-01",
            Self::DnsPersist01 => "dns-persist-01",
            Self::OnionCsr01 => "onion-csr-01",
        }
    }

    pub(crate) fn of_type(kind: &str) -> Option<Self> {
        let all = [
            Self::Http01,
            Self::Dns01,
            Self::TlsAlpn01,
            Self::DnsAccount01,
            Self::DnsPersist01,
            Self::OnionCsr01,
        ];
        all.into_iter().find(|method| method.challenge_type() == kind)
    }
}
