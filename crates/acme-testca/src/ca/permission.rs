//! Whether CAA records let the CA issue (RFC 8659).

use super::Ca;
use crate::{
    caa::CaaPolicy,
    identifier::Identifier,
    problem::Problem,
    state::{Authorization, ChallengeStatus, Order},
    validation::Method,
};

impl Ca {
    /// What the CAA records of an authorization's name are compared with, for one of its challenges.
    pub(super) fn caa_policy(&self, authorization: &Authorization, method: Method) -> CaaPolicy {
        CaaPolicy {
            issuers: self.config.caa_identities.clone(),
            account_url: self.url(&format!("/account/{}", authorization.account)),
            method,
            wildcard: authorization.wildcard,
        }
    }

    /// Whether the records of the configuration permit what a challenge has proven.
    pub(super) fn check_caa(
        &self,
        authorization: &Authorization,
        identifier: &Identifier,
        kind: &str,
    ) -> Result<(), Problem> {
        let is_looked_at = !self.config.caa_identities.is_empty() && identifier.address().is_none();
        let Some(method) = Method::of_type(kind).filter(|_| is_looked_at) else {
            return Ok(());
        };
        let found = CaaPolicy::climb(&identifier.value).find_map(|name| {
            let records = self.config.caa_records.get(name)?;
            Some((name, records.as_slice())).filter(|(_, records)| !records.is_empty())
        });
        let (owner, records) = found.unwrap_or_default();
        self.caa_policy(authorization, method).permits(owner, records)
    }

    /// Looks again before issuing: authorizations live long (RFC 8659 section 3).
    pub(super) fn recheck_caa(&self, order: &Order) -> Result<(), Problem> {
        let authorizations = order.authorizations.iter().filter_map(|id| self.state.authorizations.get(id));
        let mut refusals = Vec::new();
        for authorization in authorizations {
            let mut challenges = authorization.challenges.iter();
            let Some(used) = challenges.find(|challenge| challenge.status == ChallengeStatus::Valid) else {
                continue;
            };
            for identifier in authorization.covers(&order.identifiers) {
                if let Err(refusal) = self.check_caa(authorization, &identifier, &used.kind) {
                    refusals.push(refusal.about(identifier));
                }
            }
        }
        if refusals.is_empty() {
            return Ok(());
        }
        Err(Problem::new("caa", 403, "RFC 8659 section 3: CAA records forbid to issue, see the subproblems")
            .with_subproblems(refusals))
    }
}
