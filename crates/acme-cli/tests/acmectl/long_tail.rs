//! dns-01 by a service that only the library dns-update knows: Infoblox, whose address can be set.
//!
//! The stand-in is written from Infoblox's published WAPI reference (`record:txt`). It refuses other
//! users, names outside of its zone, and a text that is there already.

use std::sync::{Arc, Mutex};

use acme_testca::TestCa;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, RecordType};
use serde_json::{Value, json};

use super::loopback::{HttpServer, NameServer};
use super::world::{Run, World};

const USER: &str = "api-user";
const PASSWORD: &str = "pass word+of/the=user";
const ZONE: &str = "site.test";
const NAME: &str = "_acme-challenge.site.test";

/// A grid manager and a name server that shows what it holds.
struct Grid {
    api: HttpServer,
    dns: NameServer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Names and texts.
    records: Vec<(String, String)>,
    /// How many there were after each change.
    sizes: Vec<usize>,
    /// How many new records are taken and then lost, as another writer would do.
    to_lose: usize,
}

impl Grid {
    fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let api = HttpServer::start(move |request| {
            let wanted = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
            let (status, body) = match request.header("authorization") == Some(&wanted) {
                true => answer(&request.method, &request.target, &request.body, &mut shared.lock().unwrap()),
                false => ("401 Authorization Required", json!("who are you?")),
            };
            (status, body.to_string())
        });
        let shared = Arc::clone(&state);
        let dns = NameServer::start(ZONE, move |name, kind| {
            let state = shared.lock().unwrap();
            let own = state.records.iter().filter(|(owner, _)| owner == name && kind == RecordType::TXT);
            own.map(|(_, text)| RData::TXT(TXT::new(vec![text.clone()]))).collect()
        });
        Self { api, dns, state }
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    fn run(&self, world: &World, ca: &TestCa, line: &str, password: &str) -> Run {
        world.write("root.pem", ca.root_pem());
        let mut command = world.command(&format!("{line} {}", self.dns.options()));
        command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        command.env("INFOBLOX_HOST", self.api.url());
        command.env("INFOBLOX_USERNAME", USER).env("INFOBLOX_PASSWORD", password);
        world.finish(&mut command)
    }
}

fn answer(method: &str, target: &str, body: &[u8], state: &mut State) -> (&'static str, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let reference = path.strip_prefix("/wapi/v2.11/record:txt").unwrap();
    let object = |(name, text): &(String, String)| json!({ "_ref": format!("record:txt/{text}:{name}"), "name": name, "text": text, "view": "External" });
    match method {
        "GET" => {
            let own = state.records.iter().filter(|(name, _)| query == format!("name={name}&view=External"));
            ("200 OK", own.map(object).collect())
        }
        "POST" => {
            let body: Value = serde_json::from_slice(body).unwrap();
            let text = |member: &str| body[member].as_str().unwrap().to_owned();
            let record = (text("name"), text("text"));
            assert_eq!((body["view"].as_str(), body["ttl"].as_u64()), (Some("External"), Some(120)));
            if !record.0.ends_with(ZONE) || state.records.contains(&record) {
                let fault = "AdmConDataError: None (IBDataConflictError: the record already exists.)";
                return ("400 Bad Request", json!({ "Error": fault, "text": fault }));
            }
            let reference = object(&record)["_ref"].clone();
            if state.to_lose > 0 {
                state.to_lose -= 1;
            } else {
                state.records.push(record);
                state.sizes.push(state.records.len());
            }
            ("201 Created", reference)
        }
        _ => {
            assert_eq!(method, "DELETE");
            let is_it = |(name, text): &(String, String)| reference == format!("/{text}:{name}");
            let before = state.records.len();
            state.records.retain(|record| !is_it(record));
            state.sizes.push(state.records.len());
            match state.records.len() == before {
                true => ("404 Not Found", json!({ "Error": "AdmConDataNotFoundError: not found" })),
                false => ("200 OK", json!(reference)),
            }
        }
    }
}

