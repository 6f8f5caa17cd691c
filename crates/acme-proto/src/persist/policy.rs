//! Reading the records of dns-persist-01, and what a CA will make of them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PersistRecord;

/// What the records of a name are compared with: which of them permit an account to have certificates.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PersistPolicy {
    /// The names that stand for the CA.
    pub issuers: Vec<String>,
    /// What stands for the account, in all forms that the CA takes.
    pub account_uris: Vec<String>,
    /// Whether it is for the wildcard of the name.
    pub wildcard: bool,
}

/// What the records of a name come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistFindings {
    /// Until when they permit, if they do; the inner `None` is for ever.
    pub permitted: Option<Option<Timestamp>>,
    /// The records that name the CA and do not permit, and why they do not.
    pub faults: Vec<(String, PersistFault)>,
    /// The records that name other CAs.
    pub others: Vec<String>,
}

/// Why a record that names the CA does not permit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersistFault {
    /// It is for another account, or made with another key of this one.
    #[error("is for another account")]
    Account,
    /// Its time is over.
    #[error("has lapsed at {0}")]
    Lapsed(Timestamp),
    /// It can't be read.
    #[error("is malformed: {0}")]
    Malformed(PersistSyntax),
    /// It is not for wildcards.
    #[error("has no policy=wildcard")]
    Wildcard,
}

/// What keeps a record from being read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersistSyntax {
    /// It names no account.
    #[error("it has no accounturi")]
    AccountUri,
    /// It names no CA.
    #[error("'{0}' is no name of a CA")]
    Issuer(String),
    /// A part of it is no parameter.
    #[error("'{0}' is no parameter")]
    Parameter(String),
    /// A parameter is there twice.
    #[error("it has {0} twice")]
    Twice(String),
    /// Its end is no number of seconds.
    #[error("its persistUntil '{0}' is no number of seconds")]
    Until(String),
}

impl PersistPolicy {
    /// What a CA takes that goes by these names, from an account that is known by these.
    #[must_use]
    pub fn new(issuers: Vec<String>, account_uris: Vec<String>) -> Self {
        Self { issuers, account_uris, wildcard: false }
    }

    /// The same for the wildcard of the name.
    #[must_use]
    pub fn for_wildcard(self) -> Self {
        Self { wildcard: true, ..self }
    }

    /// Looks at the values of all TXT records of a name, each with its strings put together.
    #[must_use]
    pub fn examine(&self, values: &[String], now: Timestamp) -> PersistFindings {
        let mut findings = PersistFindings::default();
        for value in values {
            let issuer = value.split(';').next().unwrap_or_default().trim_matches(BLANK);
            if !self.issuers.iter().any(|own| own.eq_ignore_ascii_case(issuer)) {
                findings.others.push(value.clone());
                continue;
            }
            match self.examine_one(value, now) {
                Ok(until) => {
                    findings.permitted = Some(match findings.permitted {
                        Some(before) => before.zip(until).map(|(before, until)| before.max(until)),
                        None => until,
                    });
                }
                Err(fault) => findings.faults.push((value.clone(), fault)),
            }
        }
        findings
    }

    fn examine_one(&self, value: &str, now: Timestamp) -> Result<Option<Timestamp>, PersistFault> {
        let record = PersistRecord::parse("", value).map_err(PersistFault::Malformed)?;
        if !self.account_uris.contains(&record.account_uri) {
            return Err(PersistFault::Account);
        }
        if self.wildcard && !record.wildcard {
            return Err(PersistFault::Wildcard);
        }
        match record.until {
            Some(until) if until < now => Err(PersistFault::Lapsed(until)),
            until => Ok(until),
        }
    }
}

impl PersistRecord {
    /// Reads the value of a TXT record of a domain. Parameters that nobody knows are passed over.
    ///
    /// # Errors
    /// What is wrong with it; a CA will refuse it then.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8659#section-4.2>
    pub fn parse(domain: &str, value: &str) -> Result<Self, PersistSyntax> {
        let mut parts = value.split(';').map(|part| part.trim_matches(BLANK));
        let issuer = parts.next().unwrap_or_default();
        if issuer.is_empty() || !issuer.split('.').all(is_label) {
            return Err(PersistSyntax::Issuer(issuer.to_string()));
        }
        let mut known: [Option<&str>; KNOWN.len()] = [None; KNOWN.len()];
        for part in parts {
            let (tag, value) = parameter(part).ok_or_else(|| PersistSyntax::Parameter(part.to_string()))?;
            let place = KNOWN.iter().zip(&mut known).find(|(name, _)| name.eq_ignore_ascii_case(tag));
            if let Some((name, place)) = place
                && place.replace(value).is_some()
            {
                return Err(PersistSyntax::Twice((*name).to_string()));
            }
        }
        let [account_uri, policy, until] = known;
        Ok(Self {
            domain: domain.to_string(),
            issuer: issuer.to_ascii_lowercase(),
            account_uri: account_uri.ok_or(PersistSyntax::AccountUri)?.to_string(),
            wildcard: policy.is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard")),
            until: until.map(moment).transpose()?,
        })
    }
}

fn parameter(part: &str) -> Option<(&str, &str)> {
    let (tag, value) = part.split_once('=')?;
    let (tag, value) = (tag.trim_matches(BLANK), value.trim_matches(BLANK));
    let is_value = |octet: u8| matches!(octet, 0x21..=0x7e);
    (is_label(tag) && value.bytes().all(is_value)).then_some((tag, value))
}

fn is_label(label: &str) -> bool {
    let is_inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_inner)
}

fn moment(text: &str) -> Result<Timestamp, PersistSyntax> {
    let wrong = || PersistSyntax::Until(text.to_string());
    if !text.bytes().all(|octet| octet.is_ascii_digit()) || text.is_empty() {
        return Err(wrong());
    }
    // Whatever is beyond our calendar is for ever.
    let seconds = text.parse().unwrap_or(i64::MAX);
    Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
}

const KNOWN: [&str; 3] = ["accounturi", "policy", "persistUntil"];
const BLANK: [char; 2] = [' ', '\t'];
