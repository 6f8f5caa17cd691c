//! dns-01 by the API of a real PowerDNS server, validated by asking that very server.

use std::sync::Arc;

use acme_conformance::pdns::{API_KEY, PowerDns};
use acme_http::Client;
use acme_lib::{Account, DirectoryUrl, IssueRequest};
use acme_solver::dns::{self, DnsError, DnsErrorKind, DnsProvider, DnsSolver};
use acme_testca::TestCa;

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
