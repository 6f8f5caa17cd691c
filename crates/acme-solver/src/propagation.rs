//! Waiting until every server of a zone shows what was put there.

mod hearsay;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};

use crate::resolver::{Answer, ResolveError, Resolver, Testimony, Zone};
use crate::response::check_dns;

pub use hearsay::Hearsay;

/// A solver for DNS challenges that is done when the CA can see the records.
///
/// After the inner solver has put the records in place, every authoritative server of their zones is
/// asked until all of them that are alive show them: never a fixed wait. A server that gives no
/// answer is passed over once it was asked [`MIN_LOOKS`] times, as long as another one shows the
/// records. Where no server gives an answer, as in a network that lets nobody ask, the resolver is asked
/// instead, and how long it may remember an absence is minded. What was seen is handed to whoever asked for it with [`observe`](Self::observe).
pub struct Propagated<S> {
    solver: S,
    resolver: Resolver,
    longest_wait: Duration,
    pause: Box<dyn FnMut(Duration) + Send>,
    observer: Observer,
    is_over: Option<Box<dyn Fn() -> bool + Send>>,
    is_lenient: bool,
}

/// Who is told what was seen.
struct Observer(Box<dyn FnMut(&Sighting) + Send>);

/// What the servers of one zone showed at the last look.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sighting {
    /// The zone and its servers.
    pub zone: Zone,
    /// The records that were looked for: names where they really are, and values.
    pub records: Vec<(String, String)>,
    /// What each address of each server said, one answer for each record.
    pub testimonies: Vec<Testimony>,
    /// How many times the servers were asked.
    pub looks: u32,
    /// How long was waited in between.
    pub waited: Duration,
    /// How long was waited before an address showed all records.
    pub shown_after: BTreeMap<SocketAddr, Duration>,
    /// What the resolver says, where none of the servers gives an answer.
    pub hearsay: Option<Hearsay>,
}

/// How a server stands to the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It shows all of them.
    Shows,
    /// It answers, and lacks some.
    Lacks,
    /// It gives no answer.
    Dead,
}

/// Looks at a server that gives no answer, before it is passed over.
pub const MIN_LOOKS: u32 = 3;

impl<S> Propagated<S> {
    /// Looks at what `solver` puts in place.
    pub fn new(solver: S, resolver: Resolver) -> Self {
        Self {
            solver,
            resolver,
            longest_wait: LONGEST_WAIT,
            pause: Box::new(thread::sleep),
            observer: Observer(Box::new(|_| {})),
            is_over: None,
            is_lenient: false,
        }
    }

