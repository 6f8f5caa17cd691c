//! What each server of the zone says.

use acme_proto::ChallengeType;

use super::{Examination, Fault, Findings, is_dns};
use crate::resolver::{Answer, Testimony};

/// Asks every server; for a DNS challenge what it says of the record's place, else of the zone.
pub(super) fn examine(
    examination: &Examination,
    name: &str,
    method: &ChallengeType,
    findings: &mut Findings,
) {
    let name = if is_dns(method) { format!("_acme-challenge.{name}") } else { name.to_string() };
    let Ok(zone) = examination.resolver.zone(&name) else { return };
    let testimonies = examination.resolver.ask_each(&zone, &[&zone.canonical]);
    let lost = zone.servers.iter().filter(|server| server.addresses.is_empty());
    let nameless = lost.map(|server| format!("{} has no address", server.name));
    let dead = testimonies.iter().filter(|testimony| !first(testimony).is_some_and(Answer::is_given));
    let silent = dead.map(said);
    for seen in nameless.chain(silent).collect::<Vec<_>>() {
        let remedy = format!("repair that server, or take it out of the NS records of {}", zone.name);
        findings.add(Fault::ServerDead, seen, remedy);
    }
    let given: Vec<_> =
        testimonies.iter().filter(|testimony| first(testimony).is_some_and(Answer::is_given)).collect();
    let Some((one, others)) = given.split_first() else { return };
    if let Some(other) = others.iter().find(|other| sorted(other) != sorted(one)) {
        let seen = format!("{}, while {}", said(one), said(other));
        let remedy = format!("see that all servers of {} have the same version of the zone", zone.name);
        findings.add(Fault::ServersDisagree, seen, remedy);
    }
}

fn first(testimony: &Testimony) -> Option<&Answer> {
    testimony.answers.first()
}

fn said(testimony: &Testimony) -> String {
    let answer = first(testimony).map(ToString::to_string).unwrap_or_default();
    format!("{} ({}) {answer}", testimony.server, testimony.address.ip())
}

/// The answer, whatever order its values came in.
fn sorted(testimony: &Testimony) -> Option<Answer> {
    match first(testimony)?.clone() {
        Answer::Values(mut values) => {
            values.sort();
            Some(Answer::Values(values))
        }
        answer @ (Answer::NoSuchName | Answer::Refused(_) | Answer::Silent(_)) => Some(answer),
    }
}
