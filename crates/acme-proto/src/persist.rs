//! TXT records that name an account: dns-account-01's label, dns-persist-01's record.

mod policy;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::authorization::Authorization;
use crate::base64url;
use crate::challenge::OfferedChallenge;
use crate::error::{Error, Misuse, Violation};
use crate::flow::Operation;
use crate::identifier::Identifier;
use crate::json;
use crate::session::{Respondent, Sha256, Thumbprint};

pub use policy::{PersistFault, PersistFindings, PersistPolicy, PersistSyntax};

/// The TXT record of dns-persist-01: it lets an account have certificates for a name for as long as
/// it stands, so that nothing has to be written for a renewal.
///
/// [`Display`](fmt::Display) is the record's value. It may be longer than the 255 octets of one
/// string in a TXT record.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PersistRecord {
    /// The DNS name, without `*.`.
    pub domain: String,
    /// The name that stands for the CA.
    pub issuer: String,
    /// What stands for the account: its URL, or a hashed form of it.
    pub account_uri: String,
    /// Whether it is for the wildcard of the name, too.
    pub wildcard: bool,
    /// Until when it is good; for ever without.
    pub until: Option<Timestamp>,
}

impl PersistRecord {
    /// What the name of the record starts with.
    pub const LABEL: &'static str = "_validation-persist";
    /// Most issuer domain names of a challenge.
    pub const MAX_ISSUERS: usize = 10;

    /// A record that is good for ever, and not for wildcards.
    #[must_use]
    pub fn new(domain: impl Into<String>, issuer: impl Into<String>, account_uri: impl Into<String>) -> Self {
        let (domain, issuer, account_uri) = (domain.into(), issuer.into(), account_uri.into());
        Self { domain, issuer, account_uri, wildcard: false, until: None }
    }

    /// The same record, for the wildcard of the name, too.
    #[must_use]
    pub fn for_wildcard(self) -> Self {
        Self { wildcard: true, ..self }
    }

    /// The name of the record.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", Self::LABEL, self.domain)
    }

    /// The same record, good until then.
    #[must_use]
    pub fn expiring(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
    }

    /// The hashed form of an account's URL, of revision 02: for a domain, or for any with `*`.
    /// `prefix` is the [`account_hash_prefix`](crate::DirectoryMeta::account_hash_prefix).
    #[must_use]
    pub fn hashed_account_uri(
        prefix: &str,
        domain: &str,
        thumbprint: &Thumbprint,
        account_url: &str,
    ) -> String {
        let mut input: Vec<u8> = u8::try_from(domain.len()).into_iter().collect();
        for part in [domain, thumbprint.as_str(), account_url] {
            input.extend(part.as_bytes());
        }
        format!("{prefix}sha-256/{}", base64url::encode(thumbprint.sha256(&input)))
    }

    /// The hashed forms of an account's URL that a CA takes for a domain: the domain's own, and the one
    /// for any domain.
    #[must_use]
    pub fn hashed_account_uris(
        prefix: &str,
        domain: &str,
        thumbprint: &Thumbprint,
        account_url: &str,
    ) -> [String; 2] {
        [domain, "*"].map(|domain| Self::hashed_account_uri(prefix, domain, thumbprint, account_url))
    }

    /// The record that a challenge asks for, and what the CA will compare all records with.
    pub(crate) fn respond(
        authorization: &Authorization,
        offered: &OfferedChallenge,
        respondent: &Respondent,
    ) -> Result<(Self, PersistPolicy), Error> {
        let Identifier::Dns(domain) = &authorization.identifier else {
            return Err(authorization.no_challenge());
        };
        let offer = offered.persist.as_ref().filter(|offer| offer.is_valid(respondent));
        let member = || Error::protocol(Operation::Authorization, Violation::Member("issuer-domain-names"));
        let offer = offer.ok_or_else(member)?;
        let issuer = offer.issuers.first().ok_or_else(member)?;
        let account_uris = offer.account_uris(authorization, domain, respondent)?;
        let account_uri = account_uris.first().ok_or_else(member)?;
        let mut record = Self::new(domain, issuer, account_uri);
        record.wildcard = authorization.wildcard;
        let policy =
            PersistPolicy { issuers: offer.issuers.clone(), account_uris, wildcard: authorization.wildcard };
        Ok((record, policy))
    }
}

