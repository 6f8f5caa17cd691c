//! The services that there is no provider of our own for, by the library dns-update.
//!
//! The library finds no zones, says what went wrong as text, and on some services reads and writes
//! back all values of a name. So zones are found by the resolver, secrets are struck out of its texts,
//! one record is written at a time, and what was written is read again.

mod clouds;
mod hosts;
mod provider;

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::Resolver;
use acme_solver::dns::{Action, Secret, unquoted};
use dns_update::{DnsRecord, DnsRecordType, DnsUpdater};
use tokio::runtime::{Builder, Runtime};

use clouds::CLOUDS;
use hosts::HOSTS;
pub(crate) use provider::Provider;
use provider::Values;

/// Every service, by name.
pub(crate) fn providers() -> Vec<&'static Provider> {
    let mut providers: Vec<_> = CLOUDS.iter().chain(HOSTS).collect();
    providers.sort_unstable_by_key(|provider| provider.name);
    providers
}

/// The service of a name, which may have the library's before it.
pub(crate) fn provider(name: &str) -> Option<&'static Provider> {
    let name = name.strip_prefix("dns-update:").unwrap_or(name);
    CLOUDS.iter().chain(HOSTS).find(|provider| provider.name == name)
}

/// Writes records through the library.
pub(crate) struct LongTail {
    title: &'static str,
    updater: DnsUpdater,
    ttl: u32,
    resolver: Resolver,
    secrets: Vec<Secret>,
    runtime: Runtime,
}

/// Why the library did not do what it should.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    title: &'static str,
    what: String,
    is_temporary: bool,
}

/// The values of some challenges at one name.
struct Group {
    zone: String,
    name: String,
    values: Vec<String>,
    /// The positions of their challenges.
    members: Vec<usize>,
}

