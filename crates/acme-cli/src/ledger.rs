//! The limits of CAs, as far as what is kept here says how much of them is used.
//!
//! A CA counts more than this program knows of: other machines with the same account, other accounts.

use acme_proto::{Identifier, ProblemKind};
use acme_solver::check::{Fault, Finding, registered_domain};
use acme_store::{Attempt, CertificateRecord, Outcome, Settings, Store, Timestamp};

use crate::ca;
use crate::error::Error;
use crate::moment;

/// What a CA lets through: so many at once, and one more each time that a share of the window has gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) capacity: u32,
    /// The time in which an empty bucket fills up, in seconds.
    pub(crate) window: u32,
}

/// What a CA limits, as it has published it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Certificates for a registered domain; those that renew one do not count.
    pub(crate) domain: Bucket,
    /// Certificates for exactly the same names.
    pub(crate) same_names: Bucket,
    /// Validations of a name that failed, of an account.
    pub(crate) failures: Bucket,
}

/// What there is to say about the limits that a certificate for a name meets.
pub(crate) fn look(
    store: &Store,
    settings: &Settings,
    name: &Identifier,
    now: Timestamp,
) -> Result<Vec<Finding>, Error> {
    let Some(limits) = ca::known(&settings.ca).and_then(|known| known.limits) else { return Ok(Vec::new()) };
    let mut records = store.certificates()?.records;
    records.retain(|record| record.settings.ca.directory_url == settings.ca.directory_url);
    let mut with_attempts = Vec::with_capacity(records.len());
    for record in records {
        let attempts = store.attempts(&record.name)?;
        with_attempts.push((record, attempts));
    }
    let failures = times(&with_attempts, |_, attempt| has_failed(attempt, name));
    let same = times(&with_attempts, |record, attempt| {
        attempt.outcome == Outcome::Succeeded && is_same(&record.settings.names, &settings.names)
    });
    let domain = domain_of(name);
    let of_domain = domain.as_deref().map(|domain| first_ones(&with_attempts, domain)).unwrap_or_default();
    let on_domain = domain.map(|domain| format!("certificates for names below {domain}")).unwrap_or_default();
    let used = [
        Use { bucket: limits.failures, times: failures, of: format!("failed validations of {name}") },
        Use { bucket: limits.same_names, times: same, of: "certificates for exactly these names".to_owned() },
        Use { bucket: limits.domain, times: of_domain, of: on_domain },
    ];
    Ok(used.iter().filter_map(|used| used.finding(name, now)).collect())
}

/// When the CA last found no DNS record for a name, if it did.
pub(crate) fn last_absence(store: &Store, name: &Identifier) -> Result<Option<Timestamp>, Error> {
    let kinds = [ProblemKind::Dns, ProblemKind::IncorrectResponse, ProblemKind::Unauthorized];
    let is_absence = |attempt: &Attempt| {
        let is_of_kind = attempt.problem.as_ref().is_some_and(|problem| kinds.contains(&problem.kind));
        // The headline names the challenge.
        let by_dns = attempt.errors.first().is_some_and(|error| error.starts_with("dns-01"));
        has_failed(attempt, name) && is_of_kind && by_dns
    };
    let mut last = None;
    for record in store.certificates()?.records {
        let attempts = store.attempts(&record.name)?;
        last =
            last.max(attempts.iter().filter(|attempt| is_absence(attempt)).map(|attempt| attempt.at).max());
    }
    Ok(last)
}

/// When something happened that counts, within a bucket.
struct Use {
    bucket: Bucket,
    times: Vec<Timestamp>,
    of: String,
}

impl Use {
    fn finding(&self, name: &Identifier, now: Timestamp) -> Option<Finding> {
        let left = self.bucket.left(&self.times, now);
        let Bucket { capacity, window } = self.bucket;
        let is_near = left < f64::from(capacity) / NEAR;
        if !is_near {
            return None;
        }
        let window = moment::span(window.into());
        let count = self.times.iter().filter(|at| self.bucket.is_within(**at, now)).count();
        let seen = format!("{count} {} in the last {window}, of {capacity}, as counted here", self.of);
        if left >= 1.0 {
            let remedy = "leave the rest for what matters; for tests there are --dry-run and staging CAs";
            return Some(Finding::new(Some(name), Fault::LimitNear, seen, remedy));
        }
        let room = moment::for_people(self.bucket.room_at(left, now), now);
        let remedy =
            format!("wait: there is room again at {room}; for tests there are --dry-run and staging CAs");
        Some(Finding::new(Some(name), Fault::LimitReached, seen, remedy))
    }
}

