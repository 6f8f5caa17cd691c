//! base64, PEM and dates, as they go over the wire.

use base64::{Engine, engine::general_purpose::STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use serde::{Deserialize, Deserializer, Serializer, de};

/// base64 with padding (RFC 4648 section 4).
pub(crate) fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// base64url without padding (RFC 8555 section 6.1).
pub(crate) fn base64url(octets: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

/// Decodes base64url; padding and stray characters are refused (RFC 8555 section 6.1).
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// Lower case hexadecimal.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Decodes hexadecimal; what is none is left out.
pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).filter_map(|pair| str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// One PEM block (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// A date as ACME objects have it (RFC 3339), to the second.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    whole_second(at).to_string()
}

/// A date as HTTP headers have it (RFC 9110 section 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

/// Cuts off the fraction of the second.
pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// serde's view of octets in the saved state: base64url.
pub(crate) mod octets {
    use super::{Deserialize, Deserializer, Serializer, base64url, de, from_base64url};

    pub(crate) fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base64url(octets))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        from_base64url(&text).ok_or_else(|| de::Error::custom("octets are not base64url"))
    }
}

const PEM_LINE: usize = 64;
