//! The directory (RFC 8555 section 7.1.1).

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::Ca;
use crate::{persist::DnsPersist, reply};

impl Ca {
    /// What this CA offers, and nothing else.
    pub(super) fn directory(&mut self) -> Response<Vec<u8>> {
        let mut directory = Map::new();
        for (name, path) in RESOURCES {
            directory.insert(name.to_owned(), json!(self.url(path)));
        }
        if self.config.key_change {
            directory.insert("keyChange".to_owned(), json!(self.url("/key-change")));
        }
        if self.config.pre_authorization {
            directory.insert("newAuthz".to_owned(), json!(self.url("/new-authz")));
        }
        if self.config.renewal_info {
            directory.insert("renewalInfo".to_owned(), json!(self.url("/renewal-info")));
        }
        directory.insert("meta".to_owned(), Value::Object(self.meta()));
        if self.config.random_directory_key {
            directory.insert(self.state.dice.word(), json!(RANDOM_KEY_EXPLANATION));
        }
        self.decorate(&mut directory, &["newAuthz", "keyChange"]);
        reply::json(StatusCode::OK, &Value::Object(directory))
    }

    fn meta(&mut self) -> Map<String, Value> {
        let mut meta = Map::new();
        if let Some(terms) = &self.config.terms_of_service {
            meta.insert("termsOfService".to_owned(), json!(terms));
        }
        if let Some(website) = &self.config.website {
            meta.insert("website".to_owned(), json!(website));
        }
        if self.config.external_account_required {
            meta.insert("externalAccountRequired".to_owned(), json!(true));
        }
        if !self.config.caa_identities.is_empty() {
            meta.insert("caaIdentities".to_owned(), json!(self.config.caa_identities));
        }
        if self.config.dns_persist == Some(DnsPersist::Draft02) {
            meta.insert("accountHashPrefix".to_owned(), json!(self.account_hash_prefix()));
            meta.insert("issuerDomainNames".to_owned(), json!(self.issuer_domain_names()));
        }
        if let Some(offer) = &self.config.auto_renewal {
            meta.insert("auto-renewal".to_owned(), offer.meta());
        }
        for (name, is_on) in [
            ("delegation-enabled", self.config.delegation),
            ("allow-certificate-get", self.config.certificate_get),
            ("inBandOnionCAARequired", self.config.onion_caa_required),
        ] {
            if is_on {
                meta.insert(name.to_owned(), json!(true));
            }
        }
        if self.config.subdomain_authorizations {
            meta.insert("subdomainAuthAllowed".to_owned(), json!(true));
        }
        if !self.config.profiles.is_empty() {
            let profiles = self.config.profiles.iter();
            let described: Map<_, _> =
                profiles.map(|(name, profile)| (name.clone(), json!(profile.description))).collect();
            meta.insert("profiles".to_owned(), Value::Object(described));
        }
        self.decorate(&mut meta, &["termsOfService", "website", "caaIdentities", "externalAccountRequired"]);
        meta
    }
}

const RESOURCES: [(&str, &str); 4] = [
    ("newNonce", "/new-nonce"),
    ("newAccount", "/new-account"),
    ("newOrder", "/new-order"),
    ("revokeCert", "/revoke-cert"),
];
const RANDOM_KEY_EXPLANATION: &str = "RFC 8555 section 7.1.1 lets directories hold keys that you do not know";