impl Bucket {
    /// How many more there may be now.
    fn left(self, times: &[Timestamp], now: Timestamp) -> f64 {
        let capacity = f64::from(self.capacity);
        let mut times: Vec<Timestamp> = times.iter().copied().filter(|at| self.is_within(*at, now)).collect();
        times.sort_unstable();
        let mut left = capacity;
        let mut last = None;
        for at in times.into_iter().map(Some).chain([None]) {
            let time = at.unwrap_or(now);
            let gone = last.map_or(0.0, |last| seconds_between(last, time));
            left = (left + gone / self.refill()).min(capacity);
            if at.is_some() {
                left = (left - 1.0).max(0.0);
            }
            last = Some(time);
        }
        left
    }

    fn room_at(self, left: f64, now: Timestamp) -> Timestamp {
        let seconds = ((1.0 - left).max(0.0) * self.refill()).ceil();
        Timestamp::from_second(now.as_second().saturating_add(seconds as i64)).unwrap_or(now)
    }

    /// Seconds until there is room for one more.
    fn refill(self) -> f64 {
        f64::from(self.window) / f64::from(self.capacity.max(1))
    }

    fn is_within(self, at: Timestamp, now: Timestamp) -> bool {
        (0.0..f64::from(self.window)).contains(&seconds_between(at, now))
    }
}

fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    (later.as_second() - earlier.as_second()) as f64
}

fn times(
    records: &[(CertificateRecord, Vec<Attempt>)],
    counts: impl Fn(&CertificateRecord, &Attempt) -> bool,
) -> Vec<Timestamp> {
    let of_record = |(record, attempts): &(CertificateRecord, Vec<Attempt>)| {
        let counting = attempts.iter().filter(|attempt| counts(record, attempt));
        counting.map(|attempt| attempt.at).collect::<Vec<_>>()
    };
    records.iter().flat_map(of_record).collect()
}

/// When the first certificate of each line was obtained: those after it renew it.
fn first_ones(records: &[(CertificateRecord, Vec<Attempt>)], domain: &str) -> Vec<Timestamp> {
    let is_of_domain = |name: &Identifier| domain_of(name).as_deref() == Some(domain);
    let lines = records.iter().filter(|(record, _)| record.settings.names.iter().any(is_of_domain));
    let is_kept = |attempts: &[Attempt]| attempts.len() < Store::MAX_ATTEMPTS as usize;
    lines
        .filter(|(_, attempts)| is_kept(attempts))
        .filter_map(|(_, attempts)| {
            let mut succeeded = attempts.iter().filter(|attempt| attempt.outcome == Outcome::Succeeded);
            // The newest comes first.
            succeeded.next_back().map(|attempt| attempt.at)
        })
        .collect()
}

fn has_failed(attempt: &Attempt, name: &Identifier) -> bool {
    attempt.outcome != Outcome::Succeeded
        && attempt.problem.is_some()
        && attempt.identifier.as_ref().is_some_and(|failed| failed.base() == name.base())
}

fn is_same(one: &[Identifier], other: &[Identifier]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn domain_of(name: &Identifier) -> Option<String> {
    let Identifier::Dns(_) = name else { return None };
    registered_domain(&name.base().to_string()).map(str::to_owned)
}

/// The last part of a limit about which something is said.
const NEAR: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Bucket = Bucket { capacity: 5, window: 3600 };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    #[test]
    fn bucket_is_emptied_and_fills_again() {
        let times: Vec<_> = (0..5).map(|_| at(0)).collect();
        assert_eq!(HOUR.left(&[], at(0)), 5.0);
        assert_eq!(HOUR.left(&times, at(0)), 0.0);
        assert_eq!(HOUR.left(&times, at(6)), 0.5);
        assert_eq!(HOUR.left(&times, at(12)), 1.0);
        assert_eq!(HOUR.left(&times, at(60)), 5.0);
        assert_eq!(HOUR.room_at(0.5, at(6)), at(12));
        // What is in the future, by a clock that was wrong, counts for nothing.
        assert_eq!(HOUR.left(&[at(10)], at(0)), 5.0);
    }

    #[test]
    fn what_is_said_depends_on_what_is_left() {
        let name: Identifier = "www.site.org".parse().unwrap();
        let said = |count: usize| {
            let times = (0..count).map(|_| at(0)).collect();
            Use { bucket: HOUR, times, of: "failed validations".to_owned() }.finding(&name, at(0))
        };
        assert_eq!(said(0), None);
        assert_eq!(said(3), None);
        assert_eq!(said(4).unwrap().fault, Fault::LimitNear);
        let reached = said(5).unwrap();
        assert_eq!(reached.fault, Fault::LimitReached);
        assert_eq!(reached.seen, "5 failed validations in the last 60 minutes, of 5, as counted here");
        assert!(reached.remedy.contains("2027-01-15 08:12 UTC (in 12 minutes)"), "{}", reached.remedy);
    }
}
