//! Requests as flattened JSON Web Signatures.

use alloc::format;
use alloc::string::String;

use crate::base64url;
use crate::json::quoted;
use crate::signer::{Jwk, Mac, SigningKey};

/// Who a request says that it is from.
pub(crate) enum KeyReference {
    /// The public key itself: newAccount, and revocation by the certificate's key.
    Jwk,
    /// The account's URL: everything else.
    Kid(String),
}

/// What is signed of a request.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-6.2>
pub(crate) fn request(
    key: &SigningKey,
    reference: &KeyReference,
    nonce: &str,
    url: &str,
    payload: &str,
) -> String {
    let algorithm = key.algorithm().as_str();
    let reference = match reference {
        KeyReference::Jwk => format!(r#""jwk":{}"#, key.jwk().to_json()),
        KeyReference::Kid(account_url) => format!(r#""kid":{}"#, quoted(account_url)),
    };
    let protected = format!(r#"{{"alg":"{algorithm}",{reference},"nonce":"{nonce}","url":{}}}"#, quoted(url));
    message(&protected, payload)
}

/// What is signed of the statement of a new key about a change of keys; it has no nonce.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5>
pub(crate) fn change_of_key(new_key: &SigningKey, url: &str, account_url: &str, old_key: &Jwk) -> String {
    let (algorithm, jwk) = (new_key.algorithm().as_str(), new_key.jwk().to_json());
    let protected = format!(r#"{{"alg":"{algorithm}","jwk":{jwk},"url":{}}}"#, quoted(url));
    let payload = format!(r#"{{"account":{},"oldKey":{}}}"#, quoted(account_url), old_key.to_json());
    message(&protected, &payload)
}

/// Signs an external account binding.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4>
pub(crate) fn bind(mac: &dyn Mac, kid: &str, url: &str, jwk: &str) -> String {
    let protected = format!(r#"{{"alg":"{}","kid":{},"url":{}}}"#, mac.algorithm(), quoted(kid), quoted(url));
    let message = message(&protected, jwk);
    let signature = mac.sign(message.as_bytes());
    flattened(&message, &signature)
}

/// A message with its signature.
pub(crate) fn flattened(message: &str, signature: &[u8]) -> String {
    let (protected, payload) = message.split_once('.').unwrap_or((message, ""));
    let mut body = String::with_capacity(message.len() + signature.len() * 4 / 3 + ROOM);
    for part in [r#"{"protected":""#, protected, r#"","payload":""#, payload, r#"","signature":""#] {
        body.push_str(part);
    }
    base64url::append(signature, &mut body);
    body.push_str(r#""}"#);
    body
}

fn message(protected: &str, payload: &str) -> String {
    let mut message = String::with_capacity((protected.len() + payload.len()) * 4 / 3 + ROOM);
    base64url::append(protected, &mut message);
    message.push('.');
    base64url::append(payload, &mut message);
    message
}

/// More than what is around the parts, so that no text grows.
const ROOM: usize = 64;
