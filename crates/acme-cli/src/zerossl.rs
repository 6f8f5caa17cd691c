//! External accounts that a CA hands out for an e-mail address, as ZeroSSL does.
//!
//! <https://zerossl.com/documentation/acme/generate-eab-credentials>, but by the address alone:
//! `eab-credentials-email` with the form field `email`.

use std::time::Duration;

use acme_proto::{Exchange, Operation, SecretText, TransportError};
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use serde_json::Value;

use crate::account::PRODUCT;
use crate::binding::{BindingError, ExternalAccount};
use crate::context::{Context, ReachedCa};
use crate::error::Error;

/// Where ZeroSSL hands them out.
pub(crate) const API: &str = "https://api.zerossl.com/acme/eab-credentials-email";

/// Why no external account was handed out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("'{url}' can't be asked")]
    Request {
        url: String,
        #[source]
        source: http::Error,
    },
    #[error("it refused: {kind} (code {code}, HTTP {status})")]
    Refused { kind: String, code: i64, status: u16 },
    #[error("no response")]
    Transport(#[source] TransportError),
    #[error("its response can't be read (HTTP {status})")]
    Unreadable { status: u16 },
}

impl ApiError {
    /// Tells whether the same may succeed later without anybody's help.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Request { .. } => false,
            Self::Refused { status, .. } | Self::Unreadable { status } => *status == 429 || *status >= 500,
            Self::Transport(error) => error.is_temporary(),
        }
    }
}

/// Has an external account made for an e-mail address.
pub(crate) fn request(
    context: &Context,
    url: &str,
    email: &str,
    ca: &ReachedCa,
) -> Result<ExternalAccount, Error> {
    context.output.progress(format_args!("asking {} for an external account for {email}", host(url)));
    let mut client = acme_http::Client::builder();
    if let Some(pem) = &ca.root_pem {
        client = client.root_pem(pem.clone());
    }
    let client = client.build().map_err(acme_lib::Error::from)?;
    let failed = |source| BindingError::Api { host: host(url).to_owned(), source };
    let request = http::Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, PRODUCT)
        .body(format!("email={}", form_encoded(email)).into_bytes())
        .map_err(|source| failed(ApiError::Request { url: url.to_owned(), source }))?;
    let exchange = Exchange::new(request, Operation::NewAccount, MAX_BODY, TIME_LIMIT);
    let Some(result) = client.perform(vec![exchange]).pop() else {
        return Err(failed(ApiError::Unreadable { status: 0 }).into());
    };
    let response = result.map_err(|error| failed(ApiError::Transport(error)))?;
    let (kid, key) = read(response.status().as_u16(), response.body()).map_err(failed)?;
    ExternalAccount::handed_out(kid, key)
}

/// Reads `{"success": true, "eab_kid": …, "eab_hmac_key": …}`, or what it says instead. The member
/// `success` is a number at times.
fn read(status: u16, body: &[u8]) -> Result<(String, SecretText), ApiError> {
    let unreadable = || ApiError::Unreadable { status };
    let document: Value = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let text = |member: &str| document.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    let success = document.get("success");
    let is_success = success.and_then(Value::as_bool) == Some(true) || success == Some(&Value::from(1));
    if let (true, Some(kid), Some(key)) = (is_success, text("eab_kid"), text("eab_hmac_key")) {
        return Ok((kid.to_owned(), SecretText::new(key.to_owned())));
    }
    let error = document.get("error").ok_or_else(unreadable)?;
    let kind = error.get("type").and_then(Value::as_str).unwrap_or("without a reason");
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    Err(ApiError::Refused { kind: kind.to_owned(), code, status })
}

/// A value as forms have it.
fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn host(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split('/').next().unwrap_or(after_scheme)
}

const MAX_BODY: usize = 64 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(30);
