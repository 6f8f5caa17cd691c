//! What the CA remembers, and how it is written down and read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    authority::SavedAuthority, delegation::Delegation, dice::Dice, encoding, error::Error,
    identifier::Identifier, key::PublicKey, problem::Problem, renewal::RenewalWindow, star::Schedule,
};

/// Everything that outlives the process.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) orders: BTreeMap<String, Order>,
    pub(crate) authorizations: BTreeMap<String, Authorization>,
    /// The authorizations of each name, oldest first: an order of many names must not read them all.
    #[serde(skip)]
    pub(crate) authorizations_of: HashMap<Identifier, Vec<String>>,
    pub(crate) certificates: BTreeMap<String, Certificate>,
    pub(crate) orders_finalized: u64,
    /// When the buckets of the rate limits are full again.
    #[serde(default)]
    pub(crate) buckets: BTreeMap<String, Timestamp>,
    /// The keys of used up buckets for consecutive failures.
    #[serde(default)]
    pub(crate) paused: BTreeSet<String>,
    #[serde(default)]
    pub(crate) delegations: BTreeMap<String, OwnDelegation>,
    pub(crate) clock_offset: SignedDuration,
    pub(crate) dice: Dice,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) jwk: Value,
    #[serde(skip)]
    pub(crate) key: Option<PublicKey>,
    pub(crate) contact: Vec<String>,
    pub(crate) terms_agreed: bool,
    /// The terms that were agreed to.
    #[serde(default)]
    pub(crate) agreed_to: Option<String>,
    pub(crate) status: AccountStatus,
    /// Oldest first.
    pub(crate) orders: Vec<String>,
    /// Of the keys that it had before.
    #[serde(default)]
    pub(crate) old_thumbprints: Vec<String>,
    /// As it came (RFC 8555 section 7.3.4).
    #[serde(default)]
    pub(crate) binding: Option<Binding>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) kid: String,
    pub(crate) jws: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccountStatus {
    Valid,
    Deactivated,
    Revoked,
}

/// What an account may have certified in another one's name.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OwnDelegation {
    pub(crate) account: String,
    pub(crate) terms: Delegation,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) account: String,
    pub(crate) status: OrderStatus,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) authorizations: Vec<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) expires: Timestamp,
    pub(crate) error: Option<Problem>,
    pub(crate) certificate: Option<String>,
    pub(crate) processing: Option<Processing>,
    /// The certificate that it replaces, by its identifier of RFC 9773 section 4.1.
    #[serde(default)]
    pub(crate) replaces: Option<String>,
    #[serde(default)]
    pub(crate) profile: Option<String>,
    /// When its certificates are due, if it renews itself (RFC 8739).
    #[serde(default)]
    pub(crate) auto_renewal: Option<Schedule>,
    /// The delegation that it is made by (RFC 9115).
    #[serde(default)]
    pub(crate) delegation: Option<String>,
    /// Whether anybody can fetch its certificate.
    #[serde(default)]
    pub(crate) certificate_get: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Processing {
    #[serde(with = "encoding::octets")]
    pub(crate) key_spki: Vec<u8>,
    pub(crate) polls_left: u32,
    pub(crate) until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderStatus {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
    Canceled,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) account: String,
    pub(crate) identifier: Identifier,
    pub(crate) wildcard: bool,
    pub(crate) status: AuthorizationStatus,
    pub(crate) expires: Timestamp,
    pub(crate) challenges: Vec<Challenge>,
    /// Whether it was asked for before there was an order.
    #[serde(default)]
    pub(crate) pre_authorized: bool,
    /// Whether it is for the names below its own, too (RFC 9444).
    #[serde(default)]
    pub(crate) subdomains: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthorizationStatus {
    Pending,
    Valid,
    Invalid,
    Deactivated,
    Expired,
    Revoked,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) kind: String,
    pub(crate) token: Option<String>,
    pub(crate) status: ChallengeStatus,
    pub(crate) validated: Option<Timestamp>,
    pub(crate) error: Option<Problem>,
    /// What an answer must hold in place of a key authorization (RFC 9799 section 3.2).
    #[serde(default)]
    pub(crate) nonce: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChallengeStatus {
    Pending,
    Processing,
    Valid,
    Invalid,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// How many were issued before it.
    pub(crate) number: u64,
    pub(crate) serial: String,
    pub(crate) account: String,
    pub(crate) order: String,
    pub(crate) names: Vec<String>,
    #[serde(with = "encoding::octets")]
    pub(crate) der: Vec<u8>,
    #[serde(with = "encoding::octets")]
    pub(crate) key_spki: Vec<u8>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) revoked: Option<Revocation>,
    #[serde(default)]
    pub(crate) window: Option<RenewalWindow>,
    /// The number of the intermediate that signed it.
    #[serde(default)]
    pub(crate) generation: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) at: Timestamp,
    pub(crate) reason: u64,
}

