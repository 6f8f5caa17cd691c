//! Requests as flattened JSON Web Signatures.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base64url;
use crate::error::Error;
use crate::json::quoted;
use crate::signer::{Mac, Signer};

/// Who a request says that it is from.
pub(crate) enum KeyReference {
    /// The public key itself: newAccount, and revocation by the certificate's key.
    Jwk,
    /// The account's URL: everything else.
    Kid(String),
}

/// Signs a request.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-6.2>
pub(crate) fn sign(
    signer: &dyn Signer,
    key: &KeyReference,
    nonce: &str,
    url: &str,
    payload: &str,
) -> Result<Vec<u8>, Error> {
    let algorithm = signer.algorithm().as_str();
    let key = match key {
        KeyReference::Jwk => format!(r#""jwk":{}"#, signer.jwk().to_json()),
        KeyReference::Kid(account_url) => format!(r#""kid":{}"#, quoted(account_url)),
    };
    let protected = format!(r#"{{"alg":"{algorithm}",{key},"nonce":"{nonce}","url":{}}}"#, quoted(url));
    assemble(&protected, payload, |message| signer.sign(message).map_err(Error::Sign))
}

/// Signs an external account binding.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4>
pub(crate) fn bind(mac: &dyn Mac, kid: &str, url: &str, jwk: &str) -> Result<String, Error> {
    let protected = format!(r#"{{"alg":"{}","kid":{},"url":{}}}"#, mac.algorithm(), quoted(kid), quoted(url));
    let body = assemble(&protected, jwk, |message| Ok(mac.sign(message)))?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Signs what the new key has to say about a change of keys; it has no nonce.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5>
pub(crate) fn change_key(
    new_key: &dyn Signer,
    url: &str,
    account_url: &str,
    old_key: &str,
) -> Result<String, Error> {
    let (algorithm, jwk) = (new_key.algorithm().as_str(), new_key.jwk().to_json());
    let protected = format!(r#"{{"alg":"{algorithm}","jwk":{jwk},"url":{}}}"#, quoted(url));
    let payload = format!(r#"{{"account":{},"oldKey":{old_key}}}"#, quoted(account_url));
    let body = assemble(&protected, &payload, |message| new_key.sign(message).map_err(Error::Sign))?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn assemble(
    protected: &str,
    payload: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let mut message = String::with_capacity((protected.len() + payload.len()) * 4 / 3 + ROOM);
    base64url::append(protected, &mut message);
    message.push('.');
    base64url::append(payload, &mut message);
    let signature = sign(message.as_bytes())?;
    let (protected, payload) = message.split_once('.').unwrap_or((&message, ""));
    let mut body = String::with_capacity(message.len() + signature.len() * 4 / 3 + ROOM);
    for part in [r#"{"protected":""#, protected, r#"","payload":""#, payload, r#"","signature":""#] {
        body.push_str(part);
    }
    base64url::append(signature, &mut body);
    body.push_str(r#""}"#);
    Ok(body.into_bytes())
}

/// More than what is around the parts, so that no text grows.
const ROOM: usize = 64;
