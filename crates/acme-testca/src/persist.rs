//! dns-persist-01: TXT records that stay, in three revisions of the draft.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::{caa::IssueValue, encoding, problem::Problem};

/// A revision of dns-persist-01, which differ in what the challenge holds and in what the record says.
///
/// See [draft-ietf-acme-dns-persist](https://datatracker.ietf.org/doc/draft-ietf-acme-dns-persist/).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DnsPersist {
    /// The challenge has `issuer-domain-names`; the record has the account URL.
    Draft00,
    /// The challenge has `accounturi` as well.
    Draft01,
    /// The challenge has `issuerDomainNames`, the directory `accountHashPrefix`; the record has the
    /// prefix and a hash over domain, key thumbprint and account URL.
    Draft02,
}

/// What the TXT records of a dns-persist-01 challenge are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistPolicy {
    /// The revision.
    pub revision: DnsPersist,
    /// The names by which records mean this CA.
    pub issuers: Vec<String>,
    /// The values of `accounturi` that are right.
    pub account_uris: Vec<String>,
    /// Whether the authorization is for a wildcard.
    pub wildcard: bool,
    /// What the time is.
    pub now: Timestamp,
}

impl PersistPolicy {
    /// Looks for a record that permits this account; gives until when it does, if it says so.
    ///
    /// # Errors
    ///
    /// The problem that the CA answers with if there is none.
    pub(crate) fn check(&self, owner: &str, texts: &[Vec<u8>]) -> Result<Option<Timestamp>, Problem> {
        let mut last =
            Problem::unauthorized(format!("dns-persist-01: no TXT record of {owner} names this CA"));
        for text in texts.iter().filter_map(|text| str::from_utf8(text).ok()) {
            let issuer = text.split(';').next().unwrap_or_default().trim();
            if !self.issuers.iter().any(|own| own.eq_ignore_ascii_case(issuer)) {
                continue;
            }
            let Some(value) = IssueValue::parse(text) else {
                last =
                    Problem::malformed(format!("RFC 8659 section 4.2: the record of {owner} cannot be read"));
                continue;
            };
            match self.check_record(owner, &value) {
                Ok(until) => return Ok(until),
                Err(problem) => last = problem,
            }
        }
        Err(last)
    }

    fn check_record(&self, owner: &str, value: &IssueValue<'_>) -> Result<Option<Timestamp>, Problem> {
        let single = |tag: &str| match value.all(tag).as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(Problem::malformed(format!("dns-persist-01: the record of {owner} has {tag:?} twice"))),
        };
        let refusal =
            |why: &str| Problem::unauthorized(format!("dns-persist-01: the record of {owner} {why}"));
        let uri = single("accounturi")?.ok_or_else(|| {
            Problem::malformed(format!("dns-persist-01: the record of {owner} has no \"accounturi\""))
        })?;
        if !self.account_uris.iter().any(|right| right == uri) {
            return Err(refusal("is for another account"));
        }
        let policy = single("policy")?;
        if self.wildcard && !policy.is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard")) {
            return Err(refusal("is not for wildcards"));
        }
        let Some(until) = single("persistUntil")? else {
            return Ok(None);
        };
        let seconds = until.parse().map_err(|_| {
            Problem::malformed(format!("dns-persist-01: {until:?} of {owner} is not a number of seconds"))
        })?;
        let until = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        if until < self.now {
            return Err(refusal("has expired"));
        }
        Ok(Some(until))
    }
}

/// The `accounturi` of revision 02 for a domain, or for `*`, which stands for all.
pub(crate) fn hashed_uri(prefix: &str, domain: &str, thumbprint: &str, account_url: &str) -> String {
    let mut input = vec![u8::try_from(domain.len()).unwrap_or(u8::MAX)];
    for part in [domain, thumbprint, account_url] {
        input.extend(part.as_bytes());
    }
    format!("{prefix}sha-256/{}", encoding::base64url(digest(&SHA256, &input).as_ref()))
}

/// The label before `_acme-challenge` of dns-account-01 (draft-ietf-acme-dns-account-label).
pub(crate) fn account_label(account_url: &str) -> String {
    let digest = digest(&SHA256, account_url.as_bytes());
    let first = digest.as_ref().get(..LABEL_OCTETS).unwrap_or_default();
    let bits = first.iter().fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let digits = (0..LABEL_OCTETS * 8 / 5).rev().map(|place| {
        let digit = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
        BASE32.get(digit).copied().map_or('a', char::from)
    });
    digits.collect()
}

const LABEL_OCTETS: usize = 10;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::{account_label, hashed_uri};

    #[test]
    fn labels_are_those_of_the_draft() {
        for (url, label) in [
            ("https://example.com/acme/acct/ExampleAccount", "ujmmovf2vn55tgye"),
            ("https://acme-v02.api.letsencrypt.org/acme/acct/12345678", "gkszh5fdsf6rdodf"),
            ("http://localhost:4000/acme/acct/1", "vkbgbqfhr6yv2asd"),
        ] {
            assert_eq!(account_label(url), label);
        }
    }

    #[test]
    fn hashes_are_those_that_three_clients_compute() {
        const RSA: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        const EC: &str = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";
        for (thumbprint, domain, hash) in [
            (RSA, "example.com", "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"),
            (RSA, "*", "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"),
            (EC, "example.com", "Mi3_qFAbBd0puIyqoGgHuL_idQmpG-rmcpX1wIoF7jo"),
        ] {
            let uri = hashed_uri(
                "https://ca.example/account-hash/",
                domain,
                thumbprint,
                "https://ca.example/acct/123",
            );
            assert_eq!(uri, format!("https://ca.example/account-hash/sha-256/{hash}"));
        }
    }
}
