//! The switches of the CA.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use crate::{
    binding::MacKey,
    caa::CaaRecord,
    encoding,
    error::Error,
    identifier::{Kinds, MAX_IDENTIFIERS, Rules},
    limit::RateLimits,
    persist::DnsPersist,
    profile::Profile,
    star::AutoRenewal,
};

/// How the CA behaves when no fault is scripted.
///
/// [`Config::default`] is hostile: everything it does is allowed by RFC 8555, and clients that take
/// it for granted that a CA does otherwise fall over. [`Config::gentle`] turns that off. Change
/// fields of one or the other:
///
/// ```
/// let mut config = acme_testca::Config::gentle();
/// config.order_reuse = true;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The URL in front of every path, without a final slash. A server that is started with this
    /// empty fills in its own.
    pub base_url: String,
    /// What all chance comes from. Same seed and same requests: same responses, but for keys and
    /// signatures.
    pub seed: u64,
    /// How many of a hundred good nonces are refused (RFC 8555 section 6.5).
    pub nonce_refusal_percent: u8,
    /// Whether a refused nonce comes without a new one, as from Vault. Section 6.5 wants one.
    pub refused_nonce_without_new_one: bool,
    /// How many of a hundred valid authorizations are used again for a new order (section 7.1.3).
    pub authorization_reuse_percent: u8,
    /// Whether newOrder with the same identifiers answers with the order that is pending or ready
    /// already, as Boulder does.
    pub order_reuse: bool,
    /// Whether accounts have a list of orders (section 7.1.2.1; Boulder has none).
    pub orders_list: bool,
    /// How many orders a page of the list holds.
    pub orders_per_page: usize,
    /// Whether identifiers and authorizations come back in another order than the client's.
    pub reorder_identifiers: bool,
    /// Whether the directory has one more key, with another name each time, as Boulder's.
    pub random_directory_key: bool,
    /// Whether authorizations hold a challenge of an unknown type, and one without a token.
    pub strange_challenges: bool,
    /// Whether every object has members that no RFC knows.
    pub extra_members: bool,
    /// Whether optional members that are absent are sent as `null`.
    pub null_members: bool,
    /// The terms that newAccount must agree to.
    pub terms_of_service: Option<String>,
    /// The page about the CA that the directory links to (section 7.1.1).
    pub website: Option<String>,
    /// The external accounts by key identifier. Without any, the CA knows no external account
    /// binding and ignores it (section 7.3.4).
    pub external_accounts: BTreeMap<String, MacKey>,
    /// Whether newAccount must be bound to an external account.
    pub external_account_required: bool,
    /// Whether an external account can be bound to once only, as at Google and ZeroSSL.
    pub external_account_single_use: bool,
    /// Whether being bound to an external account is all that an account has to prove: its orders have
    /// no authorizations and are ready at once, as at CAs for the inside of a company.
    pub external_account_suffices: bool,
    /// Whether challenges that are answered become valid at once, without a validation.
    pub always_valid: bool,
    /// Whether certificates come with an alternate chain, to another root (section 7.4.2).
    pub alternate_chains: AlternateChains,
    /// Whether orders can be for IP addresses (RFC 8738).
    pub ip_identifiers: bool,
    /// Whether orders can be for wildcards.
    pub wildcards: bool,
    /// How many identifiers an order can have: a hundred at most.
    pub max_identifiers: usize,
    /// The domains, in lower case, for which and below which the CA does not issue (`rejectedIdentifier`).
    pub blocked_domains: Vec<String>,
    /// Whether orders can say from when and until when the certificate is to be valid (section 7.4);
    /// Boulder refuses them.
    pub order_dates: bool,
    /// Whether accounts can change their keys (section 7.3.5).
    pub key_change: bool,
    /// Whether account keys can be Ed25519. Section 6.2 wants it, most CAs do not have it.
    pub eddsa: bool,
    /// Whether account keys can be ML-DSA (RFC 9964). No public CA has them.
    #[cfg(feature = "preview")]
    pub ml_dsa: bool,
    /// The reasons for revocation that the CA takes (RFC 5280 section 5.3.1).
    pub revocation_reasons: Vec<u64>,
    /// The types of challenge that are not offered although the identifier could be validated by them:
    /// `http-01`.
    pub withheld_challenges: Vec<String>,
    /// Whether dns-account-01 is offered (draft-ietf-acme-dns-account-label).
    pub dns_account: bool,
    /// The revision of dns-persist-01 that is offered, if it is.
    pub dns_persist: Option<DnsPersist>,
    /// Whether challenges that failed stay `processing` for ever, as at Actalis.
    pub failed_challenges_hang: bool,
    /// Whether authorizations can be asked for before there is an order (section 7.4.1).
    pub pre_authorization: bool,
    /// Whether an authorization can be for all that is below a name (RFC 9444).
    pub subdomain_authorizations: bool,
    /// What orders that renew themselves can ask for, if there are any (RFC 8739).
    pub auto_renewal: Option<AutoRenewal>,
    /// Whether accounts can be delegated the names of others, with [`Ca::delegate`](crate::Ca::delegate)
    /// (RFC 9115).
    pub delegation: bool,
    /// Whether an order by delegation can have its certificate fetched by anybody who knows its URL
    /// (RFC 9115 section 2.3.5).
    pub certificate_get: bool,
    /// Whether orders can be for onion services (RFC 9799). Their names are refused otherwise.
    pub onion: bool,
    /// Whether finalize needs the CAA records of onion services (RFC 9799 section 6.4.1).
    pub onion_caa_required: bool,
    /// The names by which CAA records mean this CA. Without any, it does not look at CAA records
    /// (RFC 8659).
    pub caa_identities: Vec<String>,
    /// The CAA records of names. They count when a challenge has been met, and again at finalize; a
    /// server that was given a resolver asks it as well.
    pub caa_records: BTreeMap<String, Vec<CaaRecord>>,
    /// The rate limits, if there are any (section 6.6).
    pub rate_limits: Option<RateLimits>,
    /// The profiles that orders can ask for, by name. Without any, the CA advertises none
    /// (draft-ietf-acme-profiles).
    pub profiles: BTreeMap<String, Profile>,
    /// The profile of orders that ask for none.
    pub default_profile: Option<String>,
    /// Whether the CA says when to renew (RFC 9773).
    pub renewal_info: bool,
    /// The Retry-After of renewalInfo.
    pub renewal_info_retry_after: RetryAfter,
    /// Whether certificates say where the list of revoked ones is, and the CA publishes it (RFC 5280
    /// section 5). There is no OCSP, as nowhere any more.
    pub crl: bool,
    /// Whether finalize answers with `valid`, or with `processing` first.
    pub finalize: Finalize,
    /// The Retry-After of challenges that are being validated, authorizations and orders that are
    /// pending, and orders that are processing.
    pub retry_after: RetryAfter,
    /// How long certificates are valid.
    pub certificate_lifetime: Duration,
    /// How long an order can be worked on, and how long its pending authorizations live.
    pub order_lifetime: Duration,
    /// How long a valid authorization can be used for new orders.
    pub authorization_lifetime: Duration,
}

