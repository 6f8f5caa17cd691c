//! Putting a response in place and looking at it as a CA would, without a CA.

use std::net::{IpAddr, SocketAddr};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver};
use acme_solver::check::{Finding, explain};
use acme_solver::{RecordData, RecordKind, Resolver, SelfCheck};

use crate::context::Context;
use crate::error::Error;

/// What a look at each address of some names through port 80 found.
pub(crate) fn rehearse(
    context: &Context,
    solver: &mut dyn Solver,
    resolver: &Resolver,
    names: &[&Identifier],
) -> Result<Vec<Vec<Finding>>, Error> {
    let mut dice = context.dice()?;
    let mut challenge = |name: &Identifier| {
        let token: String = (0..TOKEN_LENGTH).map(|_| dice.alphanumeric()).collect();
        Challenge::rehearsal(name, ChallengeType::Http01, &token, acme_keys::sha256)
    };
    let challenges: Vec<Challenge> = names.iter().filter_map(|name| challenge(name)).collect();
    let presented = solver.present(&challenges);
    let look = |(challenge, outcome): (&Challenge, &Result<(), _>)| match outcome {
        Ok(()) => look_at(context, resolver, challenge),
        Err(error) => {
            context.output.warn(format_args!("{}: {error}", challenge.identifier));
            Vec::new()
        }
    };
    let findings = challenges.iter().zip(&presented).map(look).collect();
    for (challenge, outcome) in challenges.iter().zip(solver.withdraw(&challenges)) {
        if let Err(error) = outcome {
            let name = &challenge.identifier;
            context
                .output
                .warn(format_args!("{name}: what was put in place for the test stays there: {error}"));
        }
    }
    Ok(findings)
}

/// Looks by each address of the name: a CA may take either.
fn look_at(context: &Context, resolver: &Resolver, challenge: &Challenge) -> Vec<Finding> {
    let reach = context.settings.http_reach;
    let addresses = match (&challenge.identifier, reach) {
        (_, Some(reach)) => vec![reach],
        (Identifier::Ip(address), None) => vec![SocketAddr::new(*address, HTTP_PORT)],
        (name, None) => addresses(resolver, name),
    };
    let look = |address: SocketAddr| {
        let check = SelfCheck::new(address.port()).resolve(&challenge.identifier, address.ip());
        check.check(std::slice::from_ref(challenge))
    };
    explain(&addresses.into_iter().flat_map(look).collect::<Vec<_>>())
}

/// The first address of each family.
fn addresses(resolver: &Resolver, name: &Identifier) -> Vec<SocketAddr> {
    let first = |kind| -> Option<IpAddr> {
        let records = resolver.look_up(&name.to_string(), kind).ok()?;
        records.data.into_iter().find_map(|data| {
            let RecordData::Address(address) = data else { return None };
            Some(address)
        })
    };
    let addresses = [RecordKind::Aaaa, RecordKind::A].into_iter().filter_map(first);
    addresses.map(|address| SocketAddr::new(address, HTTP_PORT)).collect()
}

const HTTP_PORT: u16 = 80;
const TOKEN_LENGTH: usize = 32;
