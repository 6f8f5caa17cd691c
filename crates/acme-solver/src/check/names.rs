//! Whether a CA certifies such a name, and proves it this way. Nothing is asked of anybody.

use std::net::IpAddr;

use acme_proto::{ChallengeType, Identifier};

use super::addresses::is_global;
use super::{Examination, Fault, Findings, is_dns};

/// Looks at the name as it is written; `false` where there is no use in looking further.
pub(super) fn examine(
    examination: &Examination,
    identifier: &Identifier,
    method: &ChallengeType,
    findings: &mut Findings,
) -> bool {
    match identifier {
        Identifier::Dns(name) => {
            let base = name.strip_prefix("*.").unwrap_or(name);
            if base.ends_with(".onion") {
                of_onion(base, method, findings);
                return false;
            }
            if identifier.is_wildcard() && !is_dns(method) {
                findings.add(
                    Fault::Method,
                    format!("{identifier} is a wildcard, and {method} is to prove control of it"),
                    "prove control by DNS: a wildcard can't be proved otherwise",
                );
            }
            examination.is_private || is_public(identifier, base, findings)
        }
        Identifier::Ip(address) => {
            of_address(examination, *address, method, findings);
            false
        }
        Identifier::Other { .. } | _ => false,
    }
}

/// The part of a name that somebody registered: a label below a public suffix. None for a suffix, and
/// for what is below none.
#[must_use]
pub fn registered_domain(name: &str) -> Option<&str> {
    let suffix = psl::suffix(name.as_bytes())?;
    match psl::domain_str(name) {
        Some(domain) => suffix.is_known().then_some(domain),
        // Whoever lets others register names below their own has that one registered.
        None => (suffix.typ() == Some(psl::Type::Private)).then_some(name),
    }
}

fn is_public(identifier: &Identifier, name: &str, findings: &mut Findings) -> bool {
    if registered_domain(name).is_some() {
        return true;
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_suffix = psl::suffix(name.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes());
    let seen = if RESERVED.contains(&last) {
        format!("{name} ends in {last}, which is reserved and nobody's")
    } else if is_suffix && identifier.is_wildcard() {
        format!("{identifier} would cover all that others register below {name}")
    } else if is_suffix {
        format!("{name} is itself a public suffix")
    } else {
        format!("{name} is not below a public suffix")
    };
    findings.add(Fault::NotPublic, seen, "use a name below a domain that you registered");
    false
}

/// The names of onion services are not in the DNS, and are not to be asked for there (RFC 7686).
fn of_onion(name: &str, method: &ChallengeType, findings: &mut Findings) {
    let labels: Vec<&str> = name.rsplit('.').collect();
    let is_base32 = |label: &&str| {
        label.len() == ONION_V3 && label.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'2'..=b'7'))
    };
    if !labels.get(1).is_some_and(is_base32) {
        let seen = format!("{name} has no label of {ONION_V3} letters and digits before .onion");
        findings.add(Fault::NotPublic, seen, "use the address of an onion service of version 3");
    } else if is_dns(method) {
        let seen = format!("{name} is an onion service, and {method} is to prove control of it");
        findings.add(Fault::Method, seen, "prove control otherwise: onion services are not in the DNS");
    } else {
        let seen = format!("{name} is an onion service");
        findings.add(Fault::Onion, seen, "use a CA that certifies onion services");
    }
}

fn of_address(examination: &Examination, address: IpAddr, method: &ChallengeType, findings: &mut Findings) {
    if is_dns(method) {
        let seen = format!("{address} is an address, and {method} is to prove control of it");
        findings.add(Fault::Method, seen, "prove control by http-01 or tls-alpn-01");
    }
    if !examination.is_private && !is_global(address) {
        let seen = format!("{address} is reserved, and many have it");
        findings.add(Fault::ReservedAddress, seen, "use an address of yours that the world can reach");
    }
}

/// Top-level domains that are nobody's (RFC 2606, RFC 6761, RFC 6762, RFC 8375, RFC 9476 and ICANN's
/// `internal`).
const RESERVED: [&str; 11] =
    ["alt", "arpa", "corp", "example", "home", "internal", "invalid", "lan", "local", "localhost", "test"];
/// Characters of an onion service's address of version 3 (RFC 9799, section 2).
const ONION_V3: usize = 56;
