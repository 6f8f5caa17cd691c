//! What is wrong with how a name is set up, found before a CA finds it.
//!
//! An [`Examination`] asks the DNS as a CA would and gives [`Finding`]s: what was seen, why a CA
//! will refuse, and what to do. It changes nothing. What looks at ports saw is explained by
//! [`explain`], what this machine has to do with a name's addresses by [`compare_addresses`].

mod addresses;
mod authority;
mod caa;
mod challenge;
mod fault;
mod machine;
mod names;
mod persist;
mod ports;

use std::thread;

use acme_proto::{ChallengeType, Identifier};
use jiff::Timestamp;

use crate::resolver::{RecordKind, ResolveError, Resolver};

pub use fault::{Fault, Severity};
pub use machine::{compare_addresses, own_address_towards};
pub use names::registered_domain;
pub use ports::explain;

/// Looks at names as a CA will.
#[derive(Clone, Debug)]
pub struct Examination {
    resolver: Resolver,
    issuer: Issuer,
    is_private: bool,
    is_quick: bool,
    now: Option<Timestamp>,
}

/// Who is to issue, as CAA records name it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Issuer {
    /// The domains that mean the CA in CAA records; with none, CAA records can't be judged.
    pub identities: Vec<String>,
    /// The URL of the account, where there is one.
    pub account_url: Option<String>,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name that it is about; none where it is about this machine.
    pub identifier: Option<Identifier>,
    /// What is wrong.
    pub fault: Fault,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// A finding of somebody who has looked elsewhere.
    pub fn new(
        identifier: Option<&Identifier>,
        fault: Fault,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { identifier: identifier.cloned(), fault, seen: seen.into(), remedy: remedy.into() }
    }
}

impl Examination {
    /// Most names that are looked at at a time.
    pub const MAX_THREADS: usize = 16;

    /// Prepares to look at names for a CA.
    #[must_use]
    pub fn new(resolver: Resolver, issuer: Issuer) -> Self {
        Self { resolver, issuer, is_private: false, is_quick: false, now: None }
    }

    /// Looks for a CA that certifies any name and address, public or not.
    #[must_use]
    pub fn for_private_names(self) -> Self {
        Self { is_private: true, ..self }
    }

    /// Says what time it is, so that what is about to end is found.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Looks at the name, its addresses and its CAA records only. No resolver is made to remember that
    /// there is no record of a DNS challenge, so that one can be put there right after.
    #[must_use]
    pub fn quick(self) -> Self {
        Self { is_quick: true, ..self }
    }

    /// Looks at several names, each to be proved by a type of challenge, at the same time; the findings
    /// come in the same order.
    #[must_use]
    pub fn examine_all(&self, names: &[(Identifier, ChallengeType)]) -> Vec<Vec<Finding>> {
        let each = |(identifier, method): &(Identifier, ChallengeType)| self.examine(identifier, method);
        let share = names.len().div_ceil(Self::MAX_THREADS).max(1);
        thread::scope(|scope| {
            let spawn =
                |names| (names, scope.spawn(move || <[_]>::iter(names).map(each).collect::<Vec<_>>()));
            let threads: Vec<_> = names.chunks(share).map(spawn).collect();
            let join = |(names, thread): (&[_], thread::ScopedJoinHandle<'_, Vec<Vec<Finding>>>)| {
                thread.join().unwrap_or_else(|_| names.iter().map(|_| Vec::new()).collect())
            };
            threads.into_iter().flat_map(join).collect()
        })
    }

    /// Looks at a name that is to be proved by a type of challenge; the worst finding first, none
    /// where all is well.
    #[must_use]
    pub fn examine(&self, identifier: &Identifier, method: &ChallengeType) -> Vec<Finding> {
        let mut findings = Findings::new(identifier);
        let goes_on = names::examine(self, identifier, method, &mut findings);
        let Identifier::Dns(name) = identifier else { return findings.sorted() };
        let name = name.strip_prefix("*.").unwrap_or(name);
        if goes_on && addresses::examine(self, name, method, &mut findings) {
            self.examine_records(name, method, &mut findings);
        }
        findings.sorted()
    }

    /// Looks at everything else that the DNS says of a name, all at the same time.
    fn examine_records(&self, name: &str, method: &ChallengeType, findings: &mut Findings) {
        let identifier = findings.identifier.clone();
        let look = |look: &dyn Fn(&mut Findings)| {
            let mut findings = Findings::new(&identifier);
            look(&mut findings);
            findings
        };
        let more = thread::scope(|scope| {
            let caa = scope.spawn(|| look(&|findings| caa::examine(self, name, method, findings)));
            let is_watched = !self.is_quick;
            let challenge = (is_watched && is_dns(method))
                .then(|| scope.spawn(|| look(&|findings| challenge::examine(self, name, findings))));
            let authority = is_watched
                .then(|| scope.spawn(|| look(&|findings| authority::examine(self, name, method, findings))));
            let persist = is_watched
                .then(|| scope.spawn(|| look(&|findings| persist::examine(self, name, method, findings))));
            let threads = [Some(caa), challenge, authority, persist].into_iter().flatten();
            threads.filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
        });
        more.into_iter().flat_map(|more| more.found).for_each(|finding| findings.push(finding));
    }

    /// What to find of a look-up that failed, and whether it was DNSSEC that failed.
    fn failed(
        &self,
        name: &str,
        kind: RecordKind,
        error: &ResolveError,
        otherwise: Fault,
    ) -> (Fault, String) {
        match error {
            ResolveError::Silent { .. } | ResolveError::NoResolver => {
                (Fault::ResolverSilent, error.to_string())
            }
            ResolveError::Code { .. } if self.resolver.is_bogus(name, kind) => {
                let seen = format!("{error}, and an answer comes where DNSSEC is not validated");
                (Fault::DnssecBogus, seen)
            }
            ResolveError::Code { .. }
            | ResolveError::Aliases(_)
            | ResolveError::Name(_)
            | ResolveError::NoZone(_) => (otherwise, error.to_string()),
        }
    }
}

/// What to do about a look-up that failed.
fn remedy(fault: Fault, otherwise: &'static str) -> &'static str {
    if fault == Fault::DnssecBogus {
        return "sign the zone anew, or correct or remove the DS record at the registrar";
    }
    if fault == Fault::ResolverSilent {
        return "check this machine's network and /etc/resolv.conf, or name another --resolver";
    }
    otherwise
}

/// The findings about one name.
struct Findings {
    identifier: Identifier,
    found: Vec<Finding>,
}

impl Findings {
    fn new(identifier: &Identifier) -> Self {
        Self { identifier: identifier.clone(), found: Vec::new() }
    }

    fn add(&mut self, fault: Fault, seen: impl Into<String>, remedy: impl Into<String>) {
        self.push(Finding::new(Some(&self.identifier), fault, seen, remedy));
    }

    /// Adds a finding, unless it is there: several looks may meet with the same.
    fn push(&mut self, finding: Finding) {
        let is_of_network = finding.fault == Fault::ResolverSilent && self.has(Fault::ResolverSilent);
        if !is_of_network && !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.found.iter().any(|finding| finding.fault == fault)
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| std::cmp::Reverse(finding.fault.severity()));
        self.found
    }
}

fn is_dns(method: &ChallengeType) -> bool {
    method.as_str().starts_with("dns-")
}
