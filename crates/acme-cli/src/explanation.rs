//! What is seen from here of names that a CA refused, beside the CA's own reason.

use acme_proto::{ChallengeType, Identifier, ProblemKind, Refusal};
use acme_solver::check::{Fault, Finding};
use acme_solver::{RecordKind, ResolveError, Resolver};
use acme_store::{Settings, Timestamp};

use crate::ca::{self, Kind};
use crate::context::Context;
use crate::examination;
use crate::moment;
use crate::rehearsal;

/// Looks at the names that were refused, as a CA would; nothing for the test CA, which takes every
/// name for this machine, and where no resolver answers.
pub(crate) fn look(context: &Context, settings: &Settings, refusal: &Refusal) -> Vec<Finding> {
    if ca::kind(&settings.ca) == Kind::Dev {
        return Vec::new();
    }
    let resolver = &context.settings.resolver;
    let mut refused = refused(settings, refusal);
    refused.retain(|(name, _)| is_answered(resolver, name));
    refused.truncate(MAX_NAMES);
    let examination = examination::prepare(context, settings, None, resolver.clone());
    let mut found = examination.examine_all(&refused);
    let by_port: Vec<Identifier> = refused
        .iter()
        .filter(|(_, kind)| [ChallengeType::Http01, ChallengeType::TlsAlpn01].contains(kind))
        .map(|(name, _)| name.clone())
        .collect();
    // What can't be put in place once more has no more to tell.
    let looks = rehearsal::rehearse(context, settings, resolver, &by_port).unwrap_or_default();
    found.extend(looks);
    for (name, kind) in refused.iter().filter(|(_, kind)| kind.as_str().starts_with("dns-")) {
        let is_absence = has_found_nothing(refusal);
        found.extend((kind == &ChallengeType::Dns01 && is_absence).then(|| absence(context, name)));
    }
    let mut found: Vec<Finding> = found.into_iter().flatten().collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.fault.severity()));
    found.truncate(MAX_FINDINGS);
    found
}

/// The names that a refusal is about, with what was to prove control of them.
fn refused(settings: &Settings, refusal: &Refusal) -> Vec<(Identifier, ChallengeType)> {
    let mut refused: Vec<(Identifier, ChallengeType)> = Vec::new();
    let mut add = |name: &Identifier, challenge: Option<&ChallengeType>| {
        let preferred = || examination::challenge_type(examination::method(settings, name));
        let challenge = challenge.cloned().unwrap_or_else(preferred);
        if settings.names.iter().any(|own| own.base() == name.base())
            && !refused.iter().any(|(known, _)| known == name)
        {
            refused.push((name.clone(), challenge));
        }
    };
    for refusal in std::iter::once(refusal).chain(&refusal.others) {
        let of_problem = refusal.problem.subproblems.iter().filter_map(|one| one.identifier.as_ref());
        for name in refusal.identifier.iter().chain(&refusal.problem.identifier).chain(of_problem) {
            add(name, refusal.challenge.as_ref());
        }
    }
    // A CA need not say which name its records are of.
    if refused.is_empty() && [ProblemKind::Caa, ProblemKind::Dns].contains(&refusal.problem.kind) {
        settings.names.iter().for_each(|name| {
            refused.push((name.clone(), examination::challenge_type(examination::method(settings, name))));
        });
    }
    refused
}

fn is_answered(resolver: &Resolver, name: &Identifier) -> bool {
    let looked_up = resolver.look_up(&name.base().to_string(), RecordKind::A);
    !matches!(looked_up, Err(ResolveError::Silent { .. } | ResolveError::NoResolver))
}

/// Tells whether the CA may have found that there is no record.
fn has_found_nothing(refusal: &Refusal) -> bool {
    let kinds = [ProblemKind::Dns, ProblemKind::IncorrectResponse, ProblemKind::Unauthorized];
    std::iter::once(refusal).chain(&refusal.others).any(|refusal| kinds.contains(&refusal.problem.kind))
}

/// How long the CA's resolver may remember that there was no record.
fn absence(context: &Context, name: &Identifier) -> Vec<Finding> {
    kept_absence(&context.settings.resolver, name, context.now(), context.now()).into_iter().collect()
}

/// Says until when resolvers may remember that there was no record for a challenge at a time, where
/// that is long.
pub(crate) fn kept_absence(
    resolver: &Resolver,
    name: &Identifier,
    asked: Timestamp,
    now: Timestamp,
) -> Option<Finding> {
    let zone = resolver.zone(&format!("_acme-challenge.{}", name.base())).ok()?;
    let kept = zone.absent_for.filter(|kept| kept.as_secs() > SHORT)?;
    let seconds = i64::try_from(kept.as_secs()).ok()?;
    let until = Timestamp::from_second(asked.as_second().checked_add(seconds)?).ok()?;
    if until <= now {
        return None;
    }
    let seen = format!(
        "the SOA record of {} lets resolvers remember for {} that there is no record",
        zone.name,
        moment::span(kept.as_secs())
    );
    let until = moment::for_people(until, now);
    let remedy = format!("if all servers show the record, try again after {until}; a smaller minimum helps");
    Some(Finding::new(Some(name), Fault::AbsenceKept, seen, remedy))
}

/// Names that are looked at: one screen is what somebody reads.
const MAX_NAMES: usize = 3;
/// Findings that are shown.
const MAX_FINDINGS: usize = 6;
/// Seconds that make no difference: public CAs keep an answer for as long at most.
const SHORT: u64 = 60;