    /// How long to wait for all servers, in sum; two minutes without this call.
    #[must_use]
    pub fn longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait, ..self }
    }

    /// Lets time pass by this instead of by sleeping.
    #[must_use]
    pub fn pause_by(self, pause: impl FnMut(Duration) + Send + 'static) -> Self {
        Self { pause: Box::new(pause), ..self }
    }

    /// Hands over what was seen of each zone, when the wait for it ends.
    #[must_use]
    pub fn observe(self, observer: impl FnMut(&Sighting) + Send + 'static) -> Self {
        Self { observer: Observer(Box::new(observer)), ..self }
    }

    /// Ends the wait once this says so, which is asked some times in a second. The records are as good as
    /// not seen then; a server that was asked and has yet to answer is not waited for.
    #[must_use]
    pub fn end_when(self, is_over: impl Fn() -> bool + Send + 'static) -> Self {
        Self { is_over: Some(Box::new(is_over)), ..self }
    }

    /// Goes on without a look where no resolver answers, or where they know of no zone: a network may
    /// let nobody ask, and what nobody can see is for the CA to judge.
    #[must_use]
    pub fn go_on_unseen(self) -> Self {
        Self { is_lenient: true, ..self }
    }

    /// Waits for the records of some challenges; one outcome for each.
    fn wait(&mut self, challenges: &[&Challenge]) -> Vec<Result<(), SolverError>> {
        let names: Vec<_> = challenges.iter().map(|challenge| challenge.dns_name()).collect();
        let resolver = self.resolver.clone();
        let Some(places) = self.unless_over(move || resolver.zones(&names)) else {
            return challenges.iter().map(|_| Err(Ended.into())).collect();
        };
        let mut zones: BTreeMap<String, (Zone, Vec<(String, String)>)> = BTreeMap::new();
        for (challenge, place) in challenges.iter().zip(&places) {
            let Ok(zone) = place else { continue };
            let entry = zones.entry(zone.name.clone()).or_insert_with(|| (zone.clone(), Vec::new()));
            entry.1.push((zone.canonical.clone(), challenge.dns_value()));
        }
        let seen: BTreeMap<_, _> =
            zones.into_iter().map(|(name, (zone, records))| (name, self.watch(zone, records))).collect();
        places
            .into_iter()
            .map(|place| match place {
                Err(error) if self.is_lenient && is_unseen(&error) => {
                    tracing::warn!(%error, "whether the record can be seen is not known");
                    Ok(())
                }
                Err(error) => Err(SolverErrorSource::from(error).0),
                Ok(zone) if self.is_lenient && zone.servers.iter().all(|one| one.addresses.is_empty()) => {
                    tracing::warn!(zone = zone.name, "none of the zone's servers has an address");
                    Ok(())
                }
                Ok(zone) => match seen.get(&zone.name) {
                    Some(Some(sighting)) if self.is_lenient && sighting.is_blind() => {
                        tracing::warn!(zone = zone.name, "none of the zone's servers can be asked from here");
                        Ok(())
                    }
                    Some(Some(sighting)) => sighting.outcome(),
                    Some(None) => Err(Ended.into()),
                    None => Ok(()),
                },
            })
            .collect()
    }

    /// Asks the servers of a zone until they show the records, or for as long as it may take; `None` if
    /// the end was asked for.
    fn watch(&mut self, zone: Zone, records: Vec<(String, String)>) -> Option<Sighting> {
        let mut sighting = Sighting {
            zone,
            records,
            testimonies: Vec::new(),
            looks: 0,
            waited: Duration::ZERO,
            shown_after: BTreeMap::new(),
            hearsay: None,
        };
        let mut wait = FIRST_WAIT;
        loop {
            let (resolver, zone) = (self.resolver.clone(), sighting.zone.clone());
            let records = sighting.records.clone();
            sighting.note(self.unless_over(move || look(&resolver, &zone, &records))?);
            let left = self.longest_wait.saturating_sub(sighting.waited);
            let absent_for = sighting.hearsay.as_ref().and_then(|hearsay| hearsay.absent_for);
            // To ask again before the resolver forgets is in vain.
            let is_hopeless = sighting.testimonies.is_empty() || absent_for.is_some_and(|time| time > left);
            if sighting.is_complete() || is_hopeless || left.is_zero() {
                break;
            }
            let time = wait.max(absent_for.unwrap_or_default()).min(left);
            self.pass(time)?;
            sighting.waited += time;
            wait = (wait * 2).min(LAST_WAIT);
        }
        tracing::debug!(zone = sighting.zone.name, looks = sighting.looks, "asked the servers of a zone");
        (self.observer.0)(&sighting);
        Some(sighting)
    }

    /// Lets time pass; `None` as soon as the end is asked for.
    fn pass(&mut self, time: Duration) -> Option<()> {
        let Some(is_over) = &self.is_over else {
            (self.pause)(time);
            return Some(());
        };
        let mut left = time;
        while !left.is_zero() && !is_over() {
            let part = left.min(PART);
            (self.pause)(part);
            left -= part;
        }
        (!is_over()).then_some(())
    }

    /// Does something that takes a while; `None` as soon as the end is asked for.
    fn unless_over<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let Some(is_over) = &self.is_over else { return Some(work()) };
        let (told, outcome) = mpsc::channel();
        let span = tracing::Span::current();
        // Nobody may be there any more to be told.
        let work = move || drop(told.send(span.in_scope(work)));
        thread::Builder::new().name("acme-propagation".into()).spawn(work).ok()?;
        while !is_over() {
            match outcome.recv_timeout(PART) {
                Ok(outcome) => return Some(outcome),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

impl Sighting {
    fn note(&mut self, (testimonies, hearsay): (Vec<Testimony>, Option<Hearsay>)) {
        (self.testimonies, self.hearsay) = (testimonies, hearsay);
        self.looks += 1;
        let shows = self.standings().filter(|(_, _, standing)| *standing == Standing::Shows);
        let shown: Vec<_> = shows.map(|(_, address, _)| address).collect();
        for address in shown {
            self.shown_after.entry(address).or_insert(self.waited);
        }
    }

    /// Tells how each server that was asked stands to the records.
    pub fn standings(&self) -> impl Iterator<Item = (&str, SocketAddr, Standing)> {
        self.testimonies.iter().map(|testimony| {
            (testimony.server.as_str(), testimony.address, standing(&testimony.answers, &self.records))
        })
    }

    /// How much later than it was written an address showed the records; `None` for one that shows them
    /// since the first look, or not at all.
    #[must_use]
    pub fn lateness(&self, address: SocketAddr) -> Option<Duration> {
        self.shown_after.get(&address).copied().filter(|time| !time.is_zero())
    }

    /// Tells whether the CA will see the records, whichever server it asks.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        if let Some(hearsay) = &self.hearsay {
            return hearsay.is_complete;
        }
        let count = |wanted| self.standings().filter(|(_, _, standing)| *standing == wanted).count();
        let passes_over = count(Standing::Dead) == 0 || self.looks >= MIN_LOOKS;
        count(Standing::Shows) > 0 && count(Standing::Lacks) == 0 && passes_over
    }

    /// Whether nobody could be asked but a resolver that remembers what was before.
    fn is_blind(&self) -> bool {
        self.hearsay.as_ref().is_some_and(|hearsay| !hearsay.is_complete && hearsay.absent_for.is_some())
    }

    fn outcome(&self) -> Result<(), SolverError> {
        if self.is_complete() { Ok(()) } else { Err(SolverError::temporary(NotSeen(self.clone()))) }
    }
}

