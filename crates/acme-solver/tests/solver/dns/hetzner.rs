//! A stand-in of Hetzner's Cloud API.
//!
//! After its published reference ("Errors", "Pagination", "Actions", "Zones", "Zone RRSets", "Zone
//! RRSet Actions"). What it refuses: other tokens, unknown zones, pages of more than 50 items,
//! absolute names, values without quotes, TTLs below 60, TTLs that differ from the RRset's, values
//! that are there to be added, values that are not there to be removed, and zones of another mode.

use std::collections::BTreeMap;

use acme_solver::dns::{CredentialError, DnsErrorKind, service};
use http::{Request, Response};
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, body, header, json, path, query};

#[derive(Default)]
struct HetznerFake {
    /// TTL and values of the TXT RRsets, by absolute name.
    rrsets: BTreeMap<String, (u64, Vec<String>)>,
    /// How often each action is said to run yet.
    actions: Vec<u32>,
    writes: usize,
    fails: bool,
    is_secondary: bool,
}

impl HetznerFake {
    fn zones(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        let number = |name: &str| query[name].parse::<usize>().unwrap();
        let (size, page) = (number("per_page"), number("page"));
        assert!(size <= 50);
        let fillers = (0..120).map(|number| format!("filler{number}.test"));
        let names: Vec<String> = fillers.chain(ZONES.map(str::to_owned)).collect();
        let zone = |(number, name)| json!({ "id": number + 1000, "name": name, "mode": "primary" });
        let own = names.iter().enumerate().skip((page - 1) * size).take(size).map(zone);
        let next = (page * size < names.len()).then_some(page + 1);
        let pagination = json!({ "page": page, "per_page": size, "next_page": next });
        json(200, &json!({ "zones": own.collect::<Vec<_>>(), "meta": { "pagination": pagination } }))
    }

    fn act(&mut self, verb: &str, name: String, body: &Value) -> Response<Vec<u8>> {
        let records = body["records"].as_array().unwrap();
        let values: Vec<String> = records.iter().map(|r| r["value"].as_str().unwrap().to_owned()).collect();
        let (ttl, held) = self.rrsets.get(&name).cloned().unwrap_or_default();
        let asked = body["ttl"].as_u64();
        let is_quoted = |value: &String| value.starts_with('"') && value.ends_with('"');
        let is_held = |value: &String| held.contains(value);
        self.writes += 1;
        match verb {
            _ if self.is_secondary => {
                return error(422, "incorrect_zone_mode", "operation not supported for the zone's mode");
            }
            "add_records" if !values.iter().all(is_quoted) || asked.is_some_and(|ttl| ttl < 60) => {
                return error(422, "invalid_input", "invalid input");
            }
            "add_records" if !held.is_empty() && asked.is_some_and(|asked| asked != ttl) => {
                return error(422, "invalid_input", "the TTL is not that of the RRSet");
            }
            "add_records" if values.iter().any(is_held) => {
                return error(409, "uniqueness_error", "record exists");
            }
            "add_records" => {
                let rrset = self.rrsets.entry(name).or_insert_with(|| (asked.unwrap(), Vec::new()));
                rrset.1.extend(values);
            }
            "remove_records" if !values.iter().all(is_held) => {
                return error(404, "not_found", "record not found");
            }
            "remove_records" => {
                let rrset = self.rrsets.get_mut(&name).unwrap();
                rrset.1.retain(|value| !values.contains(value));
                self.rrsets.retain(|_, (_, values)| !values.is_empty());
            }
            _ => return error(404, "not_found", "not found"),
        }
        self.actions.push(1);
        json(201, &json!({ "action": self.action(self.actions.len()) }))
    }

    fn action(&self, id: usize) -> Value {
        let status = match self.actions[id - 1] {
            0 if self.fails => "error",
            0 => "success",
            _ => "running",
        };
        let fault = json!({ "code": "action_failed", "message": "Action failed" });
        json!({ "id": id, "status": status, "error": (status == "error").then_some(fault) })
    }
}

