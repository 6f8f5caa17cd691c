//! Orders for onion services (RFC 9799).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Ca;
use crate::{
    encoding, onion,
    problem::Problem,
    state::{Challenge, ChallengeStatus, Order},
    validation::Method,
};

impl Ca {
    /// The octets that are asked for in the answer to a challenge, if it is one of these, and whether
    /// the answer holds them.
    pub(super) fn check_onion_answer(
        &self,
        authorization: &str,
        challenge: &Challenge,
        answer: &Map<String, Value>,
    ) -> Result<Option<Result<(), Problem>>, Problem> {
        if challenge.kind != Method::OnionCsr01.challenge_type() || self.config.always_valid {
            return Ok(None);
        }
        let csr = answer.get("csr").and_then(Value::as_str).and_then(encoding::from_base64url);
        let csr = csr.ok_or_else(|| {
            Problem::malformed("RFC 9799 section 3.2: the answer needs \"csr\", base64url without padding")
        })?;
        let name = self.state.authorizations.get(authorization).map(|one| one.identifier.value.as_str());
        let nonce = challenge.nonce.as_deref().unwrap_or_default();
        Ok(Some(onion::check_answer(name.unwrap_or_default(), nonce, &csr)))
    }

    /// Whether the CAA records that came with finalize permit to issue (RFC 9799 section 6.4).
    pub(super) fn check_onion_caa(
        &self,
        order: &Order,
        wish: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let authorizations = order.authorizations.iter().filter_map(|id| self.state.authorizations.get(id));
        for authorization in authorizations.filter(|one| onion::is_onion(&one.identifier.value)) {
            let service = onion::service(&authorization.identifier.value);
            let Some(value) = wish.get("onionCAA").and_then(|all| all.get(service)) else {
                if self.config.onion_caa_required {
                    return Err(missing(service));
                }
                continue;
            };
            let records = onion::caa_records(service, value, now)?;
            let mut challenges = authorization.challenges.iter();
            let used = challenges.find(|challenge| challenge.status == ChallengeStatus::Valid);
            let method = used.and_then(|challenge| Method::of_type(&challenge.kind));
            if let Some(method) = method.filter(|_| !self.config.caa_identities.is_empty()) {
                self.caa_policy(authorization, method).permits(service, &records)?;
            }
        }
        Ok(())
    }
}

fn missing(service: &str) -> Problem {
    Problem::new(
        "onionCAARequired",
        403,
        format!("RFC 9799 section 6.4.1: finalize needs the CAA records of {service}, in \"onionCAA\""),
    )
}
