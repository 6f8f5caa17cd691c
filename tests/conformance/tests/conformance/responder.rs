//! `--dns builtin`, to which a real name server delegates, as a CA finds it through that server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use acme_conformance::command::acmectl;
use acme_conformance::namespace;
use acme_conformance::pebble::{self, Settings};
use acme_conformance::primary::{NameServer, Setup};
use acme_lib::CertificateInfo;
use tempfile::TempDir;

/// Delegations lead to port 53, and to no other.
const NAMED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
const RESPONDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const NAMES: [&str; 2] = ["example.test", "*.example.test"];

#[test]
fn ca_finds_it_through_the_delegation_of_bind() {
    // Building it is not what the time limit is for.
    drop(acmectl());
    namespace::run("responder::ca_finds_it_through_the_delegation_of_bind", &[], || {
        // What is to be pasted into the zone is pasted there.
        let printed = expect(acmectl().args(["dns", "builtin"]).args(NAMES));
        assert!(printed.contains(" IN NS ") && printed.contains(" IN A ADDRESS\n"), "{printed}");
        let delegation = printed.replace("ADDRESS", &RESPONDER.to_string());
        let records = format!("@ NS ns1\nns1 A {}\n{delegation}", NAMED.ip());
        let setup = Setup { zone: NAMES[0], records: &records, address: NAMED, notify: None };
        let named = NameServer::resolving(&setup).unwrap();
        // Pebble has nobody else to ask for names of challenges.
        let settings = Settings { dns: Some(NAMED), authorization_reuse: Some(0), ..Settings::default() };
        pebble::with(&settings, |pebble| {
            let dir = TempDir::new().unwrap();
            let mut issue = acmectl();
            issue.arg("issue").args(NAMES).args(["--dns", "builtin", "--dns-listen"]);
            issue.arg(SocketAddr::from((RESPONDER, NAMED.port())).to_string());
            issue.args(["--resolver", &NAMED.to_string(), "--agree-tos", "--ca", &pebble.directory_url()]);
            expect(issue.arg("--ca-root").arg(pebble.root_file()).arg("--dir").arg(dir.path()));
            let chain = std::fs::read(dir.path().join("certs/example.test/current/fullchain.pem")).unwrap();
            let mut names: Vec<_> =
                CertificateInfo::from_pem(chain).unwrap().names.iter().map(ToString::to_string).collect();
            names.sort_unstable();
            assert_eq!(names, ["*.example.test", "example.test"]);
        });
        drop(named);
    });
}

/// Runs a call that must succeed, and returns what it printed.
fn expect(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
