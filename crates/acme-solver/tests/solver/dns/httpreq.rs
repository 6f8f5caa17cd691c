//! A stand-in of a server for lego's `httpreq`.
//!
//! After lego's page on it (<https://go-acme.github.io/lego/dns/httpreq/>): POST /present and POST
//! /cleanup, with `fqdn` and `value`, or in the mode RAW with `domain`, `token` and `keyAuth`; basic
//! authentication where both name and password are set.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier};
use acme_solver::dns::{Action, Change, CredentialError, DnsErrorKind, Zone, change_zones, service};
use http::{Request, Response};
use serde_json::{Value, json};

use super::world::{Fake, SECRET, World, body, header};

#[derive(Default)]
struct Server {
    records: BTreeSet<(String, String)>,
    bodies: Vec<(String, Value)>,
    is_strict: bool,
}

impl Fake for Server {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        // Base64 of the name `acme`, a colon and the secret.
        let expected = "Basic YWNtZTp0aGUtcmlnaHQtc2VjcmV0LW9mLTQ0LWNoYXJhY3RlcnMtMDEyMzQ1Njc4OQ==";
        let reply = |status: u16, text: &str| Response::builder().status(status).body(text.into()).unwrap();
        if request.headers().contains_key("authorization") && header(request, "authorization") != expected {
            return reply(401, "who are you");
        }
        assert_eq!(
            (request.method().as_str(), header(request, "content-type")),
            ("POST", "application/json")
        );
        let body = body(request);
        let action = request.uri().path().strip_prefix("/hooks/").unwrap().to_owned();
        self.bodies.push((action.clone(), body.clone()));
        let Some(name) = body["fqdn"].as_str() else { return reply(200, "") };
        let record = (name.strip_suffix('.').unwrap().to_owned(), body["value"].as_str().unwrap().to_owned());
        let is_done = match action.as_str() {
            "present" => self.records.insert(record),
            "cleanup" => self.records.remove(&record),
            other => panic!("{other}"),
        };
        if is_done || !self.is_strict { reply(200, "") } else { reply(404, "no such record") }
    }

    fn values(&self, name: &str) -> Vec<String> {
        self.records.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        self.records.insert((name.to_owned(), value.to_owned()));
    }
}

const NAME: &str = "_acme-challenge.example.com";

fn world(more: &[(&str, &str)]) -> World<Server> {
    let variables = [&[("HTTPREQ_ENDPOINT", "https://hooks.example.net/hooks/")], more].concat();
    World::new("httpreq", &variables, Server::default())
}

#[test]
fn names_and_values_are_told_and_values_of_others_stay() {
    let mut world = world(&[("HTTPREQ_USERNAME", "acme"), ("HTTPREQ_PASSWORD", SECRET)]);
    world.fake.put(NAME, "of somebody else");
    let values = [(NAME, "a"), (NAME, "b"), ("_acme-challenge.example.org", "c")];
    world.add(&values).unwrap();
    let first = json!({ "fqdn": "_acme-challenge.example.com.", "value": "a" });
    assert_eq!(world.fake.bodies[0], ("present".to_owned(), first.clone()));
    assert_eq!(world.fake.values(NAME), ["a", "b", "of somebody else"]);
    world.remove(&values).unwrap();
    assert!(world.fake.bodies.contains(&("cleanup".to_owned(), first)));
    assert_eq!(world.fake.values(NAME), ["of somebody else"]);
    world.fake.is_strict = true;
    world.remove(&values).unwrap();
}

#[test]
fn raw_mode_tells_token_and_key_authorization() {
    let mut world = world(&[("HTTPREQ_MODE", "RAW")]);
    let name: Identifier = "*.example.com".parse().unwrap();
    let token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
    let challenge = |kind| Challenge::rehearsal(&name, kind, token, |_| [7; 32]).unwrap();
    let provider = Arc::clone(&world.provider);
    let mut present = |challenge: Challenge| {
        let zone = Zone::new(NAME, NAME);
        let values = [(NAME.to_owned(), challenge.dns_value())];
        let change = Change::new(Action::Add, values).for_challenges(vec![challenge]);
        world.drive(change_zones(Arc::clone(&provider), vec![(zone, change)])).unwrap().remove(0)
    };
    let dns = challenge(ChallengeType::Dns01);
    present(dns.clone()).unwrap();
    let error = present(challenge(ChallengeType::DnsAccount01)).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::NoZone { .. }), "{error}");
    let told = json!({ "domain": "example.com", "token": token, "keyAuth": dns.key_authorization() });
    assert_eq!(world.fake.bodies, [("present".to_owned(), told)]);
}

#[test]
fn wrong_password_is_not_shown_and_words_of_the_server_are() {
    let wrong = "some-wrong-secret-of-44-characters-987654321";
    let mut world = world(&[("HTTPREQ_USERNAME", "acme"), ("HTTPREQ_PASSWORD", wrong)]);
    let error = world.add(&[(NAME, "a")]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("who are you"), "{error}");
    for text in [error.to_string(), format!("{error:?}"), format!("{:?}", world.provider)] {
        assert!(!text.contains(wrong), "{text}");
    }
    // A name alone is no authentication.
    self::world(&[("HTTPREQ_USERNAME", "acme")]).add(&[(NAME, "a")]).unwrap();
}

#[test]
fn busy_server_is_waited_for_and_one_that_stays_so_is_temporary() {
    let mut world = world(&[]);
    let busy = world.fake.busy();
    world.canned.push_back(busy);
    world.add(&[(NAME, "a")]).unwrap();
    assert_eq!(world.waits, [Duration::from_secs(7)]);
    world.canned.extend((0..40).map(|_| Response::builder().status(500).body(Vec::new()).unwrap()));
    assert!(world.add(&[(NAME, "a")]).unwrap_err().is_temporary());
}

#[test]
fn malformed_and_missing_variables_are_named() {
    let make = |variables: &[(&str, &str)]| {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        service("httpreq").unwrap().provider(&find).unwrap_err()
    };
    assert!(matches!(make(&[]), CredentialError::Missing { variable: "HTTPREQ_ENDPOINT", .. }));
    let endpoint = ("HTTPREQ_ENDPOINT", "https://hooks.example.net");
    let wrong = make(&[endpoint, ("HTTPREQ_MODE", "raw")]);
    assert!(matches!(wrong, CredentialError::Malformed { variable: "HTTPREQ_MODE", .. }));
    let wrong = make(&[("HTTPREQ_ENDPOINT", "ftp://hooks.example.net")]);
    assert!(matches!(wrong, CredentialError::Malformed { variable: "HTTPREQ_ENDPOINT", .. }));
}
