//! Who signed a request, and whether it may come in (RFC 8555 sections 6.2 to 6.5).

use http::{Request, header};
use serde_json::{Map, Value};

use super::{Ca, Refusal};
use crate::{
    jws::{Jws, Signer},
    key::{Algorithm, PublicKey},
    problem::Problem,
    state::{Account, AccountStatus},
};

/// Which kind of signer a resource takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    Key,
    Account,
    Either,
}

/// Who signed a request, proven.
pub(super) enum Caller {
    Key(PublicKey),
    Account(String),
}

impl Ca {
    /// Admits a request signed by an account; gives the account and the payload.
    pub(super) fn admit_account(&mut self, request: &Request<Vec<u8>>) -> Result<(String, Vec<u8>), Refusal> {
        match self.admit(request, Allowed::Account)? {
            (Caller::Account(id), payload) => Ok((id, payload)),
            (Caller::Key(_), _) => Err(kid_wanted().into()),
        }
    }

    /// Admits a request signed by a key that comes along; gives the key and the payload.
    pub(super) fn admit_key(&mut self, request: &Request<Vec<u8>>) -> Result<(PublicKey, Vec<u8>), Refusal> {
        match self.admit(request, Allowed::Key)? {
            (Caller::Key(key), payload) => Ok((key, payload)),
            (Caller::Account(_), _) => Err(jwk_wanted().into()),
        }
    }

    /// Admits a request: form, URL, signer, signature, nonce, standing of the account.
    pub(super) fn admit(
        &mut self,
        request: &Request<Vec<u8>>,
        allowed: Allowed,
    ) -> Result<(Caller, Vec<u8>), Refusal> {
        check_content_type(request)?;
        let jws = Jws::parse(request.body(), &self.algorithms())?;
        if jws.url != self.url_of(request) {
            return Err(Problem::unauthorized(format!(
                "RFC 8555 section 6.4: \"url\" is {:?}, the request went to {:?}",
                jws.url,
                self.url_of(request)
            ))
            .into());
        }
        let caller = self.identify(&jws, allowed)?;
        self.spend_nonce(&jws.nonce)?;
        if let Caller::Account(id) = &caller {
            let url = self.url(&format!("/account/{id}"));
            if let Some(record) = self.log.current() {
                record.account = Some(url);
            }
            check_status(self.account_record(id)?.status)?;
        }
        Ok((caller, jws.payload))
    }

    /// The signature algorithms that account keys can have.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let taken = |algorithm: &Algorithm| {
            (self.config.eddsa || *algorithm != Algorithm::EdDsa)
                && (self.config.takes_ml_dsa() || !algorithm.is_ml_dsa())
        };
        Algorithm::ALL.into_iter().filter(taken).collect()
    }

    pub(super) fn account_record(&self, id: &str) -> Result<&Account, Problem> {
        self.state.accounts.get(id).ok_or_else(unknown_account)
    }

    fn identify(&self, jws: &Jws, allowed: Allowed) -> Result<Caller, Problem> {
        match &jws.signer {
            Signer::Key(_) if allowed == Allowed::Account => Err(kid_wanted()),
            Signer::Account(_) if allowed == Allowed::Key => Err(jwk_wanted()),
            Signer::Key(key) => {
                jws.verify(key)?;
                Ok(Caller::Key(key.clone()))
            }
            Signer::Account(kid) => {
                let id = kid.strip_prefix(&self.url("/account/")).ok_or_else(unknown_account)?;
                let account = self.account_record(id)?;
                let key =
                    account.key.as_ref().ok_or_else(|| Problem::server_internal("the account has no key"))?;
                jws.verify(key)?;
                Ok(Caller::Account(id.to_owned()))
            }
        }
    }

    fn spend_nonce(&mut self, nonce: &str) -> Result<(), Problem> {
        if !self.nonces.spend(nonce) {
            self.log.nonces_refused += 1;
            return Err(bad_nonce("it was never given out, or used already"));
        }
        if self.state.dice.refuses(self.config.nonce_refusal_percent) {
            self.log.nonces_refused += 1;
            return Err(bad_nonce("it was good, and is refused to see whether you try again"));
        }
        Ok(())
    }
}

/// The payload of a request that is no POST-as-GET.
pub(super) fn object(payload: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(payload) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
            Err(Problem::malformed("RFC 8555 section 6.2: the payload of this request must be a JSON object"))
        }
    }
}

/// Refuses a request to read that has a payload.
pub(super) fn expect_empty(payload: &[u8]) -> Result<(), Problem> {
    if payload.is_empty() {
        return Ok(());
    }
    Err(Problem::malformed(
        "RFC 8555 section 6.3: this resource can only be read, by POST-as-GET, whose payload is \"\"",
    ))
}

/// Where the page of a list begins.
pub(super) fn cursor(request: &Request<Vec<u8>>) -> Result<usize, Problem> {
    let Some(query) = request.uri().query() else {
        return Ok(0);
    };
    let cursor = query.strip_prefix("cursor=").and_then(|cursor| cursor.parse().ok());
    cursor.ok_or_else(|| Problem::malformed("the cursor is not one that this CA gave out"))
}

pub(super) fn bad_nonce(why: &str) -> Problem {
    Problem::new("badNonce", 400, format!("RFC 8555 section 6.5: the nonce is refused: {why}"))
}

/// Refuses accounts that are not valid any more.
pub(super) fn check_status(status: AccountStatus) -> Result<(), Problem> {
    let detail = match status {
        AccountStatus::Valid => return Ok(()),
        AccountStatus::Deactivated => "RFC 8555 section 7.3.6: the account is deactivated",
        AccountStatus::Revoked => "RFC 8555 section 7.1.6: the account was revoked by the CA",
    };
    Err(Problem::new("unauthorized", 401, detail))
}

fn check_content_type(request: &Request<Vec<u8>>) -> Result<(), Refusal> {
    let found = request.headers().get(header::CONTENT_TYPE);
    if found.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(JOSE_JSON.as_bytes())) {
        return Ok(());
    }
    let detail = "RFC 8555 section 6.2: Content-Type must be application/jose+json";
    Err(Problem::new("malformed", 415, detail).into())
}

fn unknown_account() -> Problem {
    Problem::new(
        "accountDoesNotExist",
        400,
        "RFC 8555 section 6.2: \"kid\" is not the URL of an account, as Location gave it",
    )
}

fn kid_wanted() -> Problem {
    Problem::malformed("RFC 8555 section 6.2: this request is signed by an account, with \"kid\"")
}

fn jwk_wanted() -> Problem {
    Problem::malformed("RFC 8555 section 6.2: this request is signed with \"jwk\"")
}

const JOSE_JSON: &str = "application/jose+json";
