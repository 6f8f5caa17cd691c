//! A stand-in of OVHcloud's zones.
//!
//! After its published description of `/domain/zone` and of `/auth/time`, of the signature of requests
//! (First Steps with the API), and of service accounts. What it refuses: requests whose signature it
//! does not come to itself, or whose time is not that of its own clock, which is ahead; other keys;
//! tokens that it did not hand out or that have ended; unknown zones and records. A resolver sees the
//! records of the last refresh.

use acme_keys::danger_sha1;
use acme_solver::dns::{self, CredentialError, DnsErrorKind};
use http::{Request, Response};
use serde_json::json;

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, START, World, ZONES, body, form, header, is_for, json, path, query, url};

pub(super) struct OvhFake {
    records: Vec<Record>,
    published: Vec<Record>,
    last_id: u64,
    clock: i64,
    /// Before which signed request the clock jumps.
    jumps_before: Option<usize>,
    signed: usize,
    /// How many tokens there were; only the last is good.
    tokens: usize,
    refreshes: usize,
}

#[derive(Clone)]
struct Record {
    id: u64,
    zone: String,
    name: String,
    target: String,
}

impl Default for OvhFake {
    fn default() -> Self {
        let (records, published, jumps_before) = (Vec::new(), Vec::new(), None);
        let clock = START + 5000;
        Self { records, published, last_id: 10, clock, jumps_before, signed: 0, tokens: 0, refreshes: 0 }
    }
}

impl OvhFake {
    /// Why a request is refused, if it is.
    fn refusal(&mut self, request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        if let Some(token) = header(request, "authorization").strip_prefix("Bearer ") {
            let is_good = token == SECRET || (self.tokens > 0 && token == format!("token-{}", self.tokens));
            let words = format!("This token is not valid: {token}");
            return (!is_good).then(|| error(401, "INVALID_TOKEN", &words));
        }
        self.signed += 1;
        if self.jumps_before == Some(self.signed) {
            self.clock += 1000;
        }
        if header(request, "x-ovh-application") != "an-application" {
            return Some(error(403, "INVALID_KEY", "This application key is invalid"));
        }
        let consumer = header(request, "x-ovh-consumer");
        if consumer != "a-consumer" {
            return Some(error(
                403,
                "NOT_CREDENTIAL",
                &format!("This credential does not exist: {consumer}"),
            ));
        }
        let time = header(request, "x-ovh-timestamp");
        if (time.parse::<i64>().unwrap() - self.clock).abs() > 30 {
            return Some(error(400, "QUERY_TIME_OUT", "Query out of time"));
        }
        let body = str::from_utf8(request.body()).unwrap();
        let parts = [SECRET, consumer, request.method().as_str(), &url(request), body, time];
        let digest = danger_sha1(parts.join("+").as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if header(request, "x-ovh-signature") != format!("$1${digest}") {
            return Some(error(400, "INVALID_SIGNATURE", "Invalid signature"));
        }
        None
    }

    fn grant(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let form = form(request);
        assert_eq!((form["grant_type"].as_str(), form["scope"].as_str()), ("client_credentials", "all"));
        if form["client_id"] != "a-client" || form["client_secret"] != SECRET {
            return json(
                400,
                &json!({ "error": "invalid_client", "error_description": form["client_secret"] }),
            );
        }
        self.tokens += 1;
        let token = format!("token-{}", self.tokens);
        json(
            200,
            &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3599, "scope": "all" }),
        )
    }

    fn list(&self, zone: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        assert_eq!(query["fieldType"], "TXT");
        let own =
            self.records.iter().filter(|record| record.zone == zone && record.name == query["subDomain"]);
        json(200, &own.map(|record| record.id).collect())
    }

    fn create(&mut self, zone: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let body = body(request);
        assert!(body["fieldType"] == "TXT" && body["ttl"].as_u64() >= Some(60));
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        let (name, target) = (text("subDomain"), text("target"));
        assert!(!name.contains(zone));
        let id = self.push(zone, &name, &target);
        json(200, &json!({ "id": id, "zone": zone, "subDomain": name, "target": target }))
    }

    fn push(&mut self, zone: &str, name: &str, target: &str) -> u64 {
        self.last_id += 1;
        let (zone, name, target) = (zone.to_owned(), name.to_owned(), target.to_owned());
        self.records.push(Record { id: self.last_id, zone, name, target });
        self.last_id
    }

    fn record(&mut self, method: &str, zone: &str, id: &str) -> Response<Vec<u8>> {
        let is_it = |record: &&Record| record.zone == zone && record.id.to_string() == id;
        let Some(record) = self.records.iter().find(is_it).cloned() else {
            return error(404, "NOT_FOUND", "The requested object does not exist");
        };
        if method == "DELETE" {
            self.records.retain(|other| other.id != record.id);
            return json(200, &json!(null));
        }
        let Record { id, zone, name, target } = record;
        // In quotes, as some records are.
        let target = if id % 2 == 0 { format!("\"{target}\"") } else { target };
        let record = json!({ "id": id, "zone": zone, "subDomain": name, "fieldType": "TXT", "target": target, "ttl": 60 });
        json(200, &record)
    }
}