impl LongTail {
    /// Sets the library up with the values of variables.
    pub(crate) fn new<'a>(
        provider: &'static Provider,
        values: &'a dyn Fn(&str) -> Option<&'a str>,
        resolver: Resolver,
    ) -> Result<Self, Failure> {
        let values = Values(values);
        let secrets = provider.variables.iter().filter(|variable| is_secret(variable.name));
        let secrets: Vec<Secret> =
            secrets.filter_map(|variable| (values.0)(variable.name).map(Secret::new)).collect();
        let failed = |error: dns_update::Error| Failure::new(provider.title, &secrets, &error);
        let ttl = provider.variables.last().map_or(Ok(None), |variable| values.number(variable.name));
        let ttl = ttl.map_err(failed)?.unwrap_or(provider.ttl);
        let updater = (provider.make)(&values).map_err(failed)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure {
            title: provider.title,
            what: error.to_string(),
            is_temporary: true,
        })?;
        Ok(Self { title: provider.title, updater, ttl, resolver, secrets, runtime })
    }

    fn act(&self, action: Action, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let mut results: Vec<Result<(), SolverError>> = Vec::with_capacity(challenges.len());
        let mut groups: Vec<Group> = Vec::new();
        for (position, challenge) in challenges.iter().enumerate() {
            results.push(self.place(challenge).map(|(zone, name)| {
                let value = challenge.dns_value();
                match groups.iter_mut().find(|group| group.name == name) {
                    Some(group) => {
                        if !group.values.contains(&value) {
                            group.values.push(value);
                        }
                        group.members.push(position);
                    }
                    None => groups.push(Group { zone, name, values: vec![value], members: vec![position] }),
                }
            }));
        }
        // Of two writers at a name, or on some services at a zone, one would undo what the other does.
        let turn = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
        for group in groups {
            let outcome = self.runtime.block_on(self.change(action, &group));
            for position in group.members {
                if let (Err(failure), Some(result)) = (&outcome, results.get_mut(position)) {
                    *result = Err(failure.clone().into());
                }
            }
        }
        drop(turn);
        results
    }

    /// The zone and the name at which a record has to be.
    fn place(&self, challenge: &Challenge) -> Result<(String, String), SolverError> {
        if !matches!(challenge.kind, ChallengeType::Dns01 | ChallengeType::DnsAccount01) {
            let what = format!("has no response for {}", challenge.kind);
            return Err(Failure { title: self.title, what, is_temporary: false }.into());
        }
        let zone = self.resolver.zone(&challenge.dns_name()).map_err(SolverError::temporary)?;
        Ok((zone.name, zone.canonical))
    }

    async fn change(&self, action: Action, group: &Group) -> Result<(), Failure> {
        for look in 0..MAX_LOOKS {
            let open = match self.bounded(self.list(group)).await {
                Err(dns_update::Error::Unsupported(_)) => return self.overwrite(action, group).await,
                held => left_to_do(action, &group.values, &held.map_err(|error| self.failure(&error))?),
            };
            if open.is_empty() {
                let name = group.name.as_str();
                tracing::debug!(name, zone = group.zone, action = ?action, "dns-01 record by dns-update");
                return Ok(());
            }
            // What was just written may show a little later.
            if look % 2 == 1 {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let records = open.into_iter().map(DnsRecord::TXT).collect();
            let (name, zone) = (group.name.as_str(), group.zone.as_str());
            let written = match action {
                Action::Add => {
                    let added = self.updater.add_to_rrset(name, DnsRecordType::TXT, self.ttl, records, zone);
                    self.bounded(added).await
                }
                Action::Remove => {
                    let removed = self.updater.remove_from_rrset(name, DnsRecordType::TXT, records, zone);
                    self.bounded(removed).await
                }
            };
            written.map_err(|error| self.failure(&error))?;
        }
        let what = format!("took the TXT records of {}, and does not show them", group.name);
        Err(Failure { title: self.title, what, is_temporary: true })
    }

    async fn list(&self, group: &Group) -> Result<Vec<String>, dns_update::Error> {
        let records = self.updater.list_rrset(group.name.as_str(), DnsRecordType::TXT, group.zone.as_str());
        let mut values = Vec::new();
        for record in records.await? {
            if let DnsRecord::TXT(text) = record {
                values.push(unquoted(&text));
            }
        }
        Ok(values)
    }

    /// Writes where nothing can be read: such a service keeps nothing but the last that it was given.
    async fn overwrite(&self, action: Action, group: &Group) -> Result<(), Failure> {
        let values = match action {
            Action::Add => group.values.iter().cloned().map(DnsRecord::TXT).collect(),
            Action::Remove => Vec::new(),
        };
        let (name, zone) = (group.name.as_str(), group.zone.as_str());
        let written = self.updater.set_rrset(name, DnsRecordType::TXT, self.ttl, values, zone);
        self.bounded(written).await.map_err(|error| self.failure(&error))
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, dns_update::Error>>,
    ) -> Result<T, dns_update::Error> {
        let late = || dns_update::Error::Client(format!("no end after {} s", LONGEST_CALL.as_secs()));
        tokio::time::timeout(LONGEST_CALL, work).await.unwrap_or_else(|_| Err(late()))
    }

    fn failure(&self, error: &dns_update::Error) -> Failure {
        Failure::new(self.title, &self.secrets, error)
    }
}

impl Solver for LongTail {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        match identifier {
            Identifier::Dns(_) => vec![ChallengeType::Dns01, ChallengeType::DnsAccount01],
            Identifier::Ip(_) | Identifier::Other { .. } | _ => Vec::new(),
        }
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.act(Action::Add, challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.act(Action::Remove, challenges)
    }
}

impl Failure {
    fn new(title: &'static str, secrets: &[Secret], error: &dns_update::Error) -> Self {
        let is_temporary = match error {
            dns_update::Error::Api(_)
            | dns_update::Error::Client(_)
            | dns_update::Error::Protocol(_)
            | dns_update::Error::Response(_)
            | dns_update::Error::Serialize(_) => true,
            dns_update::Error::BadRequest
            | dns_update::Error::InvalidRegion
            | dns_update::Error::NotFound
            | dns_update::Error::Parse(_)
            | dns_update::Error::Unauthorized
            | dns_update::Error::Unsupported(_)
            | _ => false,
        };
        let long = secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= SHORTEST_SECRET);
        let struck_out = long.fold(error.to_string(), |text, secret| {
            text.replace(secret, "***").replace(&percent_encoded(secret), "***")
        });
        let visible = struck_out.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { title, what: format!("failed: {}", visible.take(MAX_TEXT).collect::<String>()), is_temporary }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.title, self.what)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for SolverError {
    fn from(failure: Failure) -> Self {
        if failure.is_temporary { Self::temporary(failure) } else { Self::permanent(failure) }
    }
}

