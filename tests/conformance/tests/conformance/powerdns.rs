//! dns-01 by the API of a real PowerDNS server, validated by asking that very server.

use std::sync::Arc;

use acme_conformance::command::acmectl;
use acme_conformance::pdns::{API_KEY, PowerDns};
use acme_conformance::pebble::{self, Settings};
use acme_http::Client;
use acme_lib::{Account, ChallengeType, DirectoryUrl, Identifier, IssueRequest, Solver};
use acme_proto::{Challenge, SolverError};
use acme_solver::dns::{self, DnsError, DnsErrorKind, DnsProvider, DnsSolver};
use acme_testca::{Config, TestCa};
use tempfile::TempDir;

const ZONE: &str = "example.test";

fn solver(server: &PowerDns, key: &str) -> DnsSolver {
    let find = |name: &str| match name {
        "PDNS_API_URL" => Some(server.api_url()),
        "PDNS_API_KEY" => Some(key.to_owned()),
        _ => None,
    };
    let provider: Arc<dyn DnsProvider> = dns::service("pdns").unwrap().provider(&find).unwrap();
    let ca = TestCa::start().unwrap();
    let client = Client::builder().root_pem(ca.root_pem()).danger_allow_http().build().unwrap();
    DnsSolver::new(provider, client)
}

fn issue(server: &PowerDns, solver: &mut DnsSolver, names: &[&str]) -> Result<usize, acme_lib::Error> {
    let ca = TestCa::builder().gentle().dns(server.address()).start().unwrap();
    issue_at(&ca, solver, names)
}

fn issue_at(ca: &TestCa, solver: &mut dyn Solver, names: &[&str]) -> Result<usize, acme_lib::Error> {
    let account = Account::builder(DirectoryUrl::Other(ca.directory_url()))
        .agree_to_terms()
        .root_pem(ca.root_pem())
        .open()
        .unwrap();
    let certificate = account.issue(&IssueRequest::new(names.iter().copied()), solver)?;
    Ok(certificate.info().names.len())
}

fn zone(server: &PowerDns) -> String {
    server.ask("GET", &format!("/api/v1/servers/localhost/zones/{ZONE}."), "").unwrap()
}

#[test]
fn apex_and_wildcard_are_certified_and_nothing_is_left() {
    let server = PowerDns::start(ZONE).unwrap();
    let other = r#"{"rrsets": [{"name": "_acme-challenge.example.test.", "type": "TXT", "ttl": 300,
        "changetype": "REPLACE", "records": [{"content": "\"of somebody else\"", "disabled": false}]}]}"#;
    let path = format!("/api/v1/servers/localhost/zones/{ZONE}.");
    assert!(server.ask("PATCH", &path, other).unwrap().contains(" 204 "));
    let mut solver = solver(&server, API_KEY);
    let names = ["example.test", "*.example.test", "www.example.test"];
    assert_eq!(issue(&server, &mut solver, &names).unwrap(), 3);
    let zone = zone(&server);
    assert!(zone.contains("of somebody else"), "{zone}");
    assert_eq!(zone.matches("\"TXT\"").count(), 1, "{zone}");
}

/// Proves control at the name of the account only.
struct AccountOnly(DnsSolver);

impl Solver for AccountOnly {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.0.challenge_types(identifier).into_iter().filter(|kind| *kind != ChallengeType::Dns01).collect()
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        assert!(challenges.iter().all(|challenge| challenge.kind == ChallengeType::DnsAccount01));
        self.0.present(challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.0.withdraw(challenges)
    }
}

#[test]
fn names_of_the_account_are_written_and_taken_away() {
    let server = PowerDns::start(ZONE).unwrap();
    let mut solver = AccountOnly(solver(&server, API_KEY));
    let mut config = Config::gentle();
    config.dns_account = true;
    let ca = TestCa::builder().config(config).dns(server.address()).start().unwrap();
    assert_eq!(issue_at(&ca, &mut solver, &["example.test", "*.example.test"]).unwrap(), 2);
    assert_eq!(zone(&server).matches("\"TXT\"").count(), 0);
}

#[test]
fn the_command_writes_what_pebble_finds_before_and_after_a_change_of_keys() {
    drop(acmectl());
    let server = Arc::new(PowerDns::start(ZONE).unwrap());
    let own = r#"{"rrsets": [{"name": "example.test.", "type": "NS", "ttl": 60, "changetype": "REPLACE",
        "records": [{"content": "ns.example.test.", "disabled": false}]},
        {"name": "ns.example.test.", "type": "A", "ttl": 60, "changetype": "REPLACE",
        "records": [{"content": "127.0.0.1", "disabled": false}]}]}"#;
    let path = format!("/api/v1/servers/localhost/zones/{ZONE}.");
    assert!(server.ask("PATCH", &path, own).unwrap().contains(" 204 "));
    pebble::with(&Settings { dns: Some(server.address()), ..Settings::default() }, move |pebble| {
        let (dir, address) = (TempDir::new().unwrap(), server.address());
        let run = |line: &str| {
            let mut command = acmectl();
            command.args(line.split(' ')).arg("--dir").arg(dir.path());
            command.args(["--resolver", &address.to_string(), "--dns-port", &address.port().to_string()]);
            command.env("PDNS_API_URL", server.api_url()).env("PDNS_API_KEY", API_KEY);
            let output = command.output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{line}: {told}");
            told
        };
        let (url, root) = (pebble.directory_url(), pebble.root_file().display().to_string());
        let told = run(&format!(
            "issue example.test *.example.test --dns pdns --agree-tos --ca {url} --ca-root {root}"
        ));
        assert!(told.contains("ns.example.test (127.0.0.1) shows the records"), "{told}");
        run(&format!("account rollover --ca {url}"));
        run("renew --force --max-wait 0");
        run("revoke example.test");
        assert_eq!(zone(&server).matches("\"TXT\"").count(), 0);
    });
}

#[test]
fn wrong_key_and_unknown_zone_are_told_apart() {
    let server = PowerDns::start(ZONE).unwrap();
    let kind = |key: &str, name: &str| {
        let error = issue(&server, &mut solver(&server, key), &[name]).unwrap_err();
        let acme_lib::Error::Acme(error) = &error else { panic!("{error}") };
        let acme_proto::Error::Solver { source, .. } = &**error else { panic!("{error}") };
        source.get_ref().downcast_ref::<DnsError>().unwrap().kind.clone()
    };
    assert!(matches!(kind("another-key", ZONE), DnsErrorKind::Credentials { status: 401, .. }));
    assert!(matches!(kind(API_KEY, "example.org"), DnsErrorKind::NoZone { .. }));
}
