//! The name at which a DNS challenge is answered.

use super::names::registered_domain;
use super::{Examination, Fault, Findings, remedy};
use crate::resolver::{RecordKind, ResolveError};

pub(super) fn examine(examination: &Examination, name: &str, findings: &mut Findings) {
    let wanted = format!("_acme-challenge.{name}");
    match examination.resolver.look_up(&wanted, RecordKind::Txt) {
        Ok(records) if records.canonical != wanted => {
            alias(examination, &wanted, &records.canonical, records.exists, findings)
        }
        Ok(_) => {}
        Err(error) => {
            let (fault, seen) = examination.failed(&wanted, RecordKind::Txt, &error, Fault::ChallengeLookup);
            let otherwise = match error {
                ResolveError::Aliases(_) => "let the CNAME end at a name in a zone that you can write to",
                ResolveError::Code { .. }
                | ResolveError::Name(_)
                | ResolveError::NoResolver
                | ResolveError::NoZone(_)
                | ResolveError::Silent { .. } => "see that the servers of the zone answer for names below it",
            };
            findings.add(fault, seen, remedy(fault, otherwise));
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
fn alias(examination: &Examination, wanted: &str, target: &str, exists: bool, findings: &mut Findings) {
    let is_registered =
        |domain| examination.resolver.look_up(domain, RecordKind::Ns).is_ok_and(|records| records.exists);
    let domain = registered_domain(target);
    if !exists && !domain.is_some_and(is_registered) {
        let seen = format!("{wanted} is a CNAME for {target}, whose domain does not exist");
        let remedy = "let it point into a zone that you can write to, or remove it";
        return findings.add(Fault::ChallengeAlias, seen, remedy);
    }
    if domain != registered_domain(wanted) {
        let seen = format!("{wanted} is a CNAME for {target}, in the zone of another domain");
        let remedy =
            "write the record there: the credentials have to be for that zone; else remove the CNAME";
        findings.add(Fault::ChallengeForeign, seen, remedy);
    }
}
