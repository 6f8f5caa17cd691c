//! A stand-in of PowerDNS's authoritative server.
//!
//! After the description of its HTTP API (`authoritative-api-openapi.yaml` of its source) and what
//! version 4.7.3 answers.

use std::collections::BTreeMap;

use http::{Request, Response};
use serde_json::{Value, json};

use super::world::{Fake, SECRET, ZONES, body, header, json, path, query};

/// PowerDNS with the zones of the tests.
#[derive(Default)]
pub(crate) struct PowerDnsFake {
    /// TTL and contents of the TXT RRsets, by absolute name.
    rrsets: BTreeMap<String, (u64, Vec<String>)>,
    pub(crate) notified: Vec<String>,
    pub(crate) is_old: bool,
    /// It is behind a proxy that lets no long reply through.
    pub(crate) is_large: bool,
}

impl PowerDnsFake {
    fn zones(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let wanted = query(request).get("zone").cloned();
        if self.is_large && wanted.is_none() {
            return json(413, &json!({}));
        }
        let zone =
            |name: &str| json!({ "id": format!("{name}."), "name": format!("{name}."), "kind": kind(name) });
        let zones = ZONES.iter().map(|name| zone(name));
        let listed = zones.filter(|zone| wanted.as_ref().is_none_or(|wanted| zone["name"] == *wanted));
        json(200, &listed.collect())
    }

    fn zone(&self, zone: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        if self.is_large && !query.contains_key("rrset_name") {
            return json(413, &json!({}));
        }
        let is_wanted =
            |name: &str| self.is_old || query.get("rrset_name").is_none_or(|wanted| wanted == name);
        let rrset = |(name, (ttl, contents)): (&String, &(u64, Vec<String>))| {
            let records: Vec<Value> =
                contents.iter().map(|content| json!({ "content": content, "disabled": false })).collect();
            json!({ "name": name, "type": "TXT", "ttl": ttl, "records": records, "comments": [] })
        };
        let soa = json!({ "name": zone, "type": "SOA", "ttl": 3600, "records": [] });
        let own = self.rrsets.iter().filter(|(name, _)| name.ends_with(zone) && is_wanted(name)).map(rrset);
        let rrsets: Vec<Value> = std::iter::once(soa).filter(|_| is_wanted(zone)).chain(own).collect();
        json(200, &json!({ "id": zone, "name": zone, "rrsets": rrsets }))
    }

    fn patch(&mut self, zone: &str, body: &Value) -> Response<Vec<u8>> {
        let rrsets = body["rrsets"].as_array().unwrap();
        if let Some(error) = rrsets.iter().find_map(|rrset| fault(zone, rrset)) {
            return json(422, &json!({ "error": error }));
        }
        for rrset in rrsets {
            let name = rrset["name"].as_str().unwrap().to_owned();
            let records = rrset["records"].as_array().map(Vec::as_slice).unwrap_or_default();
            let contents: Vec<String> =
                records.iter().map(|record| record["content"].as_str().unwrap().to_owned()).collect();
            match rrset["changetype"].as_str().unwrap() {
                "DELETE" => drop(self.rrsets.remove(&name)),
                _ => drop(self.rrsets.insert(name, (rrset["ttl"].as_u64().unwrap(), contents))),
            }
        }
        Response::builder().status(204).body(Vec::new()).unwrap()
    }

    pub(crate) fn ttl(&self, name: &str) -> Option<u64> {
        self.rrsets.get(&format!("{name}.")).map(|(ttl, _)| *ttl)
    }

    pub(crate) fn put_with_ttl(&mut self, name: &str, value: &str, ttl: u64) {
        self.put(name, value);
        self.rrsets.get_mut(&format!("{name}.")).unwrap().0 = ttl;
    }
}

impl Fake for PowerDnsFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let text = |status: u16, text: &str| Response::builder().status(status).body(text.into()).unwrap();
        if header(request, "x-api-key") != SECRET {
            return text(401, &format!("Unauthorized: {}", header(request, "x-api-key")));
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_known = |zone: &str| ZONES.iter().any(|known| zone == format!("{known}."));
        match (request.method().as_str(), path.as_slice()) {
            ("GET", ["api", "v1", "servers", "localhost", "zones"]) => self.zones(request),
            (_, ["api", "v1", "servers", "localhost", "zones", zone, ..]) if !is_known(zone) => {
                text(404, "Not Found")
            }
            ("GET", ["api", "v1", "servers", "localhost", "zones", zone]) => self.zone(zone, request),
            ("PATCH", ["api", "v1", "servers", "localhost", "zones", zone]) => {
                self.patch(zone, &body(request))
            }
            ("PUT", ["api", "v1", "servers", "localhost", "zones", zone, "notify"]) => {
                self.notified.push((*zone).to_owned());
                json(200, &json!({ "result": "Notification queued" }))
            }
            _ => text(404, "Not Found"),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let contents = self.rrsets.get(&format!("{name}.")).map(|(_, contents)| contents.clone());
        contents.unwrap_or_default().iter().map(|content| content.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let rrset = self.rrsets.entry(format!("{name}.")).or_insert((60, Vec::new()));
        rrset.1.push(format!("\"{value}\""));
    }
}

fn kind(zone: &str) -> &'static str {
    if zone == "example.org" { "Native" } else { "Master" }
}

/// What the server says of an RRset that it does not take.
fn fault(zone: &str, rrset: &Value) -> Option<String> {
    let name = rrset["name"].as_str().unwrap();
    if !name.ends_with(zone) {
        return Some(format!("RRset {name} IN TXT: Name is out of zone"));
    }
    let records = rrset["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bare = |content: &&str| !(content.starts_with('"') && content.ends_with('"'));
    let contents = records.iter().map(|record| record["content"].as_str().unwrap());
    let wrong = contents.clone().find(bare);
    if let Some(content) = wrong {
        return Some(format!("Record {name}/TXT '{content}': Not in expected format"));
    }
    let mut distinct: Vec<&str> = contents.collect();
    distinct.sort_unstable();
    distinct.dedup();
    (distinct.len() != records.len()).then(|| format!("RRset {name} IN TXT has duplicate records"))
}
