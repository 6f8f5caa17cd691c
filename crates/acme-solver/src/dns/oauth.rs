//! Access tokens: asked for with credentials, kept while they last.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-5>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_proto::SignError;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api::{Api, Reply};
use super::error::{DnsError, DnsErrorKind};
use super::provider::Fault;
use super::request;
use super::secret::Secret;

/// How an access token is asked for.
pub(super) trait Grant: Send + Sync {
    /// The request for a token. Its reply is JSON with `access_token` and `expires_in`.
    fn request(&self, now: Timestamp) -> Result<Request<Vec<u8>>, SignError>;
}

/// The access token of a service. Clones share it.
#[derive(Clone)]
pub(super) struct Tokens {
    grant: Arc<dyn Grant>,
    held: Arc<Mutex<Option<Token>>>,
}

#[derive(Clone)]
struct Token {
    text: Secret,
    header: HeaderValue,
    end: Timestamp,
}

impl Tokens {
    pub(super) fn new(grant: impl Grant + 'static) -> Self {
        Self { grant: Arc::new(grant), held: Arc::default() }
    }

    /// The token that is held.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.held().as_ref().map(|token| token.text.clone())
    }

    /// Sends a request with a token as [`Api::send`] does, and once more with a fresh one where the
    /// service does not take it.
    pub(super) async fn send(&self, api: &Api, mut request: Request<Vec<u8>>) -> Result<Reply, DnsError> {
        let token = self.token(api, None).await?;
        request.headers_mut().insert(AUTHORIZATION, token.clone());
        let reply = api.send(request.clone()).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        request.headers_mut().insert(AUTHORIZATION, self.token(api, Some(&token)).await?);
        api.send(request).await
    }

    /// Sends a request as [`send`](Self::send) does, and takes success only.
    pub(super) async fn call(&self, api: &Api, request: Request<Vec<u8>>) -> Result<Reply, DnsError> {
        let reply = self.send(api, request).await?;
        if reply.status.is_success() { Ok(reply) } else { Err(api.refusal(&reply)) }
    }

    /// The header with the token that is held, or a fresh one where that has come to its end or was
    /// refused.
    async fn token(&self, api: &Api, refused: Option<&HeaderValue>) -> Result<HeaderValue, DnsError> {
        let is_good = |token: &&Token| token.end > api.now() && Some(&token.header) != refused;
        if let Some(token) = self.held().as_ref().filter(is_good) {
            return Ok(token.header.clone());
        }
        let sign_error = |error| api.error(DnsErrorKind::Sign(Arc::new(error)));
        let request = self.grant.request(api.now()).map_err(sign_error)?;
        let reply = api.call(request).await?.json();
        let token = token(&reply, api.now()).ok_or_else(|| api.unclear("an access_token"))?;
        let header = token.header.clone();
        *self.held() = Some(token);
        Ok(header)
    }

    fn held(&self) -> MutexGuard<'_, Option<Token>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The grant of a client's own credentials.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>
pub(super) struct ClientCredentials {
    pub(super) url: String,
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) scope: String,
}

impl Grant for ClientCredentials {
    fn request(&self, _now: Timestamp) -> Result<Request<Vec<u8>>, SignError> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.id.as_str()),
            ("client_secret", self.secret.expose()),
            ("scope", self.scope.as_str()),
        ];
        Ok(request::form(&self.url, &fields))
    }
}

/// Reads a reply with a token. Microsoft writes numbers as texts.
fn token(reply: &Value, now: Timestamp) -> Option<Token> {
    let text = Secret::new(reply["access_token"].as_str().filter(|text| !text.is_empty())?);
    let header = text.to_header("access_token", "Bearer ").ok()?;
    let lifetime = &reply["expires_in"];
    let seconds = lifetime.as_i64().or_else(|| lifetime.as_str()?.parse().ok()).unwrap_or(DEFAULT_LIFETIME);
    let seconds = seconds.clamp(0, MAX_LIFETIME);
    let end = now.checked_add(SignedDuration::from_secs(seconds - MARGIN)).ok()?;
    Some(Token { text, header, end })
}

/// The words of a reply to a request for a token.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
pub(super) fn detail(reply: &Reply) -> Option<String> {
    let reply = reply.json();
    let code = reply["error"].as_str()?;
    let words = reply["error_description"].as_str().unwrap_or_default();
    Some(format!("{code}: {words}"))
}

/// A token may be refused with status 400.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
pub(super) fn fault(reply: &Reply) -> Option<Fault> {
    let reply = reply.json();
    CREDENTIAL_ERRORS.contains(&reply["error"].as_str()?).then_some(Fault::Credentials)
}

const CREDENTIAL_ERRORS: [&str; 4] =
    ["invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client"];
/// How long a token is used whose reply does not say it, in seconds.
const DEFAULT_LIFETIME: i64 = 3600;
/// The longest time that a token is used, in seconds.
const MAX_LIFETIME: i64 = 86_400;
/// How long before its end a token is used no more, in seconds.
const MARGIN: i64 = 60;
