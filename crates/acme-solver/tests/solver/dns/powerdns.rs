use acme_solver::dns::{CredentialError, DnsErrorKind, service};

use super::contract::{NAME, VALUE};
use super::powerdns_fake::PowerDnsFake;
use super::world::{Fake, SECRET, World};

fn world(secret: &str) -> World<PowerDnsFake> {
    let variables = [("PDNS_API_URL", "https://ns.example.net:8081/"), ("PDNS_API_KEY", secret)];
    World::new("pdns", &variables, PowerDnsFake::default())
}

contract!(super::world);

#[test]
fn zone_is_read_written_once_and_read_again() {
    let mut world = world(SECRET);
    let values = [(NAME, VALUE), (NAME, "another"), ("_acme-challenge.www.example.com", "third")];
    world.add(&values).unwrap();
    let patches = world.requests.iter().filter(|request| request.starts_with("PATCH"));
    assert_eq!(patches.count(), 1);
    let zone = "https://ns.example.net:8081/api/v1/servers/localhost/zones/example.com.";
    let read = format!("GET {zone}?rrset_name={NAME}.&rrset_type=TXT");
    assert_eq!(world.requests.iter().filter(|request| **request == read).count(), 2);
}

#[test]
fn value_that_another_writer_overwrote_is_written_again() {
    let mut world = world(SECRET);
    let zones = world.zones(&[NAME]).unwrap().len() + world.requests.len();
    // Between the first read and the write, and between the write and the second read.
    for (after, value) in [(1, "before"), (2, "after")] {
        world.meanwhile.insert(world.requests.len() + zones - 1 + after, (NAME.into(), value.into()));
    }
    world.add(&[(NAME, VALUE)]).unwrap();
    assert!(world.fake.values(NAME).contains(&VALUE.to_owned()));
    assert!(world.fake.values(NAME).contains(&"after".to_owned()));
}

#[test]
fn many_names_are_read_together() {
    let mut world = world(SECRET);
    world.fake.put("_acme-challenge.host-7.example.com", "other");
    let names: Vec<_> = (0..100).map(|number| format!("_acme-challenge.host-{number}.example.com")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), VALUE)).collect();
    world.add(&values).unwrap();
    assert_eq!(world.fake.values("_acme-challenge.host-7.example.com"), ["other", VALUE]);
    let paths: Vec<_> = world.requests.iter().map(|request| request.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["zones?dnssec=false", "example.com.", "example.com.", "example.com.", "notify"]);
}

#[test]
fn what_is_too_large_is_read_name_by_name() {
    let mut world = world(SECRET);
    let names: Vec<_> = (0..20).map(|number| format!("_acme-challenge.host-{number}.example.com")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), VALUE)).collect();
    world.fake.is_large = true;
    world.add(&values).unwrap();
    assert!(names.iter().all(|name| world.fake.values(name) == [VALUE]));
}

#[test]
fn key_that_is_wrong_is_not_tried_for_each_of_many_names() {
    let mut world = world("another-key");
    let names: Vec<_> = (0..20).map(|number| format!("_acme-challenge.host-{number}.example.com")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), VALUE)).collect();
    let error = world.add(&values).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 401, .. }), "{error}");
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn ttl_of_others_stays() {
    let mut world = world(SECRET);
    world.fake.put_with_ttl(NAME, "other", 7200);
    world.add(&[(NAME, VALUE), ("_acme-challenge.www.example.com", VALUE)]).unwrap();
    assert_eq!(world.fake.ttl(NAME), Some(7200));
    assert_eq!(world.fake.ttl("_acme-challenge.www.example.com"), Some(120));
}

#[test]
fn secondaries_are_notified() {
    let mut world = world(SECRET);
    world.add(&[(NAME, VALUE), ("_acme-challenge.example.org", VALUE)]).unwrap();
    assert_eq!(world.fake.notified, ["example.com."]);
}

#[test]
fn old_server_that_sends_all_of_a_zone_is_understood() {
    let mut world = world(SECRET);
    world.fake.is_old = true;
    world.fake.put("www.example.com", "unrelated");
    world.fake.put(NAME, "other");
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), ["other", VALUE]);
    assert_eq!(world.fake.values("www.example.com"), ["unrelated"]);
}

#[test]
fn words_of_the_server_are_kept() {
    let mut world = world(SECRET);
    let error = world.add(&[(NAME, VALUE)]).err();
    assert!(error.is_none());
    let refusal = http::Response::builder().status(422).body(br#"{"error":"zone is locked"}"#.to_vec());
    world.canned.push_back(refusal.unwrap());
    let error = world.add(&[(NAME, "more")]).unwrap_err();
    assert!(matches!(&error.kind, DnsErrorKind::Refused { status: 422, .. }));
    assert_eq!(error.to_string(), "PowerDNS refused (HTTP 422: zone is locked)");
}

#[test]
fn missing_and_malformed_variables_are_named() {
    let make = |variables: &[(&str, &str)]| {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        service("powerdns").unwrap().provider(&find).unwrap_err()
    };
    let missing = make(&[("PDNS_API_URL", "http://127.0.0.1:8081")]);
    assert!(matches!(missing, CredentialError::Missing { variable: "PDNS_API_KEY", .. }));
    for url in ["127.0.0.1:8081", "ftp://a", "http://a?b", "http:// a"] {
        let malformed = make(&[("PDNS_API_URL", url), ("PDNS_API_KEY", "key")]);
        assert!(matches!(malformed, CredentialError::Malformed { variable: "PDNS_API_URL", .. }), "{url}");
    }
    let key = make(&[("PDNS_API_URL", "http://a"), ("PDNS_API_KEY", "a\nb")]);
    assert!(matches!(key, CredentialError::Malformed { variable: "PDNS_API_KEY", .. }));
    let ttl = make(&[("PDNS_API_URL", "http://a"), ("PDNS_API_KEY", "key"), ("PDNS_TTL", "soon")]);
    assert!(matches!(ttl, CredentialError::Malformed { variable: "PDNS_TTL", .. }));
}