impl Fake for OvhFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if request.uri().path() == "/oauth2/token" {
            assert!(is_for(request, "auth.eu.ovhcloud.com"));
            return self.grant(request);
        }
        assert!(is_for(request, "api.eu.ovhcloud.com"));
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["1.0", rest @ ..] = path.as_slice() else { panic!("{path:?}") };
        if rest == ["auth", "time"] {
            return json(200, &json!(self.clock));
        }
        if let Some(response) = self.refusal(request) {
            return response;
        }
        match (request.method().as_str(), rest) {
            ("GET", ["domain", "zone"]) => json(200, &json!(ZONES)),
            (_, ["domain", "zone", zone, ..]) if !ZONES.contains(zone) => {
                error(404, "NOT_FOUND", "This service does not exist")
            }
            ("GET", [_, _, zone, "record"]) => self.list(zone, request),
            ("POST", [_, _, zone, "record"]) => self.create(zone, request),
            (method @ ("GET" | "DELETE"), [_, _, zone, "record", id]) => self.record(method, zone, id),
            ("POST", [_, _, zone, "refresh"]) => {
                assert!(request.body().is_empty());
                self.refreshes += 1;
                self.published.retain(|record| record.zone != *zone);
                self.published.extend(self.records.iter().filter(|record| record.zone == *zone).cloned());
                json(200, &json!(null))
            }
            _ => error(404, "NOT_FOUND", "no"),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let full = |record: &&Record| format!("{}.{}", record.name, record.zone) == name;
        self.published.iter().filter(full).map(|record| record.target.clone()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let zone = ZONES.iter().find(|zone| name.ends_with(&format!(".{zone}"))).unwrap();
        let name = name.strip_suffix(&format!(".{zone}")).unwrap();
        self.push(zone, name, value);
        self.published.clone_from(&self.records);
    }
}

fn error(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    json(status, &json!({ "errorCode": code, "httpCode": status.to_string(), "message": message }))
}

pub(super) fn keys(secret: &str) -> [(&str, &str); 3] {
    [
        ("OVH_APPLICATION_KEY", "an-application"),
        ("OVH_APPLICATION_SECRET", secret),
        ("OVH_CONSUMER_KEY", "a-consumer"),
    ]
}

fn world(secret: &str) -> World<OvhFake> {
    World::new("ovh", &keys(secret), OvhFake::default())
}

fn service_account(secret: &str) -> World<OvhFake> {
    let variables =
        [("OVH_CLIENT_ID", "a-client"), ("OVH_CLIENT_SECRET", secret), ("OVH_ENDPOINT", "ovh-eu")];
    World::new("ovh", &variables, OvhFake::default())
}

fn refused(variables: &[(&str, &str)]) -> CredentialError {
    let find = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    dns::service("ovh").unwrap().provider(&find).unwrap_err()
}

contract!(super::world);

mod with_a_service_account {
    contract!(super::super::service_account);
}

#[test]
fn time_of_the_service_is_asked_once() {
    let mut world = world(SECRET);
    world.add(&[(NAME, VALUE)]).unwrap();
    world.remove(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.requests.iter().filter(|request| request.ends_with("/auth/time")).count(), 1);
}