/// The values that have to be added still, or removed.
fn left_to_do(action: Action, values: &[String], held: &[String]) -> Vec<String> {
    let is_open = |value: &&String| match action {
        Action::Add => !held.contains(value),
        Action::Remove => held.contains(value),
    };
    values.iter().filter(is_open).cloned().collect()
}

/// Tells by a variable's name whether nobody may see its value.
fn is_secret(name: &str) -> bool {
    ["KEY", "PASS", "SECRET", "TOKEN"].iter().any(|word| name.contains(word))
}

/// A text as it is in addresses: the library has some secrets there.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// Whoever writes through the library.
static WRITERS: Mutex<()> = Mutex::new(());
/// How often records are looked at; every second time they are written if they are not right.
const MAX_LOOKS: u32 = 6;
/// The wait before records that do not show are looked at again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a call may take, with all that the library tries again.
const LONGEST_CALL: Duration = Duration::from_secs(120);
/// What is shorter could be any part of a text.
const SHORTEST_SECRET: usize = 4;
/// Most characters of the library's words that are kept.
const MAX_TEXT: usize = 300;

#[cfg(test)]
mod tests {
    use acme_solver::dns::{Need, service};

    use super::*;

    #[test]
    fn names_are_those_of_no_other_service() {
        let providers = providers();
        for (position, provider) in providers.iter().enumerate() {
            assert!(service(provider.name).is_none(), "{} is our own", provider.name);
            assert!(providers.iter().skip(position + 1).all(|other| other.name != provider.name));
            let ttl = provider.variables.last().map_or("", |variable| variable.name);
            assert!(ttl.ends_with("_TTL"), "{ttl}");
            assert!(provider.variables.iter().any(|variable| is_secret(variable.name)), "{}", provider.name);
            assert!(super::provider(&format!("dns-update:{}", provider.name)).is_some());
        }
    }

    #[test]
    fn credentials_that_are_needed_are_enough() {
        for provider in providers() {
            let is_needed = |name: &str| {
                let variable = provider.variables.iter().find(|variable| variable.name == name);
                variable.is_some_and(|variable| variable.need != Need::Optional)
            };
            let text = |name: &str| is_needed(name).then_some("eu-west-1");
            let made = LongTail::new(provider, &text, Resolver::new([]));
            // This one reads the private key at once.
            let reads_key = provider.name == "oraclecloud";
            assert_eq!(made.is_err(), reads_key, "{}", provider.name);
        }
    }

    #[test]
    fn secrets_are_struck_out_of_the_words_of_the_library() {
        let secrets = ["se+cr/et", "a"].map(Secret::new);
        let error = dns_update::Error::Api("https://a.example/?token=se%2Bcr%2Fet: se+cr/et\nno".to_owned());
        let failure = Failure::new("A", &secrets, &error);
        assert_eq!(failure.to_string(), "A failed: API error: https://a.example/?token=***: *** no");
        assert!(SolverError::from(failure).is_temporary());
        let failure = Failure::new("A", &[], &dns_update::Error::Unauthorized);
        assert_eq!(failure.to_string(), "A failed: Unauthorized");
        assert!(!SolverError::from(failure).is_temporary());
    }

    #[test]
    fn only_what_is_not_right_yet_is_written() {
        let [ours, theirs] = ["ours", "theirs"].map(str::to_owned);
        let values = [ours.clone(), "other".to_owned()];
        let held = [theirs, ours.clone()];
        assert_eq!(left_to_do(Action::Add, &values, &held), ["other"]);
        assert_eq!(left_to_do(Action::Remove, &values, &held), [ours]);
    }
}
