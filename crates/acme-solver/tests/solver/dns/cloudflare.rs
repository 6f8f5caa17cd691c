//! A stand-in of Cloudflare.
//!
//! After its published description of `/zones`, `/zones/{zone_id}/dns_records` and
//! `/zones/{zone_id}/dns_records/batch` (API v4), and the error codes that it documents: 6003 for a
//! header that can't be right, 9109 for a token without the permission, 81044 and 81058 for records
//! that are not there or there already. What it refuses: other tokens, unknown zones, batches above
//! 200 changes, contents without quotes, names outside of the zone.

use acme_solver::dns::DnsErrorKind;
use http::{Request, Response};
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, body, header, json, path, query};

#[derive(Default)]
struct CloudflareFake {
    /// Identity, name and content.
    records: Vec<(String, String, String)>,
    last_id: u32,
    batches: Vec<usize>,
}

impl CloudflareFake {
    fn batch(&mut self, zone: &str, body: &Value) -> Response<Vec<u8>> {
        let list = |member: &str| body[member].as_array().cloned().unwrap_or_default();
        let (posts, deletes) = (list("posts"), list("deletes"));
        self.batches.push(posts.len() + deletes.len());
        if posts.len() + deletes.len() > 200 {
            return error(400, 81065, "too many changes");
        }
        for delete in &deletes {
            if !self.records.iter().any(|(id, _, _)| delete["id"] == **id) {
                return error(404, 81044, "Record does not exist.");
            }
        }
        for post in &posts {
            let (name, content) = (post["name"].as_str().unwrap(), post["content"].as_str().unwrap());
            assert!(name.ends_with(zone) && post["type"] == "TXT" && post["ttl"].as_u64() >= Some(60));
            assert!(content.starts_with('"') && content.ends_with('"'), "{content}");
            if self.records.iter().any(|(_, n, c)| n == name && c == content) {
                return error(400, 81058, "An identical record already exists.");
            }
        }
        self.records.retain(|(id, _, _)| !deletes.iter().any(|delete| delete["id"] == **id));
        for post in &posts {
            let text = |member: &str| post[member].as_str().unwrap().to_owned();
            self.push(text("name"), text("content"));
        }
        json(200, &json!({ "success": true, "errors": [], "result": {} }))
    }

    fn push(&mut self, name: String, content: String) {
        self.last_id += 1;
        self.records.push((format!("record{}", self.last_id), name, content));
    }
}

impl Fake for CloudflareFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let token = header(request, "authorization").strip_prefix("Bearer ").unwrap_or_default();
        let login = (header(request, "x-auth-email"), header(request, "x-auth-key"));
        if token != SECRET && login != ("somebody@example.com", SECRET) {
            return error(403, 9109, &format!("Invalid access token {token}"));
        }
        let (path, query) = (path(request), query(request));
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["client", "v4", "zones", rest @ ..] = path.as_slice() else {
            return error(404, 7003, "no route");
        };
        match (request.method().as_str(), rest) {
            ("GET", []) => {
                let fillers = (0..90).map(|number| format!("filler{number}.test"));
                let names = fillers.chain(ZONES.map(str::to_owned));
                let zone =
                    |name: String| json!({ "id": format!("id-{name}"), "name": name, "status": "active" });
                let moved = json!({ "id": "old", "name": "_acme-challenge.example.com", "status": "moved" });
                page(std::iter::once(moved).chain(names.map(zone)).collect(), &query)
            }
            (_, [zone, ..]) if !ZONES.iter().any(|known| **zone == format!("id-{known}")) => {
                error(404, 7003, "Could not route to that zone")
            }
            ("GET", [_, "dns_records"]) => {
                assert_eq!(query["type"], "TXT");
                let own = self.records.iter().filter(|(_, name, _)| *name == query["name"]);
                let record = |(id, name, content): &(String, String, String)| json!({ "id": id, "name": name, "type": "TXT", "content": content, "ttl": 120 });
                page(own.map(record).collect(), &query)
            }
            ("POST", [zone, "dns_records", "batch"]) => {
                self.batch(zone.strip_prefix("id-").unwrap(), &body(request))
            }
            _ => error(405, 7001, "Method not available"),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let own = self.records.iter().filter(|(_, n, _)| n == name);
        own.map(|(_, _, content)| content.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        // Records from the dashboard may have no quotes.
        self.push(name.to_owned(), value.to_owned());
    }
}

fn page(items: Vec<Value>, query: &std::collections::BTreeMap<String, String>) -> Response<Vec<u8>> {
    let number = |name: &str| query[name].parse::<usize>().unwrap();
    let (size, page) = (number("per_page"), number("page"));
    assert!(size <= 100);
    let pages = items.len().div_ceil(size);
    let result: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
    let info = json!({ "page": page, "per_page": size, "count": result.len(), "total_pages": pages });
    json(200, &json!({ "success": true, "errors": [], "result": result, "result_info": info }))
}

fn error(status: u16, code: u32, message: &str) -> Response<Vec<u8>> {
    let errors = json!([{ "code": code, "message": message }]);
    json(status, &json!({ "success": false, "errors": errors, "messages": [], "result": null }))
}

fn world(secret: &str) -> World<CloudflareFake> {
    World::new("cloudflare", &[("CF_DNS_API_TOKEN", secret)], CloudflareFake::default())
}

contract!(super::world);

#[test]
fn all_values_of_a_zone_go_in_batches() {
    let mut world = world(SECRET);
    let names: Vec<String> =
        (0..250).map(|number| format!("_acme-challenge.h{number}.example.com")).collect();
    let values: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), VALUE)).collect();
    world.add(&values).unwrap();
    assert_eq!(world.fake.batches, [200, 50]);
    world.remove(&values).unwrap();
    assert!(world.fake.records.is_empty());
}

#[test]
fn batch_that_was_carried_out_unseen_is_no_error() {
    let mut world = world(SECRET);
    let zones_and_lists = {
        world.add(&[("_acme-challenge.www.example.com", VALUE)]).unwrap();
        std::mem::take(&mut world.requests).len() - 1
    };
    // The same record appears between the list and the batch, as it does when a reply was lost.
    world.meanwhile.insert(zones_and_lists, (NAME.into(), format!("\"{VALUE}\"")));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
}

#[test]
fn token_that_can_be_none_is_a_matter_of_credentials() {
    let mut world = world(SECRET);
    world.canned.push_back(error(400, 6003, "Invalid request headers"));
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 400, .. }), "{error}");
}

#[test]
fn zones_may_be_read_with_a_token_of_their_own() {
    let variables = [("CLOUDFLARE_DNS_API_TOKEN", "no-zones"), ("CF_ZONE_API_TOKEN", SECRET)];
    let mut world = World::new("cloudflare", &variables, CloudflareFake::default());
    assert_eq!(world.zones(&[NAME]).unwrap()[0].id, "id-example.com");
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { .. }), "{error}");
    assert!(!error.to_string().contains("no-zones"));
}

#[test]
fn key_of_the_account_is_taken_where_there_is_no_token() {
    let variables = [("CLOUDFLARE_EMAIL", "somebody@example.com"), ("CLOUDFLARE_API_KEY", SECRET)];
    let mut world = World::new("cloudflare", &variables, CloudflareFake::default());
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert!(!format!("{:?}", world.provider).contains(SECRET));
}