impl Fake for HetznerFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(request.uri().host(), Some("api.hetzner.cloud"));
        if header(request, "authorization") != format!("Bearer {SECRET}") {
            return error(401, "unauthorized", "unable to authenticate");
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let zone = |id: &str| ZONES.get(id.parse::<usize>().ok()?.checked_sub(1120)?);
        match (request.method().as_str(), path.as_slice()) {
            ("GET", ["v1", "zones"]) => Self::zones(request),
            ("GET", ["v1", "actions", id]) => {
                let id: usize = id.parse().unwrap();
                self.actions[id - 1] -= 1;
                json(200, &json!({ "action": self.action(id) }))
            }
            (method, ["v1", "zones", id, "rrsets", name, "TXT", rest @ ..]) => {
                let Some(zone) = zone(id) else { return error(404, "not_found", "zone not found") };
                assert!(!name.ends_with(zone));
                let name = if *name == "@" { (*zone).to_string() } else { format!("{name}.{zone}") };
                match (method, rest) {
                    ("POST", ["actions", verb]) => self.act(verb, name, &body(request)),
                    ("GET", []) => match self.rrsets.get(&name) {
                        None => error(404, "not_found", "rrset not found"),
                        Some((ttl, values)) => {
                            let records: Vec<Value> =
                                values.iter().map(|value| json!({ "value": value, "comment": "" })).collect();
                            json(200, &json!({ "rrset": { "type": "TXT", "ttl": ttl, "records": records } }))
                        }
                    },
                    _ => error(405, "method_not_allowed", "no"),
                }
            }
            _ => error(404, "not_found", "not found"),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let values = self.rrsets.get(name).map(|(_, values)| values.clone()).unwrap_or_default();
        values.iter().map(|value| value.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let rrset = self.rrsets.entry(name.to_owned()).or_insert((3600, Vec::new()));
        rrset.1.push(format!("\"{value}\""));
    }

    fn busy(&self) -> Response<Vec<u8>> {
        error(429, "rate_limit_exceeded", "limit of 3600 requests per hour reached")
    }

    fn waits_for_changes(&self) -> bool {
        true
    }
}

fn error(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    json(status, &json!({ "error": { "code": code, "message": message, "details": {} } }))
}

fn world(secret: &str) -> World<HetznerFake> {
    World::new("hetzner", &[("HETZNER_API_TOKEN", secret)], HetznerFake::default())
}

contract!(super::world);

#[test]
fn values_of_a_name_take_one_write_that_overwrites_nothing() {
    let mut world = world(SECRET);
    world.fake.put(NAME, "other");
    world.zones(&[NAME]).unwrap();
    // Between the read and the write.
    world.meanwhile.insert(2 * world.requests.len() + 1, (NAME.into(), "meanwhile".into()));
    world.add(&[(NAME, VALUE), (NAME, "second")]).unwrap();
    assert_eq!(world.fake.writes, 1);
    assert_eq!(world.fake.values(NAME), ["other", "meanwhile", VALUE, "second"]);
    assert_eq!(world.fake.rrsets[NAME].0, 3600);
}

#[test]
fn write_whose_reply_was_lost_is_found_to_be_done() {
    let mut world = world(SECRET);
    world.zones(&[NAME]).unwrap();
    world.meanwhile.insert(2 * world.requests.len() + 1, (NAME.into(), VALUE.into()));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert_eq!(world.fake.writes, 1, "the write is refused: the value is there");
}

#[test]
fn locked_zone_is_waited_for() {
    let mut world = world(SECRET);
    for code in ["locked", "conflict"] {
        world.canned.push_back(error(if code == "locked" { 423 } else { 409 }, code, "try again"));
    }
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
}

#[test]
fn action_that_fails_is_an_error_with_its_words() {
    let mut world = world(SECRET);
    world.fake.fails = true;
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Failed { .. }));
    assert!(error.is_temporary());
    let expected = "Hetzner took the records, and could not put them in place: Action failed";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn zone_of_another_mode_is_refused_with_the_words_of_the_service() {
    let mut world = world(SECRET);
    world.fake.is_secondary = true;
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Refused { status: 422, .. }), "{error}");
    assert!(error.to_string().contains("not supported for the zone's mode"), "{error}");
}

#[test]
fn key_of_the_console_that_ended_is_named_in_the_error() {
    let find = |name: &str| (name == "HETZNER_API_KEY").then(|| "old-key".to_owned());
    let error = service("hetzner").unwrap().provider(&find).unwrap_err();
    assert!(matches!(error, CredentialError::Missing { variable: "HETZNER_API_TOKEN", .. }));
    assert!(error.to_string().contains("HETZNER_API_KEY was for the DNS Console"), "{error}");
}