impl fmt::Display for PersistRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; accounturi={}", self.issuer, self.account_uri)?;
        if self.wildcard {
            f.write_str("; policy=wildcard")?;
        }
        match self.until {
            Some(until) => write!(f, "; persistUntil={}", until.as_second()),
            None => Ok(()),
        }
    }
}

/// What a dns-persist-01 challenge holds in place of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersistOffer {
    issuers: Vec<String>,
    /// Since revision 01.
    account_uri: Option<String>,
    /// Since revision 02, which has renamed the issuers.
    is_hashed: bool,
}

impl PersistOffer {
    /// Reads the members of a challenge; `None` where there are none of these.
    pub(crate) fn from_json(challenge: &Value) -> Option<Self> {
        let is_hashed = challenge.get("issuerDomainNames").is_some();
        let member = if is_hashed { "issuerDomainNames" } else { "issuer-domain-names" };
        let names = challenge.get(member)?.as_array()?;
        let issuers: Option<Vec<String>> =
            names.iter().map(|name| name.as_str().map(ToString::to_string)).collect();
        let account_uri = json::string(challenge, "accounturi").map(ToString::to_string);
        Some(Self { issuers: issuers.unwrap_or_default(), account_uri, is_hashed })
    }

    /// A challenge whose list of issuers breaks a rule must be refused as a whole.
    fn is_valid(&self, respondent: &Respondent) -> bool {
        let is_known = |name: &String| {
            !self.is_hashed
                || respondent.issuer_domain_names.is_empty()
                || respondent.issuer_domain_names.contains(name)
        };
        (1..=PersistRecord::MAX_ISSUERS).contains(&self.issuers.len())
            && self.issuers.iter().all(|name| is_issuer(name) && is_known(name))
    }

    /// What stands for the account, in each form that the CA takes; there is at least one.
    fn account_uris(
        &self,
        authorization: &Authorization,
        domain: &str,
        respondent: &Respondent,
    ) -> Result<Vec<String>, Error> {
        let own = &respondent.account_url;
        if self.is_hashed {
            let missing = Violation::Member("accountHashPrefix");
            let prefix = respondent.account_hash_prefix.as_deref();
            let prefix = prefix.ok_or_else(|| Error::protocol(Operation::Directory, missing))?;
            return Ok(PersistRecord::hashed_account_uris(prefix, domain, &respondent.thumbprint, own).into());
        }
        match &self.account_uri {
            None => Ok(vec![own.clone()]),
            Some(uri) if uri == own || respondent.confirmed.contains(uri) => Ok(vec![uri.clone()]),
            Some(uri) => Err(Misuse::AccountUri {
                identifier: authorization.order_identifier(),
                account_uri: uri.clone(),
            }
            .into()),
        }
    }
}

/// A DNS name in lower case, in A-labels and without a trailing dot.
fn is_issuer(name: &str) -> bool {
    matches!(name.parse(), Ok(Identifier::Dns(read)) if read == name && !name.starts_with("*."))
}

/// The label that dns-account-01 puts before `_acme-challenge`.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-account-label-03#section-3.2>
pub(crate) fn account_label(account_url: &str, sha256: Sha256) -> String {
    let digest = sha256(account_url.as_bytes());
    let bits = digest.iter().take(LABEL_OCTETS).fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let digits = (0..LABEL_OCTETS * 8 / 5).rev().map(|place| (bits >> (5 * place) & 31) as u8);
    let letters = digits.map(|digit| char::from(if digit < 26 { b'a' + digit } else { b'2' + digit - 26 }));
    core::iter::once('_').chain(letters).collect()
}

const LABEL_OCTETS: usize = 10;