impl Config {
    /// A CA that does nothing unexpected, and nothing by chance.
    pub fn gentle() -> Self {
        Self {
            nonce_refusal_percent: 0,
            authorization_reuse_percent: 0,
            reorder_identifiers: false,
            random_directory_key: false,
            strange_challenges: false,
            alternate_chains: AlternateChains::Absent,
            ..Self::default()
        }
    }

    #[cfg(feature = "preview")]
    pub(crate) fn takes_ml_dsa(&self) -> bool {
        self.ml_dsa
    }

    #[cfg(not(feature = "preview"))]
    #[expect(clippy::unused_self, reason = "with the feature it is a switch")]
    pub(crate) fn takes_ml_dsa(&self) -> bool {
        false
    }

    pub(crate) fn identifier_rules(&self) -> Rules<'_> {
        Rules {
            kinds: if self.ip_identifiers { Kinds::DnsAndIp } else { Kinds::Dns },
            wildcards: self.wildcards,
            onion: self.onion,
            most: self.max_identifiers.min(MAX_IDENTIFIERS),
            blocked: &self.blocked_domains,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.nonce_refusal_percent > 100 || self.authorization_reuse_percent > 100 {
            return Err(Error::Config("a percentage is above 100"));
        }
        if self.orders_per_page == 0 {
            return Err(Error::Config("a page of the orders list holds nothing"));
        }
        if self.external_account_required && self.external_accounts.is_empty() {
            return Err(Error::Config("external accounts are required, and there are none"));
        }
        if self.external_accounts.values().any(MacKey::is_empty) {
            return Err(Error::Config("the key of an external account is empty"));
        }
        if self.default_profile.as_ref().is_some_and(|name| !self.profiles.contains_key(name)) {
            return Err(Error::Config("the default profile is none of the profiles"));
        }
        if self.rate_limits.as_ref().is_some_and(|limits| !limits.is_possible()) {
            return Err(Error::Config("a rate limit allows nothing"));
        }
        if self.max_identifiers == 0 {
            return Err(Error::Config("an order can have no identifier"));
        }
        if self.base_url.is_empty() || self.base_url.ends_with('/') {
            return Err(Error::Config("the base URL is empty or ends with a slash"));
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            seed: DEFAULT_SEED,
            nonce_refusal_percent: 5,
            refused_nonce_without_new_one: false,
            authorization_reuse_percent: 50,
            order_reuse: false,
            orders_list: true,
            orders_per_page: 3,
            reorder_identifiers: true,
            random_directory_key: true,
            strange_challenges: true,
            extra_members: false,
            null_members: false,
            terms_of_service: None,
            website: None,
            external_accounts: BTreeMap::new(),
            external_account_required: false,
            external_account_single_use: false,
            external_account_suffices: false,
            always_valid: false,
            alternate_chains: AlternateChains::Relative,
            ip_identifiers: true,
            wildcards: true,
            max_identifiers: MAX_IDENTIFIERS,
            blocked_domains: Vec::new(),
            order_dates: true,
            key_change: true,
            eddsa: true,
            #[cfg(feature = "preview")]
            ml_dsa: false,
            // What a subscriber can say, less what is a CA's to say.
            revocation_reasons: vec![0, 1, 3, 4, 5, 9],
            dns_account: false,
            dns_persist: None,
            withheld_challenges: Vec::new(),
            failed_challenges_hang: false,
            pre_authorization: true,
            subdomain_authorizations: false,
            auto_renewal: None,
            delegation: false,
            onion: false,
            onion_caa_required: false,
            certificate_get: false,
            caa_identities: Vec::new(),
            caa_records: BTreeMap::new(),
            rate_limits: None,
            profiles: BTreeMap::new(),
            default_profile: None,
            renewal_info: true,
            renewal_info_retry_after: RetryAfter::Seconds(6 * 3600),
            crl: true,
            finalize: Finalize::AtOnce,
            retry_after: RetryAfter::Absent,
            certificate_lifetime: Duration::from_secs(90 * DAY_SECONDS),
            order_lifetime: Duration::from_secs(7 * DAY_SECONDS),
            authorization_lifetime: Duration::from_secs(30 * DAY_SECONDS),
        }
    }
}

