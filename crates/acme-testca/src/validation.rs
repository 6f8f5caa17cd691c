//! What the CA wants to be validated.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{caa::CaaPolicy, encoding, identifier::Identifier};

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
    /// The token of the challenge.
    pub token: String,
    /// What the client must prove to know (RFC 8555 section 8.1).
    pub key_authorization: String,
}

impl Validation {
    /// What a TXT record of dns-01 must hold: the digest of the key authorization.
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
}

impl Method {
    /// The type of its challenge.
    #[must_use]
    pub fn challenge_type(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    pub(crate) fn of_type(kind: &str) -> Option<Self> {
        [Self::Http01, Self::Dns01, Self::TlsAlpn01]
            .into_iter()
            .find(|method| method.challenge_type() == kind)
    }
}
