//! Whether a name exists, and whether a CA can get at its addresses.

use std::net::IpAddr;
use std::thread;

use acme_proto::ChallengeType;

use super::names::registered_domain;
use super::{Examination, Fault, Findings, is_dns, remedy};
use crate::resolver::{RecordKind, Records, ResolveError};

/// Looks at the name itself; `false` where there is no use in looking further.
pub(super) fn examine(
    examination: &Examination,
    name: &str,
    method: &ChallengeType,
    findings: &mut Findings,
) -> bool {
    let look_up = |kind| (kind, examination.resolver.look_up(name, kind));
    let looked_up = thread::scope(|scope| {
        let v6 = scope.spawn(|| look_up(RecordKind::Aaaa));
        [Some(look_up(RecordKind::A)), v6.join().ok()]
    });
    let mut addresses = Vec::new();
    let mut exists = None;
    for (kind, outcome) in looked_up.into_iter().flatten() {
        match outcome {
            Ok(records) => {
                addresses.extend(records.addresses());
                exists = Some(records);
            }
            Err(error) => failed(examination, name, kind, &error, findings),
        }
    }
    let Some(records) = exists else { return false };
    let domain = registered_domain(name).unwrap_or(name);
    if !records.exists && !absent(examination, name, domain, &records, is_dns(method), findings) {
        return false;
    }
    if !is_dns(method) {
        reachable(examination, name, &records, &addresses, findings);
    }
    true
}

/// The question itself failed.
fn failed(
    examination: &Examination,
    name: &str,
    kind: RecordKind,
    error: &ResolveError,
    findings: &mut Findings,
) {
    let (fault, seen) = examination.failed(
        name,
        kind,
        error,
        match error {
            ResolveError::Aliases(_) => Fault::AliasLoop,
            ResolveError::Code { .. }
            | ResolveError::Silent { .. }
            | ResolveError::NoResolver
            | ResolveError::Name(_)
            | ResolveError::NoZone(_) => Fault::ResolverFailure,
        },
    );
    // Both families fail alike.
    if findings.has(fault) {
        return;
    }
    let otherwise = match fault == Fault::AliasLoop {
        true => "let one of the CNAMEs end at a name with an address",
        false => "see that the servers of the zone are up and answer for it",
    };
    findings.add(fault, seen, remedy(fault, otherwise));
}

/// The name does not exist; `false` where nothing below it or above it matters any more.
fn absent(
    examination: &Examination,
    name: &str,
    domain: &str,
    records: &Records,
    is_dns: bool,
    findings: &mut Findings,
) -> bool {
    let has_domain = examination.is_private
        || examination.resolver.look_up(domain, RecordKind::Ns).is_ok_and(|records| records.exists);
    if !has_domain {
        let seen = format!("{domain} does not exist");
        findings.add(Fault::NoDomain, seen, "check the spelling; register the domain, or renew it");
        return false;
    }
    if records.canonical != name {
        let seen = format!("{name} is a CNAME for {}, which does not exist", records.canonical);
        findings.add(Fault::DanglingAlias, seen, "let the CNAME point to a name that exists, or remove it");
        return false;
    }
    // A DNS challenge is for the zone's owner: the name itself need not be there.
    if !is_dns {
        let seen = match name == domain {
            true => format!("{name} does not exist"),
            false => format!("{name} does not exist, while {domain} does"),
        };
        findings.add(
            Fault::NoName,
            seen,
            format!("add an A or AAAA record for {name}, or check the spelling"),
        );
    }
    is_dns
}

fn reachable(
    examination: &Examination,
    name: &str,
    records: &Records,
    addresses: &[IpAddr],
    findings: &mut Findings,
) {
    if addresses.is_empty() {
        let seen = format!("{} exists, and has neither an A nor an AAAA record", records.canonical);
        findings.add(Fault::NoAddress, seen, format!("add an A or AAAA record for {name}"));
    }
    let is_out_of_reach = |address: &&IpAddr| !examination.is_private && !is_global(**address);
    for address in addresses.iter().filter(is_out_of_reach) {
        let seen = format!("{name} has the address {address}, which is reserved");
        let remedy =
            "give the name the address by which the world reaches it; inside a network, prove control by DNS";
        findings.add(Fault::ReservedAddress, seen, remedy);
    }
}

/// Tells whether an address may be reached from everywhere (RFC 6890).
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_protocol = (a, b, c) == (192, 0, 0) || (a == 198 && (18..20).contains(&b)) || a >= 240;
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_multicast()
                || a == 0
                || is_shared
                || is_protocol)
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            let is_global_unicast = (0x2000..0x4000).contains(&a);
            is_global_unicast && (a, b) != (0x2001, 0xdb8) && (a, b & 0xfe00) != (0x2001, 0)
        }
    }
}
