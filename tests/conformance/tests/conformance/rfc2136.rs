//! dns-01 by dynamic updates (RFC 2136) of zones that BIND, Knot and PowerDNS serve.

#[path = "rfc2136/faults.rs"]
mod faults;
#[path = "rfc2136/killed.rs"]
mod killed;
#[path = "rfc2136/three_servers.rs"]
mod three_servers;
#[path = "rfc2136/writers.rs"]
mod writers;

use std::net::{Ipv4Addr, SocketAddr};

use acme_conformance::primary::{KEY, NameServer, Program, SECRET, Setup, free_port};
use acme_keys::{TsigAlgorithm, TsigKey};
use acme_proto::{Challenge, Solver, SolverError};
use acme_solver::dns::DnsUpdate;

const ZONE: &str = "example.test";
const RECORDS: &str = "@ NS ns1\nns1 A 127.0.0.1\n_acme-challenge 300 TXT \"of somebody else\"\n\
     alias CNAME elsewhere\n_acme-challenge.alias CNAME written.here\nsub NS ns.sub\nns.sub A 127.0.0.9";

/// Runs a test against each server, as tests of their own.
macro_rules! each_server {
    ($($test:ident),*) => {
        mod bind {
            $(#[test] fn $test() { super::$test(acme_conformance::primary::Program::Bind); })*
        }
        mod knot {
            $(#[test] fn $test() { super::$test(acme_conformance::primary::Program::Knot); })*
        }
        mod power_dns {
            $(#[test] fn $test() { super::$test(acme_conformance::primary::Program::PowerDns); })*
        }
    };
}
pub(crate) use each_server;

fn start(program: Program) -> NameServer {
    let address = (Ipv4Addr::LOCALHOST, free_port(1).unwrap()).into();
    NameServer::primary(program, &Setup { zone: ZONE, records: RECORDS, address, notify: None }).unwrap()
}

fn unsigned(address: SocketAddr) -> DnsUpdate {
    DnsUpdate::new(&address.to_string()).unwrap()
}

fn solver(address: SocketAddr) -> DnsUpdate {
    let key = TsigKey::from_base64(TsigAlgorithm::HmacSha256, SECRET).unwrap();
    unsigned(address).with_key(KEY, key).unwrap()
}

/// A challenge whose value is different for each number.
fn challenge(name: &str, number: usize) -> Challenge {
    let digest: Vec<u8> = number.to_be_bytes().into_iter().cycle().take(32).collect();
    serde_json::from_value(serde_json::json!({
        "identifier": {"type": "dns", "value": name},
        "wildcard": false,
        "kind": "dns-01",
        "url": "https://ca.example/challenge/1",
        "token": "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0",
        "key_authorization": "",
        "digest": digest,
    }))
    .unwrap()
}

fn present(solver: &mut DnsUpdate, challenges: &[Challenge]) {
    all_good(&solver.present(challenges));
}

fn withdraw(solver: &mut DnsUpdate, challenges: &[Challenge]) {
    all_good(&solver.withdraw(challenges));
}

fn all_good(results: &[Result<(), SolverError>]) {
    for result in results {
        assert!(result.is_ok(), "{result:?}");
    }
}
