//! Giving an account another key (RFC 8555 section 7.3.5).

use http::{Request, Response, StatusCode, header};
use serde_json::Value;

use super::{Ca, Refusal, admission::object};
use crate::{
    jws::{Jws, Signer},
    key::PublicKey,
    problem::Problem,
};

impl Ca {
    /// keyChange.
    pub(super) fn key_change(&mut self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        if !self.config.key_change {
            return Err(Problem::not_found("resource").into());
        }
        let inner = Jws::parse_inner(&payload, &self.algorithms())?;
        let Signer::Key(new_key) = &inner.signer else {
            return Err(refusal("the inner JWS must have the new key as \"jwk\"").into());
        };
        inner.verify(new_key)?;
        if inner.url != self.url_of(request) {
            return Err(refusal("the inner \"url\" must be that of the outer JWS").into());
        }
        self.check_key_change(&account, &inner.payload)?;
        if let Some(owner) = self.account_of(new_key) {
            let problem = Problem::new(
                "malformed",
                409,
                "RFC 8555 section 7.3.5: an account has this key already, Location says which",
            );
            let url = self.url(&format!("/account/{owner}"));
            return Err(Refusal::from(problem).with(header::LOCATION, url));
        }
        if self.certificate_key_is(new_key) {
            return Err(certificate_key().into());
        }
        if let Some(record) = self.state.accounts.get_mut(&account) {
            let old = record.key.replace(new_key.clone());
            record.old_thumbprints.extend(old.as_ref().map(PublicKey::thumbprint));
            record.jwk = new_key.to_jwk();
        }
        Ok(self.account_response(StatusCode::OK, &account))
    }

    /// Checks that whoever has the new key means this account and knows its old key.
    fn check_key_change(&self, account: &str, payload: &[u8]) -> Result<(), Problem> {
        let wish = object(payload)?;
        if wish.get("account").and_then(Value::as_str) != Some(&self.url(&format!("/account/{account}"))) {
            return Err(refusal("\"account\" must be the URL of the account that signed the outer JWS"));
        }
        let old = wish.get("oldKey").ok_or_else(|| refusal("the inner payload needs \"oldKey\""))?;
        let old = PublicKey::from_jwk(old)?;
        if self.account_record(account)?.key.as_ref() == Some(&old) {
            return Ok(());
        }
        Err(refusal("\"oldKey\" is not the key of the account"))
    }
}

/// Refuses the key of a certificate for an account (RFC 8555 section 11.1).
pub(super) fn certificate_key() -> Problem {
    Problem::new(
        "badPublicKey",
        400,
        "RFC 8555 section 11.1: the key of an account is not that of a certificate",
    )
}

fn refusal(detail: &str) -> Problem {
    Problem::malformed(format!("RFC 8555 section 7.3.5: {detail}"))
}