/// Whether certificates have an alternate chain, and how its URL is written (RFC 8555 section 7.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlternateChains {
    /// There is one chain.
    Absent,
    /// The URL in the Link header is whole.
    Absolute,
    /// The URL in the Link header is relative to that of the certificate (RFC 8288 section 3.1).
    Relative,
}

/// How an order goes from ready to valid (RFC 8555 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finalize {
    /// The response to finalize is `valid`.
    AtOnce,
    /// The response to finalize is `processing`, and so are those to this many reads of the order.
    AfterPolls(u32),
    /// The order is `processing` for this long.
    AfterDelay(Duration),
}

impl Finalize {
    pub(crate) fn is_at_once(self) -> bool {
        self == Self::AtOnce
    }

    pub(crate) fn polls(self) -> u32 {
        match self {
            Self::AfterPolls(polls) => polls,
            Self::AtOnce | Self::AfterDelay(_) => 0,
        }
    }

    pub(crate) fn delay(self) -> Duration {
        match self {
            Self::AfterDelay(delay) => delay,
            Self::AtOnce | Self::AfterPolls(_) => Duration::ZERO,
        }
    }
}

/// The form of a Retry-After header (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// There is none.
    Absent,
    /// A number of seconds.
    Seconds(u32),
    /// A date this many seconds from now.
    Date(u32),
}

impl RetryAfter {
    pub(crate) fn value(self, now: Timestamp) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(seconds.to_string()),
            Self::Date(seconds) => {
                let at = now.saturating_add(Duration::from_secs(seconds.into())).ok()?;
                encoding::http_date(at)
            }
        }
    }
}

/// The seed of a CA that is given none.
pub const DEFAULT_SEED: u64 = 8555;

const DAY_SECONDS: u64 = 24 * 3600;