#[test]
fn clock_that_jumps_is_read_again_once() {
    let mut world = world(SECRET);
    world.fake.jumps_before = Some(2);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert_eq!(world.requests.iter().filter(|request| request.ends_with("/auth/time")).count(), 2);

    for _ in 0..3 {
        world.canned.push_back(error(400, "QUERY_TIME_OUT", "Query out of time"));
        world.canned.push_back(json(200, &json!(START)));
    }
    let error = world.zones(&[NAME]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Refused { status: 400, .. }), "{error}");
}

#[test]
fn token_that_ended_in_mid_flow_is_replaced_once() {
    let mut world = service_account(SECRET);
    world.zones(&[NAME]).unwrap();
    // Ends all tokens that were handed out.
    world.fake.tokens += 1;
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert_eq!(world.fake.tokens, 3);
}

#[test]
fn records_that_were_left_unpublished_are_published() {
    let mut world = world(SECRET);
    world.fake.push("example.com", "_acme-challenge", VALUE);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert_eq!((world.fake.records.len(), world.fake.refreshes), (1, 1));
}

#[test]
fn record_that_goes_between_the_list_and_its_read_is_no_error() {
    let mut world = world(SECRET);
    world.fake.put(NAME, "other");
    world.zones(&[NAME]).unwrap();
    // The time is known; the zones, the list, and then the record.
    world.meanwhile_canned.insert(world.requests.len() + 2, error(404, "NOT_FOUND", "gone"));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert!(world.fake.values(NAME).contains(&VALUE.to_owned()));
}

#[test]
fn access_token_is_used_as_it_is() {
    let mut world = World::new("ovh", &[("OVH_ACCESS_TOKEN", SECRET)], OvhFake::default());
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    let wrong = "a-wrong-access-token";
    let mut world = World::new("ovh", &[("OVH_ACCESS_TOKEN", wrong)], OvhFake::default());
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 401, .. }), "{error}");
    assert!(!error.to_string().contains(wrong), "{error}");
}

#[test]
fn wrong_consumer_is_not_shown() {
    let mut variables = keys(SECRET);
    variables[2].1 = "a-wrong-consumer";
    let error = World::new("ovh", &variables, OvhFake::default()).add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 403, .. }), "{error}");
    assert!(error.to_string().contains("does not exist: ***"), "{error}");
}

#[test]
fn endpoints_have_names_or_are_addresses() {
    for (endpoint, address) in [
        ("ovh-ca", "https://api.ca.ovhcloud.com/1.0/domain/zone"),
        ("soyoustart-eu", "https://eu.api.soyoustart.com/1.0/domain/zone"),
        ("http://127.0.0.1:4000/1.0/", "http://127.0.0.1:4000/1.0/domain/zone"),
    ] {
        let variables = [("OVH_ACCESS_TOKEN", "a-token"), ("OVH_ENDPOINT", endpoint)];
        let mut world = World::new("ovh", &variables, OvhFake::default());
        world.canned.push_back(json(200, &json!(ZONES)));
        world.zones(&[NAME]).unwrap();
        assert_eq!(world.requests, [format!("GET {address}")]);
    }
}

#[test]
fn what_is_missing_or_unknown_is_told() {
    let all = keys(SECRET);
    for (left_out, name) in all.iter().map(|(name, _)| *name).enumerate() {
        let rest: Vec<_> =
            all.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, pair)| *pair).collect();
        assert!(matches!(refused(&rest), CredentialError::Missing { variable, .. } if variable == name));
    }
    let elsewhere = [("OVH_CLIENT_ID", "a"), ("OVH_CLIENT_SECRET", "b"), ("OVH_ENDPOINT", "kimsufi-eu")];
    assert!(matches!(refused(&elsewhere), CredentialError::Missing { variable: "OVH_TOKEN_URL", .. }));
    let unknown = [("OVH_ACCESS_TOKEN", "a"), ("OVH_ENDPOINT", "ovh-moon")];
    assert!(matches!(refused(&unknown), CredentialError::Malformed { variable: "OVH_ENDPOINT", .. }));
}
