//! dns-01 by an acme-dns server, with the accounts in the file that lego keeps.
//!
//! The stand-in is written from the README of acme-dns ("API"): it keeps the last two values of an
//! account, and registers nobody here.

use std::process::Command;
use std::sync::{Arc, Mutex};

use acme_testca::TestCa;
use hickory_proto::rr::rdata::{CNAME, TXT};
use hickory_proto::rr::{RData, RecordType};
use serde_json::{Value, json};

use super::loopback::{HttpServer, NameServer, fqdn};
use super::world::World;

const SUBDOMAIN: &str = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf";
const FULL_DOMAIN: &str = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf.auth.site.test";
const USER: &str = "c36f50e8-4632-44f0-83fe-e070fef28a10";
const PASSWORD: &str = "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z";

/// The server, its DNS, and the zone with a CNAME that leads to it, once there is one.
struct Service {
    api: HttpServer,
    dns: NameServer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    values: Vec<String>,
    updates: usize,
    has_cname: bool,
}

impl Service {
    fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let api = HttpServer::start(move |request| {
            assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/update"));
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let login = (request.header("x-api-user"), request.header("x-api-key"));
            if login != (Some(USER), Some(PASSWORD)) || body["subdomain"] != SUBDOMAIN {
                return ("401 Unauthorized", json!({ "error": "forbidden" }).to_string());
            }
            let value = body["txt"].as_str().unwrap().to_owned();
            assert_eq!(value.len(), 43);
            let mut state = shared.lock().unwrap();
            state.updates += 1;
            state.values.insert(0, value.clone());
            state.values.truncate(2);
            ("200 OK", json!({ "txt": value }).to_string())
        });
        let shared = Arc::clone(&state);
        let dns = NameServer::start("site.test", move |name, kind| {
            let state = shared.lock().unwrap();
            match name {
                "_acme-challenge.site.test" if state.has_cname => {
                    vec![RData::CNAME(CNAME(fqdn(FULL_DOMAIN)))]
                }
                FULL_DOMAIN if kind == RecordType::TXT => {
                    state.values.iter().map(|value| RData::TXT(TXT::new(vec![value.clone()]))).collect()
                }
                _ => Vec::new(),
            }
        });
        Self { api, dns, state }
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    fn command(&self, world: &World, ca: &TestCa, line: &str) -> Command {
        world.write("root.pem", ca.root_pem());
        let mut command = world.command(&format!("{line} {}", self.dns.options()));
        command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        command.env("ACME_DNS_API_BASE", self.api.url());
        command
    }
}

fn accounts(password: &str) -> String {
    let account =
        json!({ "fulldomain": FULL_DOMAIN, "subdomain": SUBDOMAIN, "username": USER, "password": password });
    json!({ "site.test": account }).to_string()
}

#[test]
fn missing_cname_is_told_and_then_both_values_are_written() {
    let (world, service) = (World::new(), Service::start());
    let ca = TestCa::builder().always_valid().start().unwrap();
    world.write("accounts.json", &accounts(PASSWORD));
    let line = "issue site.test '*.site.test' --dns acme-dns --agree-tos";
    let issue = || {
        let mut command = service.command(&world, &ca, line);
        world.finish(command.env("ACME_DNS_STORAGE_PATH", "accounts.json"))
    };
    let run = issue();
    assert_ne!(run.code(), Some(0));
    let words = format!("_acme-challenge.site.test: there has to be a CNAME record to {FULL_DOMAIN}");
    assert!(run.stderr().contains(&words), "{}", run.stderr());
    assert_eq!(service.state(|state| state.updates), 0);

    service.state(|state| state.has_cname = true);
    let run = issue();
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("renewals read ACME_DNS_ACCOUNTS from "), "{}", run.stderr());
    assert_eq!(service.state(|state| (state.updates, state.values.len())), (2, 2));
    let renew = || world.finish(&mut service.command(&world, &ca, "renew site.test --force --max-wait 0"));
    let again = renew();
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    std::fs::remove_file(world.path("accounts.json")).unwrap();
    let lost = renew();
    assert!(lost.stderr().contains("for ACME_DNS_ACCOUNTS can't be read"), "{}", lost.stderr());
    for run in [&run, &again] {
        assert!(!run.stderr().contains(PASSWORD) && !run.stdout().contains(PASSWORD));
    }
}

#[test]
fn wrong_password_is_told_and_not_shown() {
    let (world, service) = (World::new(), Service::start());
    let ca = TestCa::builder().always_valid().start().unwrap();
    service.state(|state| state.has_cname = true);
    let wrong = "not-the-password-of-the-account";
    world.write("accounts.json", &accounts(wrong));
    let mut command = service.command(&world, &ca, "issue site.test --dns acme-dns --agree-tos");
    let run = world.finish(command.env("ACME_DNS_STORAGE_PATH", "accounts.json"));
    assert_ne!(run.code(), Some(0));
    assert!(run.stderr().contains("acme-dns does not take the credentials"), "{}", run.stderr());
    assert!(!run.stderr().contains(wrong), "{}", run.stderr());
}
