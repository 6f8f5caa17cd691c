//! Revoking certificates (RFC 8555 section 7.6).

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Ca, Refusal,
    admission::{Allowed, Caller, object},
};
use crate::{
    encoding,
    key::PublicKey,
    problem::Problem,
    reply,
    state::{Certificate, Revocation},
};

impl Ca {
    /// revokeCert.
    pub(super) fn revoke_certificate(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (caller, payload) = self.admit(request, Allowed::Either)?;
        let wish = object(&payload)?;
        let der =
            wish.get("certificate").and_then(Value::as_str).and_then(encoding::from_base64url).ok_or_else(
                || {
                    Problem::malformed(
                        "RFC 8555 section 7.6: \"certificate\" must be base64url of DER, without padding",
                    )
                },
            )?;
        let (id, certificate) = self
            .state
            .certificates
            .iter()
            .find(|(_, one)| one.der == der)
            .ok_or_else(|| Problem::not_found("certificate"))?;
        self.check_right(&caller, certificate, now)?;
        self.check_revocable(&certificate.order)?;
        let reason = reason(&wish, &self.config.revocation_reasons)?;
        if certificate.revoked.is_some() {
            return Err(Problem::new(
                "alreadyRevoked",
                400,
                "RFC 8555 section 7.6: the certificate was revoked before",
            )
            .into());
        }
        let id = id.clone();
        if let Some(certificate) = self.state.certificates.get_mut(&id) {
            certificate.revoked = Some(Revocation { at: now, reason });
        }
        Ok(reply::empty(StatusCode::OK))
    }

    pub(super) fn revoke_serial(&mut self, serial: &str, now: Timestamp) -> bool {
        let mut certificates = self.state.certificates.values_mut();
        let Some(certificate) = certificates.find(|one| one.serial == serial && one.revoked.is_none()) else {
            return false;
        };
        certificate.revoked = Some(Revocation { at: now, reason: 0 });
        true
    }

    fn check_right(&self, caller: &Caller, certificate: &Certificate, now: Timestamp) -> Result<(), Problem> {
        let allowed = match caller {
            Caller::Key(key) => PublicKey::from_spki(&certificate.key_spki).as_ref() == Some(key),
            Caller::Account(id) => {
                certificate.account == *id
                    || certificate.names.iter().all(|name| self.holds_authorization(id, name, now))
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Problem::unauthorized(
            "RFC 8555 section 7.6: revoking takes the account it was issued to, \
             an account with authorizations for all its names, or its key",
        ))
    }
}

fn reason(wish: &Map<String, Value>, taken: &[u64]) -> Result<u64, Problem> {
    let Some(value) = wish.get("reason") else {
        return Ok(0);
    };
    match value.as_u64() {
        Some(reason) if taken.contains(&reason) => Ok(reason),
        Some(_) | None => Err(Problem::new(
            "badRevocationReason",
            400,
            format!("RFC 8555 section 7.6: the reasons that this CA takes are {taken:?}"),
        )),
    }
}
