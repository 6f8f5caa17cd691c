//! Service accounts: a signed assertion for an access token.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use acme_keys::AccountKey;
use acme_proto::{Algorithm, SignError, Signer as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dns::credentials::is_web_url;
use crate::dns::oauth::Grant;
use crate::dns::request;

/// The key of a service account.
pub(super) struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    key: AccountKey,
    url: String,
}

impl ServiceAccount {
    /// Reads a key as Google hands it out, and which project it is of.
    pub(super) fn from_json(text: &str) -> Option<(Self, Option<String>)> {
        let json: Value = serde_json::from_str(text).ok()?;
        let member = |name: &str| json[name].as_str().map(str::to_owned);
        let key = AccountKey::from_pem(json["private_key"].as_str()?).ok()?;
        let url = member("token_uri").unwrap_or_else(|| DEFAULT_URL.to_owned());
        if json["type"] != "service_account" || key.algorithm() != Algorithm::Rs256 || !is_web_url(&url) {
            return None;
        }
        let account = Self { email: member("client_email")?, key_id: member("private_key_id"), key, url };
        Some((account, member("project_id")))
    }
}

impl Grant for ServiceAccount {
    fn request(&self, now: Timestamp) -> Result<Request<Vec<u8>>, SignError> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.key_id {
            header["kid"] = id.as_str().into();
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.url,
            "iat": now.as_second(),
            "exp": now.as_second().saturating_add(LIFETIME),
        });
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes())?);
        let assertion = format!("{message}.{signature}");
        Ok(request::form(&self.url, &[("grant_type", GRANT_TYPE), ("assertion", &assertion)]))
    }
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

const DEFAULT_URL: &str = "https://oauth2.googleapis.com/token";
/// <https://www.rfc-editor.org/rfc/rfc7523#section-2.1>
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
/// How long an assertion holds, in seconds; the longest that is taken.
const LIFETIME: i64 = 3600;
