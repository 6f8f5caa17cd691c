//! Authorizations and their challenges, step by step.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{
    Authorization, AuthorizationStatus, Challenge as Response, ChallengeStatus, ChallengeType,
    OfferedChallenge,
};

use crate::account::AccountParts;
use crate::api::{ApiAuth, ApiChallenge};
use crate::error::Result;
use crate::persist::Persist;

/// An authorization: the proof of control of one name.
pub struct Auth<P: Persist> {
    account: Arc<AccountParts<P>>,
    authorization: Authorization,
    api_auth: ApiAuth,
    domain_name: String,
}

impl<P: Persist> Auth<P> {
    pub(super) fn new(account: &Arc<AccountParts<P>>, authorization: Authorization) -> Self {
        Self {
            account: Arc::clone(account),
            api_auth: ApiAuth::from(&authorization),
            domain_name: authorization.identifier.to_string(),
            authorization,
        }
    }

    /// The name, without `*.`.
    #[must_use]
    pub fn domain_name(&self) -> &str {
        &self.domain_name
    }

    /// Whether control is still to be proved.
    #[must_use]
    pub fn need_challenge(&self) -> bool {
        self.authorization.status != AuthorizationStatus::Valid
    }

    /// The http-01 challenge: a file behind port 80.
    ///
    /// # Panics
    /// When the CA does not offer it; [`challenge`](Self::challenge) returns `None` then.
    #[must_use]
    pub fn http_challenge(&self) -> Challenge<P, Http> {
        self.expected(ChallengeType::Http01)
    }

    /// The dns-01 challenge: a TXT record.
    ///
    /// # Panics
    /// When the CA does not offer it; [`challenge`](Self::challenge) returns `None` then.
    #[must_use]
    pub fn dns_challenge(&self) -> Challenge<P, Dns> {
        self.expected(ChallengeType::Dns01)
    }

    /// The tls-alpn-01 challenge: a certificate behind port 443.
    ///
    /// # Panics
    /// When the CA does not offer it; [`challenge`](Self::challenge) returns `None` then.
    #[must_use]
    pub fn tls_alpn_challenge(&self) -> Challenge<P, TlsAlpn> {
        self.expected(ChallengeType::TlsAlpn01)
    }

    /// The challenge of one type, with the response to it; `None` when the CA does not offer it,
    /// or offers it with a token that can't be used.
    #[must_use]
    pub fn challenge(&self, kind: ChallengeType) -> Option<Challenge<P, ()>> {
        self.typed(kind)
    }

    /// The authorization as JSON members, for debugging; as it was when it was read.
    #[must_use]
    pub fn api_auth(&self) -> &ApiAuth {
        &self.api_auth
    }

    fn expected<K>(&self, kind: ChallengeType) -> Challenge<P, K> {
        let name = kind.as_str().to_string();
        self.typed(kind).unwrap_or_else(|| panic!("the CA offers no {name} for {}", self.domain_name))
    }

    fn typed<K>(&self, kind: ChallengeType) -> Option<Challenge<P, K>> {
        let respondent = self.account.driver.with_session(|session| session.respondent())?;
        let offered = self.authorization.challenges.iter().find(|offered| offered.kind == kind)?;
        Some(Challenge {
            account: Arc::clone(&self.account),
            response: Response::respond(&self.authorization, offered, &respondent).ok()?,
            authorization_url: self.authorization.url.clone(),
            authorization_is_valid: !self.need_challenge(),
            status: offered.status.clone(),
            api_challenge: ApiChallenge::from(offered),
            kind: PhantomData,
        })
    }
}

impl<P: Persist> fmt::Debug for Auth<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("authorization", &self.authorization).finish_non_exhaustive()
    }
}

/// Marks an http-01 challenge.
#[derive(Debug)]
pub struct Http;

/// Marks a dns-01 challenge.
#[derive(Debug)]
pub struct Dns;

/// Marks a tls-alpn-01 challenge.
#[derive(Debug)]
pub struct TlsAlpn;

/// A challenge, with the response that proves control.
pub struct Challenge<P: Persist, K> {
    account: Arc<AccountParts<P>>,
    response: Response,
    authorization_url: String,
    authorization_is_valid: bool,
    status: ChallengeStatus,
    api_challenge: ApiChallenge,
    kind: PhantomData<K>,
}

impl<P: Persist> Challenge<P, Http> {
    /// The name of the file: letters, digits, `-` and `_` only. It is served under
    /// `http://NAME/.well-known/acme-challenge/TOKEN`.
    #[must_use]
    pub fn http_token(&self) -> &str {
        &self.response.token
    }

    /// What the file holds.
    #[must_use]
    pub fn http_proof(&self) -> String {
        self.response.key_authorization().to_string()
    }
}

impl<P: Persist> Challenge<P, Dns> {
    /// The value of the TXT record at `_acme-challenge.NAME`.
    #[must_use]
    pub fn dns_proof(&self) -> String {
        self.response.dns_value()
    }
}

impl<P: Persist> Challenge<P, TlsAlpn> {
    /// The digest that the certificate's `acmeIdentifier` extension holds (RFC 8737, section 3).
    #[must_use]
    pub fn tls_alpn_proof(&self) -> [u8; 32] {
        *self.response.digest()
    }
}

impl<P: Persist, K> Challenge<P, K> {
    /// The challenge with its response, as a [`Solver`](acme_proto::Solver) takes it.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// Whether the CA waits for an answer.
    #[must_use]
    pub fn need_validate(&self) -> bool {
        !self.authorization_is_valid && self.status == ChallengeStatus::Pending
    }

    /// Tells the CA that the response is in place, and waits for the outcome. Where control is
    /// proved already it returns at once.
    ///
    /// `delay_millis` is the least wait between two looks at the authorization, in milliseconds;
    /// where the CA asks for more, it gets more.
    ///
    /// # Errors
    /// At once when the CA found the response wrong, with its reason; or when it takes longer
    /// than [`MAX_POLL_WAIT`](acme_proto::limits::MAX_POLL_WAIT).
    pub fn validate(self, delay_millis: u64) -> Result<()> {
        if self.authorization_is_valid {
            return Ok(());
        }
        let driver = &self.account.driver;
        let answered = match self.status {
            ChallengeStatus::Pending => driver.call(OfferedChallenge::answer(&self.response.url)).err(),
            ChallengeStatus::Processing
            | ChallengeStatus::Valid
            | ChallengeStatus::Invalid
            | ChallengeStatus::Other(_) => None,
            _ => None,
        };
        // A lost or refused answer may have arrived: the authorization tells.
        if let Some(error) = answered {
            let authorization = driver.call(Authorization::read(&self.authorization_url))?;
            let is_pending = authorization.challenges.iter().any(|challenge| {
                challenge.url == self.response.url && challenge.status == ChallengeStatus::Pending
            });
            if is_pending && authorization.status == AuthorizationStatus::Pending {
                return Err(error.into());
            }
        }
        let poll = Authorization::poll(&self.authorization_url).at_least(Duration::from_millis(delay_millis));
        let authorization = driver.call(poll)?;
        match authorization.refusal() {
            Some(refusal) => Err(acme_proto::Error::from(refusal).into()),
            None => Ok(()),
        }
    }

    /// The challenge as JSON members, for debugging.
    #[must_use]
    pub fn api_challenge(&self) -> &ApiChallenge {
        &self.api_challenge
    }
}

impl<P: Persist, K> fmt::Debug for Challenge<P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("response", &self.response).finish_non_exhaustive()
    }
}
