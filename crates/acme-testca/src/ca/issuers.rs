//! The CA's own keys as others see them: new ones, and lists of what was revoked.

use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::{Ca, Refusal};
use crate::{
    authority::Rollover,
    encoding,
    error::Error,
    pki::{Crl, Revoked},
    problem::Problem,
    reply,
};

impl Ca {
    /// Gives the CA a new intermediate, or a new root and intermediate. Certificates issued from now on
    /// chain to it; earlier ones keep their chains, their renewal identifiers and their CRL.
    ///
    /// # Errors
    ///
    /// A failure of the cryptographic library.
    pub fn roll_over(&mut self, what: Rollover, now: Timestamp) -> Result<(), Error> {
        let now = self.at(now);
        self.authority.roll_over(what, now)
    }

    /// The list of revoked certificates of an intermediate (RFC 5280 section 5).
    pub(super) fn crl(&self, generation: usize, now: Timestamp) -> Result<Response<Vec<u8>>, Refusal> {
        if !self.config.crl {
            return Err(Problem::not_found("resource").into());
        }
        let certificates = self.state.certificates.values();
        let listed = certificates.filter(|one| one.generation == generation && one.not_after > now);
        let mut revoked: Vec<Revoked> = listed
            .filter_map(|one| {
                let revocation = one.revoked?;
                Some(Revoked {
                    serial: encoding::from_hex(&one.serial),
                    at: encoding::whole_second(revocation.at),
                    reason: u8::try_from(revocation.reason).unwrap_or_default(),
                })
            })
            .collect();
        revoked.sort_by_key(|one| one.at);
        let crl = Crl {
            number: now.as_second().try_into().unwrap_or_default(),
            this_update: now,
            next_update: now.saturating_add(CRL_LIFETIME).unwrap_or(now),
            revoked: &revoked,
        };
        let signed = self.authority.sign_crl(generation, &crl).ok_or_else(|| Problem::not_found("list"))?;
        let der = signed.map_err(|error| Problem::server_internal(error.to_string()))?;
        Ok(reply::of_type(StatusCode::OK, "application/pkix-crl", der))
    }
}

const CRL_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
