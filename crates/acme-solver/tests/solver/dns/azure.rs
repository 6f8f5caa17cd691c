//! A stand-in of Azure DNS.
//!
//! After the published description of its API (azure-rest-api-specs, dns 2018-05-01: Zones_List,
//! Zones_ListByResourceGroup, RecordSets_Get, RecordSets_CreateOrUpdate, RecordSets_Delete), and those
//! of the client credentials grant and of the tokens of virtual machines. What it refuses: wrong
//! secrets, tokens that it did not hand out or that have ended, other subscriptions, groups, zones and
//! versions, and writes whose `If-Match` or `If-None-Match` does not hold.

use std::collections::BTreeMap;

use acme_solver::dns::{self, CredentialError, DnsErrorKind};
use http::{Request, Response};
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, body, form, header, is_for, json, path, query};

#[derive(Default)]
pub(super) struct AzureFake {
    /// The number of the state, TTL and values in pieces, by absolute name.
    rrsets: BTreeMap<String, (u32, u64, Vec<Vec<String>>)>,
    last_state: u32,
    /// How many tokens there were; only the last is good.
    tokens: usize,
    /// Before which request of the API the last token ends.
    expires_before: Option<usize>,
    requests: usize,
    writes: usize,
}

impl AzureFake {
    fn token(&mut self, expires_in: &Value) -> Response<Vec<u8>> {
        self.tokens += 1;
        let token = format!("eyJ0.token-{}", self.tokens);
        json(200, &json!({ "token_type": "Bearer", "expires_in": expires_in, "access_token": token }))
    }

    fn grant(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", "/a-tenant/oauth2/v2.0/token")
        );
        let form = form(request);
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["scope"], "https://management.azure.com/.default");
        if form["client_id"] == "a-client" && form["client_secret"] == SECRET {
            return self.token(&json!(3599));
        }
        let words = format!("AADSTS7000215: Invalid client secret provided: {}", form["client_secret"]);
        json(401, &json!({ "error": "invalid_client", "error_description": words }))
    }

    fn machine(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(request.uri().path(), "/metadata/identity/oauth2/token");
        assert_eq!((request.uri().scheme_str(), header(request, "metadata")), (Some("http"), "true"));
        let query = query(request);
        assert_eq!(query["api-version"], "2018-02-01");
        assert_eq!(query["resource"], "https://management.azure.com");
        if query.get("client_id").is_some_and(|id| id != "an-identity") {
            return json(
                400,
                &json!({ "error": "invalid_request", "error_description": "Identity not found" }),
            );
        }
        // A text, as that service writes it.
        self.token(&json!("86399"))
    }

    fn api(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.requests += 1;
        if self.expires_before == Some(self.requests) {
            self.tokens += 1;
        }
        let token = header(request, "authorization");
        if self.tokens == 0 || token != format!("Bearer eyJ0.token-{}", self.tokens) {
            return error(401, "ExpiredAuthenticationToken", &format!("The access token is over: {token}"));
        }
        assert_eq!(query(request)["api-version"], "2018-05-01");
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["subscriptions", "a-subscription", rest @ ..] = path.as_slice() else {
            return error(404, "SubscriptionNotFound", "The subscription could not be found.");
        };
        match (request.method().as_str(), rest) {
            ("GET", ["providers", "Microsoft.Network", "dnsZones"]) => {
                zones(request, &["a-group", "another"])
            }
            ("GET", ["resourceGroups", group, "providers", "Microsoft.Network", "dnsZones"]) => {
                zones(request, &[group])
            }
            (
                method,
                ["resourceGroups", group, "providers", "Microsoft.Network", "dnsZones", zone, "TXT", name],
            ) => {
                if group_of(zone) != Some(*group) {
                    return error(404, "ParentResourceNotFound", "The parent resource was not found.");
                }
                let name = if *name == "@" { (*zone).to_owned() } else { format!("{name}.{zone}") };
                self.rrset(method, &name, request)
            }
            _ => error(404, "NotFound", "no"),
        }
    }

    fn rrset(&mut self, method: &str, name: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let held = self.rrsets.get(name).map(|(state, _, _)| format!("state-{state}"));
        if method == "GET" {
            return match held {
                Some(_) => json(200, &self.shown(name)),
                None => error(404, "NotFound", "The resource record does not exist."),
            };
        }
        self.writes += 1;
        let (tag, none) = (header(request, "if-match"), header(request, "if-none-match"));
        assert!(tag.is_empty() != none.is_empty(), "exactly one condition");
        let holds = if none == "*" { held.is_none() } else { held.as_deref() == Some(tag) };
        if !holds {
            return error(412, "PreconditionFailed", "The condition 'If-Match' was not satisfied.");
        }
        if method == "DELETE" {
            self.rrsets.remove(name);
            return json(200, &json!(null));
        }
        assert_eq!(method, "PUT");
        let body = body(request);
        let pieces = |record: &Value| serde_json::from_value::<Vec<String>>(record["value"].clone()).unwrap();
        let records: Vec<_> =
            body["properties"]["TXTRecords"].as_array().unwrap().iter().map(pieces).collect();
        assert!(!records.is_empty() && records.iter().flatten().all(|piece| piece.chars().count() <= 255));
        self.last_state += 1;
        let ttl = body["properties"]["TTL"].as_u64().unwrap();
        self.rrsets.insert(name.to_owned(), (self.last_state, ttl, records));
        json(201, &self.shown(name))
    }

    fn shown(&self, name: &str) -> Value {
        let (state, ttl, records) = &self.rrsets[name];
        let records: Vec<Value> = records.iter().map(|pieces| json!({ "value": pieces })).collect();
        let properties = json!({ "TTL": ttl, "fqdn": format!("{name}."), "TXTRecords": records });
        json!({ "etag": format!("state-{state}"), "properties": properties })
    }
}