#[derive(Serialize, Deserialize)]
struct Saved<S> {
    authority: SavedAuthority,
    #[serde(flatten)]
    state: S,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), ..Self::default() }
    }

    pub(crate) fn add_authorization(&mut self, id: String, authorization: Authorization) {
        let of_name = self.authorizations_of.entry(authorization.identifier.clone()).or_default();
        of_name.push(id.clone());
        self.authorizations.insert(id, authorization);
    }

    /// One line that says what follows and has its SHA-256, then JSON.
    pub(crate) fn save(&self, authority: SavedAuthority) -> Vec<u8> {
        let saved = Saved { authority, state: self };
        let json = serde_json::to_vec_pretty(&saved).unwrap_or_default();
        let mut out = format!("{MAGIC}{FORMAT} {}\n", checksum(&json)).into_bytes();
        out.extend(json);
        out
    }

    pub(crate) fn load(octets: &[u8]) -> Result<(SavedAuthority, Self), Error> {
        let rest = octets
            .strip_prefix(MAGIC.as_bytes())
            .ok_or_else(|| Error::damaged("its first line is not that of a saved state"))?;
        let end = rest
            .iter()
            .position(|octet| *octet == b'\n')
            .ok_or_else(|| Error::damaged("it ends within the first line"))?;
        let (line, json) = rest.split_at(end);
        let json = json.get(1..).unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let (format, sum) = line.split_once(' ').unwrap_or_default();
        let found: u64 =
            format.parse().map_err(|error| Error::damaged_by("the format number", error_box(error)))?;
        if found != FORMAT {
            return Err(Error::StateVersion { found, supported: FORMAT });
        }
        if checksum(json) != sum {
            return Err(Error::damaged("its checksum is not that of its content"));
        }
        let saved: Saved<Self> =
            serde_json::from_slice(json).map_err(|error| Error::damaged_by("its JSON", error_box(error)))?;
        let mut state = saved.state;
        state.complete()?;
        Ok((saved.authority, state))
    }

    /// Fills in what is derived, and checks that everything pointed at is there.
    fn complete(&mut self) -> Result<(), Error> {
        for account in self.accounts.values_mut() {
            let key =
                PublicKey::from_jwk(&account.jwk).map_err(|_| Error::damaged("the key of an account"))?;
            account.key = Some(key);
            if account.orders.iter().any(|id| !self.orders.contains_key(id)) {
                return Err(Error::damaged("an account lists an order that is missing"));
            }
        }
        for (id, authorization) in &self.authorizations {
            let of_name = self.authorizations_of.entry(authorization.identifier.clone()).or_default();
            of_name.push(id.clone());
        }
        for order in self.orders.values() {
            let has_all = order.authorizations.iter().all(|id| self.authorizations.contains_key(id));
            let has_certificate =
                order.certificate.as_ref().is_none_or(|id| self.certificates.contains_key(id));
            if !has_all || !has_certificate || !self.accounts.contains_key(&order.account) {
                return Err(Error::damaged("something that an order points at is missing"));
            }
        }
        Ok(())
    }
}

fn checksum(octets: &[u8]) -> String {
    encoding::base64url(digest(&SHA256, octets).as_ref())
}

fn error_box<E: std::error::Error + Send + Sync + 'static>(
    error: E,
) -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(error)
}

const MAGIC: &str = "acme-testca state ";
const FORMAT: u64 = 1;
