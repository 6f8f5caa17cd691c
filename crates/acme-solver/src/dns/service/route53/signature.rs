//! Signatures of requests to Amazon's services.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use acme_keys::{HmacAlgorithm, HmacKey};
use acme_proto::Mac as _;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request};
use jiff::Timestamp;

use crate::dns::secret::Secret;

/// Signs with an access key.
pub(super) struct Signer {
    key_id: String,
    key: Secret,
    session: Option<HeaderValue>,
}

impl Signer {
    pub(super) fn new(key_id: String, key: Secret, session: Option<HeaderValue>) -> Self {
        Self { key_id, key, session }
    }

    /// Adds the headers of a signature to a request whose query is in order.
    pub(super) fn sign(&self, request: &mut Request<Vec<u8>>, now: Timestamp) {
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let mut headers = vec![(HOST.as_str(), host), (DATE, date.clone())];
        if let Some(session) = &self.session {
            headers.push((SESSION, session.to_str().unwrap_or_default().to_owned()));
        }
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (method, uri) = (request.method(), request.uri());
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", digest(request.body()));
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{REGION}/{SERVICE}/aws4_request");
        let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", digest(canonical.as_bytes()));
        let signature = hex(&mac(&self.signing_key(day), to_sign.as_bytes()));
        let credential = format!("{}/{scope}", self.key_id);
        let authorization =
            format!("{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}");
        // The id was checked, and all else is made here.
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        request.headers_mut().insert(AUTHORIZATION, value(&authorization));
        request.headers_mut().insert(DATE, value(&date));
        if let Some(session) = &self.session {
            request.headers_mut().insert(SESSION, session.clone());
        }
    }

    fn signing_key(&self, day: &str) -> Vec<u8> {
        let first = mac(format!("AWS4{}", self.key.expose()).as_bytes(), day.as_bytes());
        [REGION, SERVICE, "aws4_request"].iter().fold(first, |key, part| mac(&key, part.as_bytes()))
    }
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    HmacKey::from_bytes(HmacAlgorithm::Hs256, key).sign(message)
}

fn digest(bytes: &[u8]) -> String {
    hex(&acme_keys::sha256(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The service is the same everywhere, and signed for here.
const REGION: &str = "us-east-1";
const SERVICE: &str = "route53";
const DATE: &str = "x-amz-date";
const SESSION: &str = "x-amz-security-token";

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of a derived key in Amazon's documentation, for another service.
    #[test]
    fn derived_key_is_that_of_the_documentation() {
        let key = mac(b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", b"20150830");
        let key =
            ["us-east-1", "iam", "aws4_request"].iter().fold(key, |key, part| mac(&key, part.as_bytes()));
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }
}