impl Fake for AzureFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match request.uri().path().split('/').nth(1) {
            Some("a-tenant") => {
                assert!(is_for(request, "login.microsoftonline.com"));
                self.grant(request)
            }
            Some("metadata") => {
                assert!(is_for(request, "169.254.169.254"));
                self.machine(request)
            }
            _ => {
                assert!(is_for(request, "management.azure.com"));
                self.api(request)
            }
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let records = self.rrsets.get(name).map(|(_, _, records)| records.clone());
        records.unwrap_or_default().iter().map(|pieces| pieces.concat()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        self.last_state += 1;
        let rrset = self.rrsets.entry(name.to_owned()).or_insert_with(|| (0, 300, Vec::new()));
        rrset.0 = self.last_state;
        rrset.2.push(vec![value.to_owned()]);
    }
}

fn group_of(zone: &str) -> Option<&'static str> {
    match zone {
        "example.org" => Some("another"),
        zone => ZONES.contains(&zone).then_some("a-group"),
    }
}

/// Pages of a hundred zones. The link to the next has a port, as that service writes it.
fn zones(request: &Request<Vec<u8>>, groups: &[&str]) -> Response<Vec<u8>> {
    let fillers = (0..150).map(|number| ("a-group", format!("filler{number}.test")));
    let own = ZONES.iter().map(|zone| (group_of(zone).unwrap(), (*zone).to_owned()));
    let all: Vec<Value> = fillers
        .chain(own)
        .filter(|(group, _)| groups.contains(group))
        .map(|(group, name)| json!({ "id": id(group, &name), "name": name, "location": "global" }))
        .collect();
    let query = query(request);
    let start: usize = query.get("$skipToken").map_or(0, |token| token.parse().unwrap());
    let mut reply = json!({ "value": all.iter().skip(start).take(100).collect::<Vec<_>>() });
    if start + 100 < all.len() {
        let path = request.uri().path();
        let link = format!(
            "https://management.azure.com:443{path}?api-version=2018-05-01&$skipToken={}",
            start + 100
        );
        reply["nextLink"] = link.into();
    }
    json(200, &reply)
}

fn id(group: &str, zone: &str) -> String {
    let resource = "providers/Microsoft.Network/dnsZones";
    format!("/subscriptions/a-subscription/resourceGroups/{group}/{resource}/{zone}")
}

fn error(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    json(status, &json!({ "error": { "code": code, "message": message } }))
}

pub(super) fn variables(secret: &str) -> [(&str, &str); 4] {
    [
        ("AZURE_SUBSCRIPTION_ID", "a-subscription"),
        ("AZURE_TENANT_ID", "a-tenant"),
        ("AZURE_CLIENT_ID", "a-client"),
        ("AZURE_CLIENT_SECRET", secret),
    ]
}

fn world(secret: &str) -> World<AzureFake> {
    World::new("azuredns", &variables(secret), AzureFake::default())
}

fn refused(variables: &[(&str, &str)]) -> CredentialError {
    let find = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    dns::service("azuredns").unwrap().provider(&find).unwrap_err()
}

contract!(super::world);

#[test]
fn no_update_of_another_writer_is_lost() {
    for is_there in [false, true] {
        let mut world = world(SECRET);
        if is_there {
            world.fake.put(NAME, "first");
        }
        world.zones(&[NAME]).unwrap();
        // The token is there; the pages of zones, the read, and then the write.
        let pages = world.requests.len() - 1;
        world.meanwhile.insert(world.requests.len() + pages + 1, (NAME.into(), "other".into()));
        world.add(&[(NAME, VALUE)]).unwrap();
        let expected: &[&str] = if is_there { &["first", "other", VALUE] } else { &["other", VALUE] };
        assert_eq!(world.fake.values(NAME), expected);
        assert_eq!(world.fake.writes, 2);
    }
}

#[test]
fn value_that_came_before_the_last_is_deleted_stays() {
    let mut world = world(SECRET);
    world.add(&[(NAME, VALUE)]).unwrap();
    let (before, pages) = (world.requests.len(), 2);
    world.meanwhile.insert(before + pages + 1, (NAME.into(), "other".into()));
    world.remove(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), ["other"]);
}

