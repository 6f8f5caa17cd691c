//! dns-persist-01: records that somebody has put in place to stay are looked at, and nothing is written.

use std::fmt;
use std::net::SocketAddr;

use acme_proto::{
    Challenge, ChallengeType, Identifier, PersistFault, PersistFindings, PersistPolicy, PersistRecord,
    Solver, SolverError,
};
use jiff::Timestamp;

use crate::resolver::{Answer, ResolveError, Resolver};
use crate::response::ResponseError;

/// What each authoritative server says of the standing record of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistSight {
    /// The name that was looked at.
    pub name: String,
    /// The zone that holds it, at the end of its CNAMEs.
    pub zone: String,
    /// What each address of each server says.
    pub servers: Vec<PersistWitness>,
}

/// What one address of one server says of a standing record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistWitness {
    /// The server's name.
    pub server: String,
    /// The address that was asked.
    pub address: SocketAddr,
    /// What its records come to; `Err` has what it says in place of an answer.
    pub findings: Result<PersistFindings, Answer>,
}

impl PersistSight {
    /// Looks at the records of a domain, without `*.`, at each server that is authoritative for them.
    ///
    /// # Errors
    /// When the zone can't be found.
    pub fn look(
        resolver: &Resolver,
        domain: &str,
        policy: &PersistPolicy,
        now: Timestamp,
    ) -> Result<Self, ResolveError> {
        let name = format!("{}.{domain}", PersistRecord::LABEL);
        let zone = resolver.zone(&name)?;
        let testimonies = resolver.ask_each(&zone, &[&zone.canonical]);
        let witness = |testimony: crate::resolver::Testimony| PersistWitness {
            findings: match testimony.answers.into_iter().next() {
                Some(Answer::Values(values)) => Ok(policy.examine(&values, now)),
                Some(Answer::NoSuchName) => Ok(PersistFindings::default()),
                Some(answer @ (Answer::Refused(_) | Answer::Silent(_))) => Err(answer),
                None => Err(Answer::Silent("no answer".to_owned())),
            },
            server: testimony.server,
            address: testimony.address,
        };
        Ok(Self { name, zone: zone.name, servers: testimonies.into_iter().map(witness).collect() })
    }

    /// Until when every server that answers permits; the inner `None` is for ever. `None` where one does
    /// not permit, or none answers.
    #[must_use]
    pub fn permitted(&self) -> Option<Option<Timestamp>> {
        let mut answered =
            self.servers.iter().filter_map(|witness| witness.findings.as_ref().ok()).peekable();
        answered.peek()?;
        let untils: Option<Vec<_>> = answered.map(|findings| findings.permitted).collect();
        Some(untils?.into_iter().flatten().min())
    }
}

impl PersistWitness {
    /// Until when the server's records permit, if they do; the inner `None` is for ever.
    #[must_use]
    pub fn permitted(&self) -> Option<Option<Timestamp>> {
        self.findings.as_ref().ok().and_then(|findings| findings.permitted)
    }
}

impl fmt::Display for PersistWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) ", self.server, self.address.ip())?;
        let findings = match &self.findings {
            Ok(findings) => findings,
            Err(answer) => return answer.fmt(f),
        };
        match findings.permitted {
            Some(Some(until)) => write!(f, "permits until {until}")?,
            Some(None) => f.write_str("permits")?,
            None if findings.faults.is_empty() && findings.others.is_empty() => {
                f.write_str("has no such record")?;
            }
            None if findings.faults.is_empty() => f.write_str("has records of other CAs only")?,
            None => f.write_str("does not permit")?,
        }
        let texts: Vec<String> = findings.faults.iter().map(told).collect();
        if texts.is_empty() { Ok(()) } else { write!(f, ": {}", texts.join("; ")) }
    }
}

fn told((value, fault): &(String, PersistFault)) -> String {
    format!("'{value}' {fault}")
}

