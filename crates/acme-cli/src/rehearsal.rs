//! Putting a response in place and looking at it as a CA would, without a CA.

use std::net::{IpAddr, SocketAddr};
use std::thread;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver};
use acme_solver::check::{self, Fault, Finding};
use acme_solver::{RecordKind, Resolver};
use acme_store::{ChallengeMethod, Settings};

use crate::challenge::{self, ChallengeError, HTTP_PORT, TLS_PORT};
use crate::context::Context;
use crate::error::Error;
use crate::examination;

/// What looks at each address of some names found, through the ports 80 and 443; nothing for names of
/// which control is proved by DNS.
pub(crate) fn rehearse(
    context: &Context,
    settings: &Settings,
    resolver: &Resolver,
    names: &[Identifier],
) -> Result<Vec<Vec<Finding>>, Error> {
    let mut stages: Vec<Stage<'_>> = Vec::new();
    for name in names.iter().filter(|name| !name.is_wildcard()) {
        let method = examination::method(settings, name);
        match stages.iter_mut().find(|stage| stage.method == method) {
            Some(stage) => stage.names.push(name),
            None => stages.push(Stage { method, names: vec![name] }),
        }
    }
    let mut found: Vec<Finding> = Vec::new();
    for stage in stages {
        found.extend(stage.play(context, resolver)?);
    }
    let of_name = |name: &Identifier| {
        found.iter().filter(|finding| finding.identifier.as_ref() == Some(name)).cloned().collect()
    };
    Ok(names.iter().map(of_name).collect())
}

/// A way to prove control, and the names that it is for.
struct Stage<'a> {
    method: &'a ChallengeMethod,
    names: Vec<&'a Identifier>,
}

impl Stage<'_> {
    fn play(&self, context: &Context, resolver: &Resolver) -> Result<Vec<Finding>, Error> {
        match challenge::prepare_unchecked(self.method) {
            Ok(mut solver) => self.present_and_look(context, resolver, &mut *solver),
            Err(ChallengeError::Method) => Ok(Vec::new()),
            Err(error) => {
                let of_name = |name: &&Identifier| {
                    let found = error.finding(name);
                    let addresses = addresses(resolver, name);
                    found.into_iter().chain(of_machine(context, name, &addresses)).collect::<Vec<_>>()
                };
                Ok(self.names.iter().flat_map(of_name).collect())
            }
        }
    }

    fn present_and_look(
        &self,
        context: &Context,
        resolver: &Resolver,
        solver: &mut dyn Solver,
    ) -> Result<Vec<Finding>, Error> {
        let mut dice = context.dice()?;
        let mut challenge = |name: &Identifier| {
            let token: String = (0..TOKEN_LENGTH).map(|_| dice.alphanumeric()).collect();
            let kind = examination::challenge_type(self.method);
            Challenge::rehearsal(name, kind, &token, acme_keys::sha256)
        };
        let challenges: Vec<Challenge> = self.names.iter().filter_map(|name| challenge(name)).collect();
        let presented = solver.present(&challenges);
        let outcomes = presented.into_iter().map(|outcome| outcome.map_err(|e| challenge::with_causes(&e)));
        let looks: Vec<_> = challenges.iter().cloned().zip(outcomes).collect();
        let (at, resolver) = (context.clone(), resolver.clone());
        let look = move |looks: &[Presented]| look_at_some(&at, &resolver, looks);
        let findings =
            context.signals.unless_ended(move || looks.chunks(MAX_AT_ONCE).flat_map(look).collect());
        for (challenge, outcome) in challenges.iter().zip(solver.withdraw(&challenges)) {
            if let Err(error) = outcome {
                let name = &challenge.identifier;
                context
                    .output
                    .warn(format_args!("{name}: what was put in place for the test stays there: {error}"));
            }
        }
        findings
    }
}

/// A challenge, and why its response is not in place.
type Presented = (Challenge, Result<(), String>);

fn look_at_some(context: &Context, resolver: &Resolver, looks: &[Presented]) -> Vec<Finding> {
    thread::scope(|scope| {
        let look = |(challenge, outcome): &Presented| match outcome {
            Ok(()) => look_at(context, resolver, challenge),
            Err(error) => vec![Finding::new(
                Some(&challenge.identifier),
                Fault::Webroot,
                error,
                "run as a user who may write there",
            )],
        };
        let threads: Vec<_> = looks.iter().map(|presented| scope.spawn(move || look(presented))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    })
}

/// Looks by each address of the name: a CA may take either.
fn look_at(context: &Context, resolver: &Resolver, challenge: &Challenge) -> Vec<Finding> {
    let name = &challenge.identifier;
    let is_tls = challenge.kind == ChallengeType::TlsAlpn01;
    let reach = if is_tls { context.settings.tls_reach } else { context.settings.http_reach };
    let addresses = addresses(resolver, name);
    let targets = match reach {
        Some(reach) => vec![reach],
        None => addresses
            .iter()
            .map(|ip| SocketAddr::new(*ip, if is_tls { TLS_PORT } else { HTTP_PORT }))
            .collect(),
    };
    let look = |target: &SocketAddr| {
        let check = challenge::self_check(&context.settings).resolve(name, target.ip());
        check.check(std::slice::from_ref(challenge))
    };
    let looks: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = targets.iter().map(|target| scope.spawn(move || look(target))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    let mut findings = check::explain(&looks);
    if findings.iter().any(|finding| finding.fault != Fault::Proxied) {
        findings.extend(of_machine(context, name, &addresses));
    }
    findings
}

/// What this machine has to do with the addresses of a name to which no response came.
fn of_machine(context: &Context, name: &Identifier, addresses: &[IpAddr]) -> Vec<Finding> {
    // Where the ports are said to lead somewhere else, the addresses say nothing.
    if context.settings.http_reach.or(context.settings.tls_reach).is_some() {
        return Vec::new();
    }
    check::compare_addresses(name, addresses, check::own_address_towards)
}

/// The first few addresses of each family.
fn addresses(resolver: &Resolver, name: &Identifier) -> Vec<IpAddr> {
    if let Identifier::Ip(address) = name {
        return vec![*address];
    }
    let few = |kind| -> Vec<IpAddr> {
        let records = resolver.look_up(&name.to_string(), kind);
        records.map(|records| records.addresses().take(MAX_ADDRESSES).collect()).unwrap_or_default()
    };
    [RecordKind::Aaaa, RecordKind::A].into_iter().flat_map(few).collect()
}

const TOKEN_LENGTH: usize = 32;
/// Names that are looked at at a time.
const MAX_AT_ONCE: usize = 16;
/// Addresses of a family that are looked at.
const MAX_ADDRESSES: usize = 4;