#[test]
fn long_values_and_the_ttl_of_others_stay() {
    let mut world = world(SECRET);
    let long = "k".repeat(400);
    world.fake.rrsets.insert(NAME.into(), (7, 3600, vec![vec![long[..255].into(), long[255..].into()]]));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [long.as_str(), VALUE]);
    assert_eq!(world.fake.rrsets[NAME].1, 3600);
}

#[test]
fn token_that_ended_in_mid_flow_is_replaced_once() {
    let mut world = world(SECRET);
    world.fake.expires_before = Some(3);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    let asked = world.requests.iter().filter(|request| request.contains("oauth2")).count();
    assert_eq!(asked, 2);
}

#[test]
fn token_that_is_never_taken_is_given_up_and_not_shown() {
    let mut world = world(SECRET);
    // Every token ends before it is used.
    world.fake.expires_before = Some(1);
    world.canned.push_back(json(200, &json!({ "access_token": "eyJ0.first", "expires_in": 3599 })));
    world.canned.push_back(error(401, "ExpiredAuthenticationToken", "no"));
    world.canned.push_back(json(200, &json!({ "access_token": "eyJ0.second", "expires_in": 3599 })));
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("Bearer ***") && !error.to_string().contains("second"), "{error}");
}

#[test]
fn only_the_given_group_and_zone_are_written() {
    let mut with_group = variables(SECRET).to_vec();
    with_group.push(("AZURE_RESOURCE_GROUP", "a-group"));
    let mut world = World::new("azuredns", &with_group, AzureFake::default());
    assert_eq!(world.zones(&[NAME]).unwrap()[0].id, id("a-group", "example.com"));
    assert!(world.zones(&["_acme-challenge.example.org"]).is_err());

    let mut with_zone = variables(SECRET).to_vec();
    with_zone.push(("AZURE_ZONE_NAME", "Example.com."));
    let mut world = World::new("azuredns", &with_zone, AzureFake::default());
    let zones = world.zones(&["_acme-challenge.a.sub.example.com"]).unwrap();
    assert_eq!(zones[0].name, "example.com");
}

#[test]
fn managed_identity_is_used_when_asked_for() {
    for client in [None, Some("an-identity"), Some("unknown")] {
        let mut variables = vec![("AZURE_SUBSCRIPTION_ID", "a-subscription"), ("AZURE_AUTH_METHOD", "msi")];
        variables.extend(client.map(|client| ("AZURE_CLIENT_ID", client)));
        let mut world = World::new("azuredns", &variables, AzureFake::default());
        let result = world.add(&[(NAME, VALUE)]);
        if client == Some("unknown") {
            assert!(matches!(result.unwrap_err().kind, DnsErrorKind::Refused { status: 400, .. }));
        } else {
            result.unwrap();
            assert_eq!(world.fake.values(NAME), [VALUE]);
        }
    }
}

#[test]
fn clouds_have_addresses_of_their_own() {
    for (cloud, login, api) in [
        ("china", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn/"),
        ("usgovernment", "login.microsoftonline.us", "https://management.usgovcloudapi.net/"),
    ] {
        let mut variables = variables(SECRET).to_vec();
        variables.push(("AZURE_ENVIRONMENT", cloud));
        let mut world = World::new("azuredns", &variables, AzureFake::default());
        world.canned.push_back(json(200, &json!({ "access_token": "eyJ0.x", "expires_in": 3599 })));
        world.canned.push_back(json(200, &json!({ "value": [] })));
        assert!(matches!(world.zones(&[NAME]).unwrap_err().kind, DnsErrorKind::NoZone { .. }));
        assert!(world.requests[0].contains(login), "{}", world.requests[0]);
        assert!(world.requests[1].contains(api), "{}", world.requests[1]);
    }
}

#[test]
fn link_to_elsewhere_takes_no_token_there() {
    let mut world = world(SECRET);
    world.canned.push_back(json(200, &json!({ "access_token": "eyJ0.x", "expires_in": 3599 })));
    world.canned.push_back(json(200, &json!({ "value": [], "nextLink": "https://evil.example/a?b=c" })));
    world.canned.push_back(json(200, &json!({ "value": [] })));
    assert!(world.zones(&[NAME]).is_err());
    assert_eq!(world.requests[2], "GET https://management.azure.com/a?b=c");
}

#[test]
fn what_is_missing_or_unknown_is_told() {
    let all = variables(SECRET);
    for (left_out, name) in all.iter().map(|(name, _)| *name).enumerate() {
        let rest: Vec<_> =
            all.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, pair)| *pair).collect();
        assert!(matches!(refused(&rest), CredentialError::Missing { variable, .. } if variable == name));
    }
    for (name, text) in [("AZURE_ENVIRONMENT", "moon"), ("AZURE_AUTH_METHOD", "cli")] {
        let mut variables = all.to_vec();
        variables.push((name, text));
        assert!(
            matches!(refused(&variables), CredentialError::Malformed { variable, .. } if variable == name)
        );
    }
}
