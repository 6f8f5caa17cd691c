//! A stand-in of DigitalOcean.
//!
//! After its published reference of "Domains" and "Domain Records" (API v2). What it refuses: other
//! tokens, unknown domains, more than 200 items on a page, names that are absolute without a dot at
//! the end, TTLs below 30. It takes the same record twice.

use http::{Request, Response};
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, body, header, json, path, query};

#[derive(Default)]
struct DigitalOceanFake {
    /// Identity, absolute name and data.
    records: Vec<(u64, String, String)>,
    last_id: u64,
}

impl DigitalOceanFake {
    fn create(&mut self, zone: &str, record: &Value) -> Response<Vec<u8>> {
        let name = record["name"].as_str().unwrap();
        if record["ttl"].as_u64() < Some(30) {
            return error(422, "unprocessable_entity", "TTL must be at least 30");
        }
        if name.ends_with(zone) || record["type"] != "TXT" {
            return error(422, "unprocessable_entity", "Name is not relative to the domain");
        }
        let absolute = if name == "@" { zone.to_owned() } else { format!("{name}.{zone}") };
        self.put(&absolute, record["data"].as_str().unwrap());
        json(201, &json!({ "domain_record": { "id": self.last_id } }))
    }
}

impl Fake for DigitalOceanFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if header(request, "authorization") != format!("Bearer {SECRET}") {
            return error(401, "Unauthorized", "Unable to authenticate you");
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["v2", "domains", rest @ ..] = path.as_slice() else {
            return error(404, "not_found", "no route");
        };
        match (request.method().as_str(), rest) {
            ("GET", []) => {
                let fillers = (0..450).map(|number| format!("filler{number}.test"));
                let names = fillers.chain(ZONES.map(str::to_owned));
                page("domains", names.map(|name| json!({ "name": name, "ttl": 1800 })).collect(), request)
            }
            (_, [zone, ..]) if !ZONES.contains(zone) => {
                error(404, "not_found", "The resource you requested could not be found.")
            }
            ("GET", [zone, "records"]) => {
                let query = query(request);
                assert_eq!(query["type"], "TXT");
                let own = self.records.iter().filter(|(_, name, _)| *name == query["name"]);
                let record = |(id, name, data): &(u64, String, String)| {
                    let name = name.strip_suffix(zone).unwrap().trim_end_matches('.');
                    json!({ "id": id, "type": "TXT", "name": name, "data": data, "ttl": 30 })
                };
                page("domain_records", own.map(record).collect(), request)
            }
            ("POST", [zone, "records"]) => self.create(zone, &body(request)),
            ("DELETE", [_, "records", id]) => {
                let before = self.records.len();
                self.records.retain(|(other, _, _)| other.to_string() != **id);
                match self.records.len() == before {
                    true => error(404, "not_found", "The resource you requested could not be found."),
                    false => Response::builder().status(204).body(Vec::new()).unwrap(),
                }
            }
            _ => error(405, "method_not_allowed", "no"),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let own = self.records.iter().filter(|(_, n, _)| n == name);
        own.map(|(_, _, data)| data.clone()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        self.last_id += 1;
        self.records.push((self.last_id, name.to_owned(), value.to_owned()));
    }
}

fn page(member: &str, items: Vec<Value>, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let query = query(request);
    let number = |name: &str| query[name].parse::<usize>().unwrap();
    let (size, page) = (number("per_page"), number("page"));
    assert!(size <= 200);
    let pages = match page * size < items.len() {
        true => json!({ "next": format!("https://api.digitalocean.com/v2/domains?page={}", page + 1) }),
        false => json!({}),
    };
    let total = items.len();
    let own: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
    json(200, &json!({ member: own, "links": { "pages": pages }, "meta": { "total": total } }))
}

fn error(status: u16, id: &str, message: &str) -> Response<Vec<u8>> {
    json(status, &json!({ "id": id, "message": message }))
}

fn world(secret: &str) -> World<DigitalOceanFake> {
    World::new("digitalocean", &[("DO_AUTH_TOKEN", secret)], DigitalOceanFake::default())
}

contract!(super::world);

#[test]
fn record_that_is_there_twice_is_removed_twice() {
    let mut world = world(SECRET);
    world.fake.put(NAME, VALUE);
    world.fake.put(NAME, VALUE);
    world.fake.put(NAME, "other");
    world.remove(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), ["other"]);
}

#[test]
fn record_at_the_apex_of_a_zone_has_a_name() {
    let mut world = world(SECRET);
    world.add(&[("example.org", VALUE)]).unwrap();
    assert_eq!(world.fake.values("example.org"), [VALUE]);
}
