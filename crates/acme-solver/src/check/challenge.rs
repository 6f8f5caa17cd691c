//! The name at which a DNS challenge is answered.

use super::{Examination, Fault, Findings};
use crate::resolver::{RecordKind, ResolveError};

pub(super) fn examine(examination: &Examination, name: &str, findings: &mut Findings) {
    let wanted = format!("_acme-challenge.{name}");
    match examination.resolver.look_up(&wanted, RecordKind::Txt) {
        Ok(records) if records.canonical != wanted && !records.exists => {
            alias(examination, &wanted, &records.canonical, findings)
        }
        Ok(_) => {}
        Err(error) => {
            let remedy = match matches!(error, ResolveError::Aliases(_)) {
                true => "let the CNAME end at a name in a zone that you can write to",
                false => "see that the servers of the zone answer for names below it",
            };
            findings.add(Fault::ChallengeLookup, error.to_string(), remedy);
        }
    }
    let Ok(zone) = examination.resolver.zone(&wanted) else { return };
    let doubled = format!("{wanted}.{}", zone.name);
    if examination.resolver.look_up(&doubled, RecordKind::Txt).is_ok_and(|records| !records.data.is_empty()) {
        let seen = format!("there is a TXT record at {doubled}");
        let remedy =
            format!("write the record for {wanted}; most forms add the name of the zone by themselves");
        findings.add(Fault::ChallengeDoubled, seen, remedy);
    }
}

/// A CNAME into a zone where the record can be put is what delegation is; into no zone it is not.
fn alias(examination: &Examination, wanted: &str, target: &str, findings: &mut Findings) {
    let is_registered =
        |domain| examination.resolver.look_up(domain, RecordKind::Ns).is_ok_and(|records| records.exists);
    if psl::domain_str(target).is_some_and(is_registered) {
        return;
    }
    let seen = format!("{wanted} is a CNAME for {target}, whose domain does not exist");
    findings.add(Fault::ChallengeAlias, seen, "let it point into a zone that you can write to, or remove it");
}
