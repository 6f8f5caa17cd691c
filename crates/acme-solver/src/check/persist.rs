//! The record of dns-persist-01, which is to stay, and may lapse.

use acme_proto::ChallengeType;
use jiff::Timestamp;

use super::caa::parse;
use super::{Examination, Fault, Findings};
use crate::resolver::{RecordData, RecordKind};

/// Looks at the records that name the CA: whether there are some, where one is to prove control, and
/// until when they hold.
///
/// <https://datatracker.ietf.org/doc/draft-ietf-acme-dns-persist/>
pub(super) fn examine(
    examination: &Examination,
    name: &str,
    method: &ChallengeType,
    findings: &mut Findings,
) {
    let owner = format!("_validation-persist.{name}");
    let Ok(records) = examination.resolver.look_up(&owner, RecordKind::Txt) else { return };
    let is_wildcard = findings.identifier.is_wildcard();
    let own: Vec<Record> = records
        .data
        .iter()
        .filter_map(|data| Record::read(data, examination))
        .filter(|record| record.covers_wildcards || !is_wildcard)
        .collect();
    let is_method = *method == ChallengeType::DnsPersist01;
    if own.is_empty() && is_method && !examination.issuer.identities.is_empty() {
        let what = if is_wildcard { " and has policy=wildcard" } else { "" };
        let seen = format!("no TXT record at {owner} names the CA{what}");
        return findings.add(
            Fault::PersistAbsent,
            seen,
            "add the record that acmectl dns-persist record prints",
        );
    }
    let Some(now) = examination.now else { return };
    // A record without an end holds for ever; of others the last one counts.
    let Some(Some(until)) =
        own.iter().map(|record| record.until).max_by_key(|until| until.unwrap_or(i64::MAX))
    else {
        return;
    };
    let left = until - now.as_second();
    let fault = match left {
        ..=0 if is_method => Fault::PersistLapsed,
        1..SOON => Fault::PersistLapsing,
        _ => return,
    };
    let moment = Timestamp::from_second(until).map_or_else(|_| until.to_string(), |until| until.to_string());
    let seen = format!("the record at {owner} has persistUntil={until}, which is {moment}");
    findings.add(fault, seen, "replace the record by one with a later persistUntil, or without one");
}

/// A record that names the CA.
struct Record {
    /// Seconds since 1970.
    until: Option<i64>,
    covers_wildcards: bool,
}

impl Record {
    fn read(data: &RecordData, examination: &Examination) -> Option<Self> {
        let RecordData::Text(text) = data else { return None };
        let (issuer, parameters) = parse(text)?;
        let issuer = issuer.trim_end_matches('.');
        if !examination.issuer.identities.iter().any(|own| own.eq_ignore_ascii_case(issuer)) {
            return None;
        }
        let value = |tag: &str| {
            let same = parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(tag));
            same.map(|(_, value)| *value)
        };
        let until = value("persistUntil").map(|text| text.parse().unwrap_or(0));
        Some(Self { until, covers_wildcards: value("policy") == Some("wildcard") })
    }
}

/// Seconds before the end in which it is worth a word: thirty days.
const SOON: i64 = 30 * 86_400;
