//! Pebble's configuration file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acme_testca::{AlternateChains, Config, DnsPersist, MacKey, Profile, RetryAfter};
use serde::Deserialize;
use serde_json::Value;

use super::{PebbleError, switch, variable};

/// The member `pebble` of the file. Members that Pebble does not know it leaves alone, as we do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PebbleConfig {
    pub(crate) listen_address: String,
    pub(crate) management_listen_address: String,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) private_key: Option<PathBuf>,
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
    #[serde(rename = "ocspResponderURL")]
    pub(crate) ocsp_responder_url: String,
    external_account_binding_required: bool,
    #[serde(rename = "externalAccountMACKeys")]
    external_account_mac_keys: BTreeMap<String, String>,
    domain_blocklist: Vec<String>,
    retry_after: Waits,
    pub(crate) key_algorithm: String,
    profiles: BTreeMap<String, ProfileConfig>,
    caa_identities: Vec<String>,
    certificate_validity_period: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Waits {
    authz: u32,
    order: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProfileConfig {
    description: String,
    validity_period: u64,
}

impl PebbleConfig {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, PebbleError> {
        let failed = |source| PebbleError::File { path: path.to_path_buf(), source };
        let text = fs::read(path).map_err(failed)?;
        let json = |source| PebbleError::Json { path: path.to_path_buf(), source };
        let file: Value = serde_json::from_slice(&text).map_err(json)?;
        let pebble = spelled(file, &["pebble"]).get("pebble").cloned().unwrap_or_default();
        serde_json::from_value(spelled(pebble, &MEMBERS)).map_err(json)
    }

    /// What the file and Pebble's variables mean to the test CA.
    pub(crate) fn config(&self) -> Result<Config, PebbleError> {
        let mut config = Config::gentle();
        config.terms_of_service = Some(TERMS.to_owned());
        config.nonce_refusal_percent = percentage(NONCE_REJECT)?.unwrap_or(5);
        config.authorization_reuse_percent = percentage(AUTHORIZATION_REUSE)?.unwrap_or(50);
        config.orders_per_page =
            variable(ORDERS_PER_PAGE)?.map_or(3, |number| number.clamp(1, 1000) as usize);
        config.always_valid = switch(ALWAYS_VALID);
        if variable(ALTERNATE_ROOTS)?.is_some_and(|number| number > 0) {
            config.alternate_chains = AlternateChains::Absolute;
        }
        config.external_account_required = self.external_account_binding_required;
        for (kid, key) in &self.external_account_mac_keys {
            let key = MacKey::from_base64url(key).ok_or_else(|| PebbleError::MacKey { kid: kid.clone() })?;
            config.external_accounts.insert(kid.clone(), key);
        }
        if config.external_account_required && config.external_accounts.is_empty() {
            // Pebble starts without one, and refuses everybody.
            config.external_accounts.insert(NOBODY.to_owned(), MacKey::new(NOBODY));
        }
        config.blocked_domains = self.domain_blocklist.iter().map(|name| name.to_ascii_lowercase()).collect();
        config.retry_after = match self.retry_after.order.max(self.retry_after.authz) {
            0 => RetryAfter::Absent,
            seconds => RetryAfter::Seconds(seconds),
        };
        config.caa_identities.clone_from(&self.caa_identities);
        config.dns_account = true;
        config.dns_persist = Some(DnsPersist::Draft01).filter(|_| !self.caa_identities.is_empty());
        if self.certificate_validity_period > 0 {
            config.certificate_lifetime = Duration::from_secs(self.certificate_validity_period);
        }
        for (name, profile) in &self.profiles {
            let mut ours = Profile::new(profile.description.clone());
            if profile.validity_period > 0 {
                ours = ours.lifetime(Duration::from_secs(profile.validity_period));
            }
            config.profiles.insert(name.clone(), ours);
        }
        let usual = config.profiles.contains_key(USUAL).then(|| USUAL.to_owned());
        config.default_profile = usual.or_else(|| config.profiles.keys().next().cloned());
        Ok(config)
    }
}

impl Default for PebbleConfig {
    fn default() -> Self {
        Self {
            listen_address: "127.0.0.1:14000".to_owned(),
            management_listen_address: "127.0.0.1:15000".to_owned(),
            certificate: None,
            private_key: None,
            http_port: 5002,
            tls_port: 5001,
            ocsp_responder_url: String::new(),
            external_account_binding_required: false,
            external_account_mac_keys: BTreeMap::new(),
            domain_blocklist: Vec::new(),
            retry_after: Waits::default(),
            key_algorithm: String::new(),
            profiles: BTreeMap::new(),
            caa_identities: Vec::new(),
            certificate_validity_period: 0,
        }
    }
}

/// An object with the names of its members as they should be: Pebble does not tell upper from lower case.
fn spelled(object: Value, names: &[&str]) -> Value {
    let Value::Object(members) = object else {
        return object;
    };
    let spell = |(name, value): (String, Value)| {
        let known = names.iter().find(|known| known.eq_ignore_ascii_case(&name));
        (known.map_or(name, |known| (*known).to_owned()), value)
    };
    Value::Object(members.into_iter().map(spell).collect())
}

fn percentage(name: &'static str) -> Result<Option<u8>, PebbleError> {
    match variable(name)? {
        Some(number @ 0..=100) => Ok(u8::try_from(number).ok()),
        Some(number) => Err(PebbleError::Variable { name, value: number.to_string() }),
        None => Ok(None),
    }
}

const MEMBERS: [&str; 15] = [
    "caaIdentities",
    "certificate",
    "certificateValidityPeriod",
    "domainBlocklist",
    "externalAccountBindingRequired",
    "externalAccountMACKeys",
    "httpPort",
    "keyAlgorithm",
    "listenAddress",
    "managementListenAddress",
    "ocspResponderURL",
    "privateKey",
    "profiles",
    "retryAfter",
    "tlsPort",
];
const TERMS: &str = "data:text/plain,Do%20what%20thou%20wilt";
const USUAL: &str = "default";
const NOBODY: &str = "nobody has this key";
const ALWAYS_VALID: &str = "PEBBLE_VA_ALWAYS_VALID";
const NONCE_REJECT: &str = "PEBBLE_WFE_NONCEREJECT";
const AUTHORIZATION_REUSE: &str = "PEBBLE_AUTHZREUSE";
const ORDERS_PER_PAGE: &str = "PEBBLE_WFE_ORDERS_PER_PAGE";
const ALTERNATE_ROOTS: &str = "PEBBLE_ALTERNATE_ROOTS";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PebbleConfig, PebbleError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pebble.json");
        fs::write(&path, text).unwrap();
        PebbleConfig::read(&path)
    }

    #[test]
    fn the_configuration_that_pebble_comes_with_is_taken() {
        let config = read(
            r#"{"pebble": {"listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000",
            "certificate": "test/certs/localhost/cert.pem", "privateKey": "test/certs/localhost/key.pem",
            "httpPort": 5002, "tlsPort": 5001, "ocspResponderURL": "", "externalAccountBindingRequired": false,
            "domainBlocklist": ["blocked-domain.example"], "retryAfter": {"authz": 3, "order": 5},
            "keyAlgorithm": "ecdsa", "profiles": {"default": {"description": "usual", "validityPeriod": 7776000},
            "shortlived": {"description": "short", "validityPeriod": 518400}}}}"#,
        )
        .unwrap();
        let ours = config.config().unwrap();
        assert_eq!((config.http_port, config.tls_port), (5002, 5001));
        assert_eq!(ours.blocked_domains, ["blocked-domain.example"]);
        assert_eq!(ours.retry_after, RetryAfter::Seconds(5));
        assert_eq!(ours.default_profile.as_deref(), Some("default"));
        assert_eq!(ours.profiles["shortlived"].certificate_lifetime, Some(Duration::from_secs(518_400)));
    }

    #[test]
    fn upper_and_lower_case_are_the_same() {
        let config = read(
            r#"{"Pebble": {"externalaccountbindingrequired": true, "externalAccountMacKeys": {"Kid": "AAAA"}}}"#,
        );
        let ours = config.unwrap().config().unwrap();
        assert!(ours.external_account_required);
        assert_eq!(ours.external_accounts.keys().collect::<Vec<_>>(), ["Kid"]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert!(matches!(read("pebble"), Err(PebbleError::Json { .. })));
        assert!(matches!(read(r#"{"pebble": {"httpPort": 65536}}"#), Err(PebbleError::Json { .. })));
        let config = read(r#"{"pebble": {"externalAccountMACKeys": {"kid": "="}}}"#).unwrap();
        assert!(matches!(config.config(), Err(PebbleError::MacKey { .. })));
    }
}
