//! A private key as a JSON Web Key, as certbot keeps its account's (`private_key.json`).

use acme_keys::AccountKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::commands::failure::JwkError;

/// Reads an RSA key (RFC 7518, section 6.3.2).
pub(super) fn read(text: &str) -> Result<AccountKey, JwkError> {
    let jwk: Value = serde_json::from_str(text).map_err(JwkError::Json)?;
    let member = |name: &'static str| {
        let text = jwk.get(name).and_then(Value::as_str);
        let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
        bytes.ok_or(JwkError::Member(name))
    };
    match jwk.get("kty").and_then(Value::as_str) {
        Some("RSA") => {}
        other => return Err(JwkError::Type(other.unwrap_or("none").to_owned())),
    }
    // RSAPrivateKey ::= version, n, e, d, p, q, dp, dq, qi (RFC 8017, appendix A.1.2).
    let mut content = integer(&[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        content.extend(integer(&member(name)?));
    }
    AccountKey::from_der(&element(SEQUENCE, &content)).map_err(JwkError::Key)
}

/// A number that is not negative, without the zeros in front that DER forbids.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = bytes.get(first..).unwrap_or_default();
    let mut content = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|byte| byte & 0x80 != 0) {
        content.push(0);
    }
    content.extend(digits);
    element(INTEGER, &content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut element = vec![tag];
    match (length.as_slice(), u8::try_from(length.len())) {
        ([], _) => element.push(0),
        ([short @ 0..0x80], _) => element.push(*short),
        (long, Ok(count)) => {
            element.push(0x80 | count);
            element.extend(long);
        }
        // No length has so many bytes.
        (_, Err(_)) => {}
    }
    element.extend(content);
    element
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