fn ca() -> TestCa {
    TestCa::builder().always_valid().start().unwrap()
}

#[test]
fn apex_and_wildcard_are_certified_and_values_of_others_stay() {
    let (world, ca, grid) = (World::new(), ca(), Grid::start());
    let other = (NAME.to_owned(), "of-somebody-else".to_owned());
    grid.state(|state| state.records.push(other.clone()));
    let line = "issue site.test '*.site.test' --dns dns-update:infoblox --agree-tos";
    let run = grid.run(&world, &ca, line, PASSWORD);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("dns-01 through Infoblox"), "{}", run.stderr());
    assert!(run.stderr().contains("the servers of site.test after"), "{}", run.stderr());
    assert_eq!(grid.state(|state| state.sizes.clone()), [2, 3, 2, 1]);
    assert_eq!(grid.state(|state| state.records.clone()), [other]);

    let again = grid.run(&world, &ca, "renew site.test --force --max-wait 0", PASSWORD);
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    assert!(!run.stderr().contains(PASSWORD) && !again.stderr().contains(PASSWORD));
}

#[test]
fn record_that_another_writer_undid_is_written_again() {
    let (world, ca, grid) = (World::new(), ca(), Grid::start());
    grid.state(|state| state.to_lose = 1);
    let run = grid.run(&world, &ca, "issue site.test --dns infoblox --agree-tos", PASSWORD);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(grid.state(|state| state.sizes.clone()), [1, 0]);
}

#[test]
fn refusal_is_told_in_the_words_of_the_library_without_the_password() {
    let (world, ca, grid) = (World::new(), ca(), Grid::start());
    let wrong = "some-wrong-password";
    let run = grid.run(&world, &ca, "issue site.test --dns infoblox --agree-tos", wrong);
    assert_ne!(run.code(), Some(0));
    assert!(run.stderr().contains("Infoblox failed: "), "{}", run.stderr());
    assert!(!run.stderr().contains(wrong), "{}", run.stderr());
    assert!(grid.state(|state| state.sizes.is_empty()));
}

#[test]
fn what_is_missing_is_said_before_a_ca_is_asked() {
    let (world, ca) = (World::new(), ca());
    world.write("root.pem", ca.root_pem());
    let at = |variables: &[(&str, &str)], options: &str| {
        let mut command = world.command(&format!("issue site.test --dns bunny --agree-tos {options}"));
        command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        world.finish(command.envs(variables.iter().copied()))
    };
    // The world's resolver does not answer.
    let blind = at(&[("BUNNY_API_KEY", "some-key")], "");
    assert_eq!(blind.code(), Some(2), "{}", blind.stderr());
    let words = "the zones of names can't be found for bunny.net without a resolver that answers";
    assert!(blind.stderr().contains(words), "{}", blind.stderr());

    let grid = Grid::start();
    let resolver = grid.dns.options();
    let missing = at(&[], &resolver);
    assert_eq!(missing.code(), Some(2));
    assert!(missing.stderr().contains("BUNNY_API_KEY is not set"), "{}", missing.stderr());
    let wrong = at(&[("BUNNY_API_KEY", "some-key"), ("BUNNY_TTL", "soon")], &resolver);
    assert_eq!(wrong.code(), Some(2));
    assert!(wrong.stderr().contains("BUNNY_TTL is not a number"), "{}", wrong.stderr());
    assert!(ca.requests().is_empty());
}

#[test]
fn services_of_the_library_are_listed_as_not_tried() {
    let world = World::new();
    let all = world.run("dns").stdout();
    let row = all.lines().find(|line| line.starts_with("infoblox")).unwrap();
    assert!(row.contains(" nothing "), "{row}");
    let one = world.run("dns dns-update:transip");
    assert!(one.stdout().contains("TRANSIP_PRIVATE_KEY_PATH"), "{}", one.stdout());
}
