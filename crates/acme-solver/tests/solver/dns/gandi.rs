//! A stand-in of Gandi's LiveDNS.
//!
//! After its published reference ("LiveDNS API", v5: "Domains", "Single domain's records"). What it
//! refuses: other tokens, unknown domains, pages of more than 100 domains, absolute names, TTLs
//! below 300, the same value twice, and TXT where a CNAME is.

use std::collections::BTreeMap;

use acme_solver::dns::{DnsErrorKind, service};
use http::{Request, Response};
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, body, header, json, path, query};

#[derive(Default)]
struct GandiFake {
    /// TTL and values of the TXT RRsets, by absolute name.
    rrsets: BTreeMap<String, (u64, Vec<String>)>,
    cname: Option<&'static str>,
    /// Takes this instead of a token.
    key: Option<&'static str>,
}

impl GandiFake {
    fn domains(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        let number = |name: &str| query[name].parse::<usize>().unwrap();
        let (size, page) = (number("per_page"), number("page"));
        assert!(size <= 100);
        let fillers = (0..250).map(|number| format!("filler{number}.test"));
        let domains = fillers.chain(ZONES.map(str::to_owned));
        let own = domains.skip((page - 1) * size).take(size);
        json(200, &own.map(|name| json!({ "fqdn": name, "domain_href": "https://api.gandi.net/" })).collect())
    }

    fn put_rrset(&mut self, name: String, rrset: &Value) -> Response<Vec<u8>> {
        let values = rrset["rrset_values"].as_array().unwrap();
        let values: Vec<String> = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
        let ttl = rrset["rrset_ttl"].as_u64().unwrap();
        let mut distinct = values.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if self.cname.is_some_and(|cname| cname == name) {
            return error(409, "A CNAME record exists with that name");
        }
        if ttl < 300 || values.is_empty() || distinct.len() < values.len() {
            let fault = json!({ "location": "body", "name": "rrset", "description": "Wrong value" });
            return json(400, &json!({ "status": "error", "errors": [fault] }));
        }
        self.rrsets.insert(name, (ttl, values));
        json(201, &json!({ "message": "DNS Record Created" }))
    }
}

impl Fake for GandiFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(request.uri().host(), Some("api.gandi.net"));
        let given = header(request, "authorization");
        let wanted = self.key.map_or_else(|| format!("Bearer {SECRET}"), |key| format!("Apikey {key}"));
        if given != wanted {
            return error(401, &format!("The server could not verify {given}"));
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["v5", "livedns", "domains", rest @ ..] = path.as_slice() else {
            return error(404, "The resource could not be found.");
        };
        match (request.method().as_str(), rest) {
            ("GET", []) => Self::domains(request),
            (_, [zone, ..]) if !ZONES.contains(zone) => error(404, "Unknown domain"),
            (method, [zone, "records", name, "TXT"]) => {
                assert!(!name.ends_with(zone));
                let name = if *name == "@" { (*zone).to_owned() } else { format!("{name}.{zone}") };
                match (method, self.rrsets.get(&name)) {
                    ("PUT", _) => self.put_rrset(name, &body(request)),
                    (_, None) => error(404, "Can't find the DNS record"),
                    ("GET", Some((ttl, values))) => json(
                        200,
                        &json!({ "rrset_type": "TXT", "rrset_ttl": ttl, "rrset_name": name, "rrset_values": values }),
                    ),
                    ("DELETE", Some(_)) => {
                        self.rrsets.remove(&name);
                        Response::builder().status(204).body(Vec::new()).unwrap()
                    }
                    _ => error(405, "The method is not allowed for this resource."),
                }
            }
            _ => error(404, "The resource could not be found."),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let values = self.rrsets.get(name).map(|(_, values)| values.clone()).unwrap_or_default();
        values.iter().map(|value| value.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let rrset = self.rrsets.entry(name.to_owned()).or_insert((10800, Vec::new()));
        rrset.1.push(format!("\"{value}\""));
    }
}

fn error(status: u16, message: &str) -> Response<Vec<u8>> {
    json(status, &json!({ "code": status, "message": message, "object": "HTTPError", "cause": "" }))
}

fn world(secret: &str) -> World<GandiFake> {
    World::new("gandiv5", &[("GANDIV5_PERSONAL_ACCESS_TOKEN", secret)], GandiFake::default())
}

contract!(super::world);

#[test]
fn key_of_old_is_taken_where_there_is_no_token() {
    let fake = GandiFake { key: Some("old-key"), ..GandiFake::default() };
    let mut world = World::new("gandi", &[("GANDIV5_API_KEY", "old-key")], fake);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);

    let both = [("GANDIV5_API_KEY", "old-key"), ("GANDIV5_PERSONAL_ACCESS_TOKEN", SECRET)];
    let mut world = World::new("gandi", &both, GandiFake::default());
    world.add(&[(NAME, VALUE)]).unwrap();

    let error = service("gandi").unwrap().provider(&|_| None).unwrap_err();
    assert_eq!(error.to_string(), "GANDIV5_PERSONAL_ACCESS_TOKEN is not set: a personal access token");
}

#[test]
fn ttl_of_others_stays_and_ours_is_never_too_small() {
    let variables = [("GANDIV5_PERSONAL_ACCESS_TOKEN", SECRET), ("GANDIV5_TTL", "60")];
    let mut world = World::new("gandiv5", &variables, GandiFake::default());
    world.fake.put(NAME, "other");
    world.add(&[(NAME, VALUE), ("example.org", VALUE)]).unwrap();
    assert_eq!(world.fake.rrsets[NAME].0, 10800);
    assert_eq!(world.fake.rrsets["example.org"].0, 300);
}

#[test]
fn what_another_writer_wrote_after_ours_stays() {
    let mut world = world(SECRET);
    world.zones(&[NAME]).unwrap();
    let pages = world.requests.len();
    // Between the read and the write, which overwrites it, and between the write and the next read.
    world.meanwhile.insert(2 * pages + 1, (NAME.into(), "lost".into()));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert!(world.meanwhile.is_empty());
    let mut world = self::world(SECRET);
    world.meanwhile.insert(pages + 2, (NAME.into(), "kept".into()));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE, "kept"]);
    assert!(world.meanwhile.is_empty());
}

#[test]
fn words_of_a_refusal_are_kept() {
    let mut world = world(SECRET);
    world.fake.cname = Some(NAME);
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Refused { status: 409, .. }));
    assert_eq!(error.to_string(), "Gandi refused (HTTP 409: A CNAME record exists with that name)");
}
