//! The switches set as known CAs have them.
//!
//! Each does what is known of the CA and the rest as [`Config::gentle`]. None of them is the CA: what
//! passes here may fail there.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    binding::MacKey,
    config::{AlternateChains, Config, Finalize, RetryAfter},
    limit::RateLimits,
    persist::DnsPersist,
    profile::Profile,
};

impl Config {
    /// Boulder, as Let's Encrypt runs it (August 2026): profiles, reused authorizations and orders,
    /// rate limits, finalize that takes a while; no list of orders, no newAuthz, no dates in orders,
    /// no EdDSA, four reasons for revocation.
    ///
    /// See [its own list](https://github.com/letsencrypt/boulder/blob/main/docs/acme-divergences.md).
    pub fn boulder() -> Self {
        let classic = Profile::new("90 days").lifetime(days(90)).without_ip_identifiers();
        let tlsserver =
            Profile::new("45 days").lifetime(days(45)).max_identifiers(25).without_ip_identifiers();
        let shortlived = Profile::new("160 hours").lifetime(hours(160)).max_identifiers(25);
        let profiles = [("classic", classic), ("tlsserver", tlsserver), ("shortlived", shortlived)];
        Self {
            random_directory_key: true,
            authorization_reuse_percent: 100,
            order_reuse: true,
            orders_list: false,
            pre_authorization: false,
            order_dates: false,
            eddsa: false,
            revocation_reasons: vec![0, 1, 4, 5],
            alternate_chains: AlternateChains::Absolute,
            finalize: Finalize::AfterPolls(1),
            retry_after: RetryAfter::Seconds(3),
            caa_identities: vec!["letsencrypt.org".to_owned()],
            profiles: BTreeMap::from(profiles.map(|(name, profile)| (name.to_owned(), profile))),
            default_profile: Some("classic".to_owned()),
            rate_limits: Some(RateLimits::lets_encrypt()),
            ..Self::gentle()
        }
    }

    /// Pebble 2.10: 5 % of nonces refused, half of the authorizations reused, three orders a page; no
    /// newAuthz, no CAA, no rate limits; dns-account-01 and dns-persist-01 (revision 01).
    pub fn pebble() -> Self {
        Self {
            nonce_refusal_percent: 5,
            authorization_reuse_percent: 50,
            orders_per_page: 3,
            dns_account: true,
            dns_persist: Some(DnsPersist::Draft01),
            pre_authorization: false,
            ..Self::gentle()
        }
    }

    /// Google Trust Services: an external account that can be bound to once, profiles, dates in
    /// orders, dns-account-01 and dns-persist-01 (revision 01); no list of orders.
    pub fn google(kid: impl Into<String>, key: MacKey) -> Self {
        let profiles = ["standard", "minimal"].map(|name| (name.to_owned(), Profile::new(name)));
        Self {
            external_account_single_use: true,
            orders_list: false,
            caa_identities: vec!["pki.goog".to_owned()],
            dns_account: true,
            dns_persist: Some(DnsPersist::Draft01),
            profiles: BTreeMap::from(profiles),
            ..Self::bound_to(kid, key)
        }
    }

    /// ZeroSSL: an external account that can be bound to once; no renewalInfo, no profiles, no IP
    /// addresses, no change of keys.
    pub fn zerossl(kid: impl Into<String>, key: MacKey) -> Self {
        Self {
            external_account_single_use: true,
            renewal_info: false,
            ip_identifiers: false,
            key_change: false,
            ..Self::bound_to(kid, key)
        }
    }

    /// SSL.com: an external account, one name and its www form at most, no wildcards; no renewalInfo.
    pub fn ssl_com(kid: impl Into<String>, key: MacKey) -> Self {
        Self { max_identifiers: 2, wildcards: false, renewal_info: false, ..Self::bound_to(kid, key) }
    }

    /// Actalis: an external account, one name and its www form at most; a challenge that failed is
    /// `processing` for ever.
    pub fn actalis(kid: impl Into<String>, key: MacKey) -> Self {
        Self { max_identifiers: 2, failed_challenges_hang: true, ..Self::bound_to(kid, key) }
    }

    /// step-ca: no renewalInfo, no profiles.
    pub fn step_ca() -> Self {
        Self { renewal_info: false, ..Self::gentle() }
    }

    /// HashiCorp Vault: a refused nonce comes without a new one.
    pub fn vault() -> Self {
        Self { nonce_refusal_percent: 5, refused_nonce_without_new_one: true, ..Self::gentle() }
    }

    /// EJBCA: terms that must be agreed to, dns-account-01; no newAuthz and no profiles.
    pub fn ejbca() -> Self {
        Self {
            terms_of_service: Some("https://testca.invalid/ejbca/terms".to_owned()),
            dns_account: true,
            pre_authorization: false,
            ..Self::gentle()
        }
    }

    /// A CA for the inside of a company, as Venafi's: an external account is needed, and is enough.
    /// Orders are ready at once, and have no authorizations.
    pub fn without_challenges(kid: impl Into<String>, key: MacKey) -> Self {
        Self { external_account_suffices: true, renewal_info: false, ..Self::bound_to(kid, key) }
    }

    fn bound_to(kid: impl Into<String>, key: MacKey) -> Self {
        Self {
            external_accounts: BTreeMap::from([(kid.into(), key)]),
            external_account_required: true,
            ..Self::gentle()
        }
    }
}

fn days(days: u64) -> Duration {
    hours(24 * days)
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}
