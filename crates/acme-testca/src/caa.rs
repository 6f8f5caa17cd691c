//! CAA records: who may issue for a name, to whom, and how (RFC 8659, RFC 8657).

use crate::{problem::Problem, validation::Method};

/// A CAA record.
///
/// See [RFC 8659 section 4.1](https://www.rfc-editor.org/rfc/rfc8659#section-4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaaRecord {
    /// The flags; 128 is the issuer critical one.
    pub flags: u8,
    /// The property tag: `issue`, `issuewild`, `iodef`.
    pub tag: String,
    /// The value of the property.
    pub value: String,
}

impl CaaRecord {
    /// A record that is not critical.
    pub fn new(tag: impl Into<String>, value: impl Into<String>) -> Self {
        Self { flags: 0, tag: tag.into(), value: value.into() }
    }

    /// Sets the issuer critical flag.
    #[must_use]
    pub fn critical(mut self) -> Self {
        self.flags |= CRITICAL;
        self
    }

    fn is(&self, tag: &str) -> bool {
        self.tag.eq_ignore_ascii_case(tag)
    }
}

/// What the CA compares the CAA records of a name with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaaPolicy {
    /// The names by which records mean this CA. With none, the CA does not look at CAA records.
    pub issuers: Vec<String>,
    /// The URL of the account.
    pub account_url: String,
    /// How control over the name is validated.
    pub method: Method,
    /// Whether the certificate is for a wildcard.
    pub wildcard: bool,
}

impl CaaPolicy {
    /// The names whose records count, in the order in which they are asked for: the name, then its
    /// parents up to but not including the root. The first that has records decides.
    ///
    /// See [RFC 8659 section 3](https://www.rfc-editor.org/rfc/rfc8659#section-3).
    pub fn climb(name: &str) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
    }

    /// Whether the records found at `owner`, or none at all, let this CA issue.
    ///
    /// See [RFC 8659 section 4](https://www.rfc-editor.org/rfc/rfc8659#section-4) and
    /// [RFC 8657](https://www.rfc-editor.org/rfc/rfc8657).
    ///
    /// # Errors
    ///
    /// The problem that the CA answers with if they do not.
    pub fn permits(&self, owner: &str, records: &[CaaRecord]) -> Result<(), Problem> {
        if self.issuers.is_empty() {
            return Ok(());
        }
        let unknown = |record: &&CaaRecord| {
            record.flags & CRITICAL != 0 && !KNOWN_TAGS.iter().any(|tag| record.is(tag))
        };
        if let Some(record) = records.iter().find(unknown) {
            return Err(refusal(owner, &format!("the critical property {:?} is not known", record.tag)));
        }
        let with_tag = |tag: &str| records.iter().filter(|one| one.is(tag)).collect::<Vec<_>>();
        let wild = if self.wildcard { with_tag("issuewild") } else { Vec::new() };
        let relevant = if wild.is_empty() { with_tag("issue") } else { wild };
        if relevant.is_empty() || relevant.iter().any(|record| self.is_permitted_by(&record.value)) {
            return Ok(());
        }
        let values: Vec<_> = relevant.iter().map(|record| &record.value).collect();
        Err(refusal(owner, &format!("none of {values:?} permits this CA, account and validation")))
    }

    /// Whether the value of one issue or issuewild property permits.
    fn is_permitted_by(&self, value: &str) -> bool {
        let Some(issue) = IssueValue::parse(value) else {
            return false;
        };
        self.issuers.iter().any(|own| own.eq_ignore_ascii_case(issue.issuer))
            && issue.only("accounturi", |uri| uri == self.account_url)
            && issue.only("validationmethods", |methods| {
                methods.split(',').any(|method| method.trim() == self.method.challenge_type())
            })
    }
}

/// A value of RFC 8659 section 4.2.
pub(crate) struct IssueValue<'a> {
    pub(crate) issuer: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> IssueValue<'a> {
    /// `None` if it is malformed.
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (issuer, rest) = match value.split_once(';') {
            Some((issuer, rest)) => (issuer.trim_matches(BLANK), rest.trim_matches(BLANK)),
            None => (value.trim_matches(BLANK), ""),
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        };
        if !issuer.is_empty() && !issuer.split('.').all(is_label) {
            return None;
        }
        let mut parameters = Vec::new();
        for parameter in rest.split(';').filter(|_| !rest.is_empty()) {
            let (tag, value) = parameter.split_once('=')?;
            let (tag, value) = (tag.trim_matches(BLANK), value.trim_matches(BLANK));
            let is_value = |octet: u8| matches!(octet, 0x21..=0x3a | 0x3c..=0x7e);
            if !is_label(tag) || !value.bytes().all(is_value) {
                return None;
            }
            parameters.push((tag, value));
        }
        Some(Self { issuer, parameters })
    }

    /// The values of a parameter.
    pub(crate) fn all(&self, tag: &str) -> Vec<&'a str> {
        let fitting = self.parameters.iter().filter(|(found, _)| found.eq_ignore_ascii_case(tag));
        fitting.map(|(_, value)| *value).collect()
    }

    /// Whether a parameter is absent, or there once with a value that is right.
    fn only(&self, tag: &str, is_right: impl Fn(&str) -> bool) -> bool {
        match self.all(tag).as_slice() {
            [] => true,
            [value] => is_right(value),
            _ => false,
        }
    }
}

fn refusal(owner: &str, why: &str) -> Problem {
    Problem::new("caa", 403, format!("RFC 8659 section 4: CAA of {owner}: {why}"))
}

const CRITICAL: u8 = 0x80;
const KNOWN_TAGS: [&str; 3] = ["issue", "issuewild", "iodef"];
const BLANK: [char; 2] = [' ', '\t'];
