//! dns-persist-01: what the challenge holds, and what the record must (draft-ietf-acme-dns-persist).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Ca;
use crate::{
    persist::{DnsPersist, PersistPolicy, hashed_uri},
    state::Authorization,
    validation::Method,
};

impl Ca {
    /// The names by which records mean this CA.
    pub(super) fn issuer_domain_names(&self) -> Vec<String> {
        match self.config.caa_identities.as_slice() {
            [] => vec![ISSUER.to_owned()],
            identities => identities.to_vec(),
        }
    }

    /// What the hashed account URIs of revision 02 begin with.
    pub(super) fn account_hash_prefix(&self) -> String {
        self.url("/account-hash/")
    }

    /// The members of a challenge in place of the token.
    pub(super) fn persist_members(&self, authorization: &str) -> Map<String, Value> {
        let issuers = json!(self.issuer_domain_names());
        let account = self.state.authorizations.get(authorization).map(|one| one.account.as_str());
        let account_url = self.url(&format!("/account/{}", account.unwrap_or_default()));
        let members = match self.config.dns_persist {
            None | Some(DnsPersist::Draft00) => vec![("issuer-domain-names", issuers)],
            Some(DnsPersist::Draft01) => {
                vec![("issuer-domain-names", issuers), ("accounturi", json!(account_url))]
            }
            Some(DnsPersist::Draft02) => vec![("issuerDomainNames", issuers)],
        };
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What the records of an authorization's name are compared with.
    pub(super) fn persist_policy(
        &self,
        authorization: &Authorization,
        method: Method,
        now: Timestamp,
    ) -> Option<PersistPolicy> {
        let revision = self.config.dns_persist.filter(|_| method == Method::DnsPersist01)?;
        let account_url = self.url(&format!("/account/{}", authorization.account));
        let account_uris = match revision {
            DnsPersist::Draft00 | DnsPersist::Draft01 => vec![account_url],
            DnsPersist::Draft02 => self.hashed_uris(authorization, &account_url),
        };
        Some(PersistPolicy {
            revision,
            issuers: self.issuer_domain_names(),
            account_uris,
            wildcard: authorization.wildcard,
            now,
        })
    }

    /// For the domain and for all, with the key that the account has and with those it had.
    fn hashed_uris(&self, authorization: &Authorization, account_url: &str) -> Vec<String> {
        let Some(account) = self.state.accounts.get(&authorization.account) else {
            return Vec::new();
        };
        let prefix = self.account_hash_prefix();
        let current = account.key.iter().map(|key| key.thumbprint());
        let thumbprints = current.chain(account.old_thumbprints.iter().cloned());
        thumbprints
            .flat_map(|thumbprint| {
                [authorization.identifier.value.as_str(), "*"]
                    .map(|domain| hashed_uri(&prefix, domain, &thumbprint, account_url))
            })
            .collect()
    }
}

const ISSUER: &str = "testca.invalid";
