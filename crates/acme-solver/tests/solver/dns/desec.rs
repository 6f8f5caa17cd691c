//! A stand-in of deSEC.
//!
//! After its published documentation ("Domain Management", "Retrieving and Creating DNS Records",
//! "Rate Limits"). What it refuses: other tokens, unknown domains, lists of more than 500 items
//! without a cursor, values without quotes, TTLs below the domain's smallest, incomplete RRsets.

use std::collections::BTreeMap;

use acme_solver::dns::DnsErrorKind;
use http::{Request, Response};
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, body, header, json, path, query};

#[derive(Default)]
struct DesecFake {
    /// TTL and records of the TXT RRsets, by name.
    rrsets: BTreeMap<String, (u64, Vec<String>)>,
    writes: usize,
    /// Where the links to further pages lead.
    elsewhere: Option<&'static str>,
}

const SMALLEST_TTL: u64 = 3600;

impl DesecFake {
    fn list(&self, items: Vec<Value>, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        let cursor = query.get("cursor");
        if items.len() > 500 && cursor.is_none() {
            return json(400, &json!({ "detail": "Pagination required." }));
        }
        let start = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let mut response = json(200, &items.iter().skip(start).take(500).cloned().collect());
        if start + 500 < items.len() {
            let host = self.elsewhere.unwrap_or("https://desec.io");
            let filter = query.get("type").map_or_else(String::new, |kind| format!("type={kind}&"));
            let url = format!("{host}{}?{filter}cursor", request.uri().path());
            let next = start + 500;
            let link = format!("<{url}=>; rel=\"first\", <{url}={next}>; rel=\"next\"");
            response.headers_mut().insert("link", link.parse().unwrap());
        }
        response
    }

    fn patch(&mut self, zone: &str, body: &Value) -> Response<Vec<u8>> {
        self.writes += 1;
        let rrsets = body.as_array().unwrap();
        let faults: Vec<Value> = rrsets.iter().map(fault).collect();
        if faults.iter().any(|fault| *fault != json!({})) {
            return json(400, &Value::Array(faults));
        }
        for rrset in rrsets {
            let subname = rrset["subname"].as_str().unwrap();
            let name = if subname.is_empty() { zone.to_owned() } else { format!("{subname}.{zone}") };
            let records = rrset["records"].as_array().unwrap();
            let records: Vec<String> = records.iter().map(|r| r.as_str().unwrap().to_owned()).collect();
            if records.is_empty() {
                self.rrsets.remove(&name);
            } else {
                self.rrsets.insert(name, (rrset["ttl"].as_u64().unwrap(), records));
            }
        }
        json(200, body)
    }
}

fn fault(rrset: &Value) -> Value {
    assert_eq!(rrset["type"], "TXT");
    if rrset["ttl"].as_u64() < Some(SMALLEST_TTL) {
        return json!({ "ttl": [format!("Ensure this value is greater than or equal to {SMALLEST_TTL}.")] });
    }
    let is_quoted = |record: &Value| record.as_str().unwrap().starts_with('"');
    if !rrset["records"].as_array().unwrap().iter().all(is_quoted) {
        return json!({ "records": ["Record content malformed: data for TXT records must be in quotes."] });
    }
    json!({})
}

impl Fake for DesecFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(request.uri().host(), Some("desec.io"));
        if header(request, "authorization") != format!("Token {SECRET}") {
            return json(401, &json!({ "detail": "Invalid token." }));
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method().as_str(), path.as_slice()) {
            ("GET", ["api", "v1", "domains", ""]) => {
                let fillers = (0..600).map(|number| format!("filler{number}.test"));
                let domain = |name: String| json!({ "name": name, "minimum_ttl": SMALLEST_TTL });
                self.list(fillers.chain(ZONES.map(str::to_owned)).map(domain).collect(), request)
            }
            (_, ["api", "v1", "domains", zone, ..]) if !ZONES.contains(zone) => {
                json(404, &json!({ "detail": "Not found." }))
            }
            ("GET", ["api", "v1", "domains", zone, "rrsets", ""]) => {
                assert_eq!(query(request)["type"], "TXT");
                let own = self.rrsets.iter().filter(|(name, _)| name.ends_with(zone));
                let rrset = |(name, (ttl, records)): (&String, &(u64, Vec<String>))| json!({ "name": format!("{name}."), "type": "TXT", "ttl": ttl, "records": records });
                self.list(own.map(rrset).collect(), request)
            }
            ("PATCH", ["api", "v1", "domains", zone, "rrsets", ""]) => {
                let zone = (*zone).to_owned();
                self.patch(&zone, &body(request))
            }
            _ => json(405, &json!({ "detail": "Method not allowed." })),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let records = self.rrsets.get(name).map(|(_, records)| records.clone()).unwrap_or_default();
        records.iter().map(|record| record.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let rrset = self.rrsets.entry(name.to_owned()).or_insert((7200, Vec::new()));
        rrset.1.push(format!("\"{value}\""));
    }

    fn busy(&self) -> Response<Vec<u8>> {
        let detail = json!({ "detail": "Request was throttled. Expected available in 7 seconds." });
        let mut response = json(429, &detail);
        response.headers_mut().insert("retry-after", "7".parse().unwrap());
        response
    }
}

fn world(secret: &str) -> World<DesecFake> {
    World::new("desec", &[("DESEC_TOKEN", secret)], DesecFake::default())
}

contract!(super::world);

#[test]
fn many_names_take_one_write_and_few_reads() {
    let mut world = world(SECRET);
    for number in 0..700 {
        world.fake.put(&format!("other{number}.example.com"), "value");
    }
    let names: Vec<String> =
        (0..100).map(|number| format!("_acme-challenge.h{number}.example.com")).collect();
    let values: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), VALUE)).collect();
    world.add(&values).unwrap();
    assert_eq!(world.fake.writes, 1);
    // Two pages of domains, two of RRsets before the write and two after it.
    assert_eq!(world.requests.len(), 7);
    assert_eq!(world.fake.rrsets[names[0].as_str()].0, SMALLEST_TTL);
}

#[test]
fn link_that_leads_elsewhere_is_not_followed() {
    let mut world = world(SECRET);
    world.fake.elsewhere = Some("https://desec.io.attacker.example");
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::NoZone { .. }), "{error}");
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn ttl_is_never_below_what_the_domain_allows() {
    let variables = [("DESEC_TOKEN", SECRET), ("DESEC_TTL", "60")];
    let mut world = World::new("desec", &variables, DesecFake::default());
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.rrsets[NAME].0, SMALLEST_TTL);
}
