//! What each server of the zone says.

use acme_proto::ChallengeType;

use super::{Examination, Fault, Findings, is_dns};
use crate::resolver::{Answer, RecordKind, Testimony, Zone};

/// Asks every server; for a DNS challenge what it says of the record's place, else of the addresses.
pub(super) fn examine(
    examination: &Examination,
    name: &str,
    method: &ChallengeType,
    findings: &mut Findings,
) {
    let name = if is_dns(method) { format!("_acme-challenge.{name}") } else { name.to_string() };
    let Ok(zone) = examination.resolver.zone(&name) else { return };
    let place = zone.canonical.as_str();
    let mut questions = vec![(zone.name.as_str(), RecordKind::Soa)];
    match is_dns(method) {
        true => questions.push((place, RecordKind::Txt)),
        false => questions.extend([(place, RecordKind::A), (place, RecordKind::Aaaa)]),
    }
    let testimonies = examination.resolver.ask_each_for(&zone, &questions);
    for server in zone.servers.iter().filter(|server| server.addresses.is_empty()) {
        let seen = format!("{} is named for {} and has no address", server.name, zone.name);
        let remedy =
            format!("give it an A or AAAA record, or take it out of the NS records of {}", zone.name);
        findings.add(Fault::ServerAddress, seen, remedy);
    }
    let is_silent = |testimony: &Testimony| testimony.answers.iter().all(Answer::is_silent);
    if !testimonies.is_empty() && testimonies.iter().all(is_silent) {
        let seen = format!("none of the servers of {} answers, while the resolver has answers", zone.name);
        let remedy = "let questions to port 53 of any address out of this network, by UDP and TCP";
        return findings.add(Fault::ServersUnreached, seen, remedy);
    }
    for testimony in &testimonies {
        of_server(&zone, testimony, findings);
    }
    disagreement(&zone, &questions, &testimonies, findings);
}

/// What is wrong with one server.
fn of_server(zone: &Zone, testimony: &Testimony, findings: &mut Findings) {
    let Some(answer) = testimony.answers.iter().find(|answer| !answer.is_given()) else { return };
    let seen = said(testimony, answer);
    let remedy = format!("repair that server, or take it out of the NS records of {}", zone.name);
    match answer {
        Answer::Silent(_) => findings.add(Fault::ServerDead, seen, remedy),
        Answer::Values(_) | Answer::NoSuchName | Answer::Refused(_) => {
            let remedy =
                format!("let that server serve {0}, or take it out of the NS records of {0}", zone.name);
            findings.add(Fault::ServerLame, seen, remedy);
        }
    }
}

/// Different addresses from one version of a zone are no fault: servers take turns with them.
fn disagreement(
    zone: &Zone,
    questions: &[(&str, RecordKind)],
    testimonies: &[Testimony],
    findings: &mut Findings,
) {
    let given: Vec<_> = testimonies.iter().filter(|one| one.answers.iter().all(Answer::is_given)).collect();
    let Some((one, others)) = given.split_first() else { return };
    for other in others {
        let pairs = one.answers.iter().zip(&other.answers).skip(1);
        let is_same_version = one.answers.first() == other.answers.first();
        let differs = |((own, others), (_, kind)): &((&Answer, &Answer), &(&str, RecordKind))| {
            let is_turn =
                *kind != RecordKind::Txt && is_same_version && own.has_values() == others.has_values();
            sorted(own) != sorted(others) && !is_turn
        };
        let differing = pairs.zip(questions.iter().skip(1)).find(differs);
        if let Some(((own, others), (place, _))) = differing {
            let seen = format!("at {place}, {}, while {}", said(one, own), said(other, others));
            let remedy = format!("see that all servers of {} have the same version of the zone", zone.name);
            return findings.add(Fault::ServersDisagree, seen, remedy);
        }
    }
}

fn said(testimony: &Testimony, answer: &Answer) -> String {
    format!("{} ({}) {answer}", testimony.server, testimony.address.ip())
}

/// The answer, whatever order its values came in.
fn sorted(answer: &Answer) -> Answer {
    match answer.clone() {
        Answer::Values(mut values) => {
            values.sort();
            Answer::Values(values)
        }
        answer @ (Answer::NoSuchName | Answer::Refused(_) | Answer::Silent(_)) => answer,
    }
}