/// A solver for dns-persist-01 that writes nothing: the records are to be there already.
///
/// All authoritative servers are asked before the CA is told. Where a record is not there or does not
/// permit, the error's [`get_ref`](SolverError::get_ref) is [`NotStanding`], with all records to add.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist>
pub struct Persisted {
    resolver: Option<Resolver>,
    observer: Observer,
}

/// Who is told what was seen.
type Observer = Box<dyn FnMut(&PersistSight) + Send>;

/// Records of dns-persist-01 that are not there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the record {} does not permit: {seen}", records.first().map(PersistRecord::name).unwrap_or_default())]
#[non_exhaustive]
pub struct NotStanding {
    /// The records to add, of all names of an order. The first is that of the name that failed.
    pub records: Vec<PersistRecord>,
    /// What was seen of the first one.
    pub seen: String,
}

impl Persisted {
    /// Looks at the records with this resolver.
    #[must_use]
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver: Some(resolver), observer: Box::new(|_| {}) }
    }

    /// Looks at nothing: what can't be seen from here is for the CA to judge.
    #[must_use]
    pub fn unseen() -> Self {
        Self { resolver: None, observer: Box::new(|_| {}) }
    }

    /// Hands over what was seen of each record.
    #[must_use]
    pub fn observe(self, observer: impl FnMut(&PersistSight) + Send + 'static) -> Self {
        Self { observer: Box::new(observer), ..self }
    }

    /// What is wrong with the record of a challenge, if something is.
    fn fault(&mut self, challenge: &Challenge) -> Result<Option<String>, ResponseError> {
        let (record, policy) = challenge
            .persist_record()
            .zip(challenge.persist_policy())
            .ok_or_else(|| ResponseError::Kind(challenge.kind.clone()))?;
        let Some(resolver) = &self.resolver else { return Ok(None) };
        let sight = match PersistSight::look(resolver, &record.domain, policy, Timestamp::now()) {
            Ok(sight) => sight,
            // Nobody answers, or a network of its own has no such zone: that is no fault of the record.
            Err(
                error @ (ResolveError::NoResolver | ResolveError::NoZone(_) | ResolveError::Silent { .. }),
            ) => {
                tracing::warn!(%error, "whether the record stands is not known");
                return Ok(None);
            }
            Err(error) => return Ok(Some(error.to_string())),
        };
        (self.observer)(&sight);
        if sight.permitted().is_some() {
            return Ok(None);
        }
        let servers: Vec<String> = sight.servers.iter().map(ToString::to_string).collect();
        Ok(Some(if servers.is_empty() {
            "none of its servers has an address".to_owned()
        } else {
            servers.join("; ")
        }))
    }
}

impl Solver for Persisted {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        let has_records = matches!(identifier, Identifier::Dns(_));
        if has_records { vec![ChallengeType::DnsPersist01] } else { Vec::new() }
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let faults: Vec<_> = challenges.iter().map(|challenge| self.fault(challenge)).collect();
        let is_missing = |fault: &Result<Option<String>, ResponseError>| matches!(fault, Ok(Some(_)));
        let missing = challenges.iter().zip(&faults).filter(|(_, fault)| is_missing(fault));
        let missing: Vec<PersistRecord> =
            missing.filter_map(|(challenge, _)| challenge.persist_record().cloned()).collect();
        let result = |(challenge, fault): (&Challenge, Result<Option<String>, ResponseError>)| {
            let Some(seen) = fault? else { return Ok(()) };
            let own = challenge.persist_record().cloned();
            Err(SolverError::permanent(NotStanding { records: own_first(own, &missing), seen }))
        };
        challenges.iter().zip(faults).map(result).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}

impl fmt::Debug for Persisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persisted").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

/// The records, one for each domain: that of a wildcard serves the domain, too.
fn own_first(own: Option<PersistRecord>, missing: &[PersistRecord]) -> Vec<PersistRecord> {
    let mut records: Vec<PersistRecord> = Vec::new();
    for record in own.iter().chain(missing) {
        match records.iter_mut().find(|known| known.domain == record.domain) {
            Some(known) => known.wildcard |= record.wildcard,
            None => records.push(record.clone()),
        }
    }
    records
}