/// Asks the servers of a zone, or the resolver where none of them gives an answer.
fn look(resolver: &Resolver, zone: &Zone, records: &[(String, String)]) -> (Vec<Testimony>, Option<Hearsay>) {
    let names: Vec<_> = records.iter().map(|(name, _)| name.as_str()).collect();
    let testimonies = resolver.ask_each(zone, &names);
    let mut answers = testimonies.iter().flat_map(|testimony| &testimony.answers);
    let is_unreached = !testimonies.is_empty() && answers.all(Answer::is_silent);
    let hearsay = is_unreached.then(|| Hearsay::ask(resolver, records));
    (testimonies, hearsay)
}

fn standing(answers: &[Answer], records: &[(String, String)]) -> Standing {
    if answers.iter().zip(records).all(|(answer, (_, value))| answer.shows(value)) {
        return Standing::Shows;
    }
    match answers.iter().any(Answer::is_given) {
        true => Standing::Lacks,
        false => Standing::Dead,
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shows => "shows the records",
            Self::Lacks => "lacks some of the records",
            Self::Dead => "gives no answer",
        })
    }
}

impl<S: Solver> Solver for Propagated<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.solver.challenge_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let mut outcomes = self.solver.present(challenges);
        let waits = |challenge: &Challenge, outcome: &Result<(), SolverError>| {
            outcome.is_ok() && check_dns(challenge).is_ok()
        };
        let waiting: Vec<_> = challenges
            .iter()
            .zip(&outcomes)
            .filter(|(challenge, outcome)| waits(challenge, outcome))
            .map(|(challenge, _)| challenge)
            .collect();
        let mut seen = self.wait(&waiting).into_iter();
        for (challenge, outcome) in challenges.iter().zip(&mut outcomes) {
            if waits(challenge, outcome) {
                *outcome = seen.next().unwrap_or(Ok(()));
            }
        }
        outcomes
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.solver.withdraw(challenges)
    }
}

impl<S> fmt::Debug for Propagated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Propagated").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

/// Somebody wanted the wait to end.
#[derive(Debug, thiserror::Error)]
#[error("the wait for the servers of the zone was ended")]
struct Ended;

impl From<Ended> for SolverError {
    fn from(ended: Ended) -> Self {
        Self::temporary(ended)
    }
}

/// The servers of a zone that do not show the records, with what each says.
#[derive(Debug, thiserror::Error)]
#[error("not all servers of the zone {} show the records: {}", .0.zone.name, listed(.0))]
struct NotSeen(Sighting);

fn listed(sighting: &Sighting) -> String {
    if sighting.testimonies.is_empty() {
        return "none of its servers has an address".to_string();
    }
    let line = |testimony: &Testimony| {
        let answer = testimony
            .answers
            .iter()
            .zip(&sighting.records)
            .find(|(answer, (_, value))| !answer.shows(value))
            .map_or_else(|| "shows them".to_string(), |(answer, (name, _))| format!("{answer} at {name}"));
        format!("{} ({}) {answer}", testimony.server, testimony.address.ip())
    };
    let hearsay = sighting.hearsay.iter().map(ToString::to_string);
    sighting.testimonies.iter().map(line).chain(hearsay).collect::<Vec<_>>().join("; ")
}

/// A look-up that failed, as a solver says it.
struct SolverErrorSource(SolverError);

impl From<ResolveError> for SolverErrorSource {
    fn from(error: ResolveError) -> Self {
        Self(match &error {
            ResolveError::Silent { .. } | ResolveError::Code { .. } => SolverError::temporary(error),
            ResolveError::NoResolver
            | ResolveError::Name(_)
            | ResolveError::Aliases(_)
            | ResolveError::NoZone(_) => SolverError::permanent(error),
        })
    }
}

/// Whether nothing could be seen, rather than something that is wrong.
fn is_unseen(error: &ResolveError) -> bool {
    match error {
        ResolveError::NoResolver | ResolveError::NoZone(_) | ResolveError::Silent { .. } => true,
        ResolveError::Aliases(_) | ResolveError::Code { .. } | ResolveError::Name(_) => false,
    }
}

/// How long somebody who asks for the end may wait for it.
const PART: Duration = Duration::from_millis(100);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(120);
