//! A stand-in of Google Cloud DNS.
//!
//! After the published discovery document of the API (dns v1: managedZones, resourceRecordSets,
//! changes), the description of OAuth 2.0 for server to server applications, and that of the metadata
//! server of Compute Engine. What it refuses: assertions that the account's key did not sign, that
//! are for another audience or scope, or that are too old; tokens that it did not hand out or that
//! have ended; unknown projects and zones; changes that delete what is not there or is not the same,
//! or that add what is there. A change is done at the second look.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use acme_keys::AccountKey;
use acme_proto::{Algorithm, Signer};
use acme_solver::dns::{self, CredentialError, DnsErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, START, World, ZONES, body, form, header, is_for, json, path, query, url};

pub(super) struct GoogleFake {
    /// TTL and quoted values, by absolute name.
    rrsets: BTreeMap<String, (u64, Vec<String>)>,
    /// How many tokens there were; only the last is good.
    tokens: usize,
    lifetime: u64,
    /// Before which request of the API the last token ends.
    expires_before: Option<usize>,
    requests: usize,
    /// How often each change was looked at.
    changes: Vec<usize>,
    /// At which look a change is done.
    done_at: usize,
    /// In seconds.
    clock: i64,
}

impl Default for GoogleFake {
    fn default() -> Self {
        Self {
            rrsets: BTreeMap::new(),
            tokens: 0,
            lifetime: 3599,
            expires_before: None,
            requests: 0,
            changes: Vec::new(),
            done_at: 2,
            clock: START,
        }
    }
}

impl GoogleFake {
    /// One whose clock begins at a moment, and that is done at once.
    pub(super) fn at(moment: Timestamp) -> Self {
        Self { clock: moment.as_second(), done_at: 0, ..Self::default() }
    }

    fn grant(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let form = form(request);
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (message, signature) = form["assertion"].rsplit_once('.').unwrap();
        let decoded =
            |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
        let (first, second) = message.split_once('.').unwrap();
        assert_eq!(decoded(first), json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
        let claims = decoded(second);
        let issued = claims["iat"].as_i64().unwrap();
        let is_fresh = (self.clock..self.clock + 600).contains(&issued) && claims["exp"] == issued + 3600;
        let is_right = claims["iss"] == EMAIL && claims["scope"] == SCOPE && claims["aud"] == url(request);
        let is_signed = URL_SAFE_NO_PAD.encode(key(SECRET).sign(message.as_bytes()).unwrap()) == signature;
        if is_fresh && is_right && is_signed {
            return self.token();
        }
        let words = format!("Invalid JWT Signature: {message}");
        json(400, &json!({ "error": "invalid_grant", "error_description": words }))
    }

    fn token(&mut self) -> Response<Vec<u8>> {
        self.tokens += 1;
        let token = format!("ya29.token-{}", self.tokens);
        let (token_type, expires_in) = ("Bearer", self.lifetime);
        json(200, &json!({ "access_token": token, "expires_in": expires_in, "token_type": token_type }))
    }

    fn api(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.requests += 1;
        if self.expires_before == Some(self.requests) {
            self.tokens += 1;
        }
        let token = header(request, "authorization");
        if self.tokens == 0 || token != format!("Bearer ya29.token-{}", self.tokens) {
            return error(401, "authError", &format!("Request had invalid credentials: {token}"));
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["dns", "v1", "projects", "a-project", "managedZones", rest @ ..] = path.as_slice() else {
            return error(403, "forbidden", "The caller does not have permission");
        };
        match (request.method().as_str(), rest) {
            ("GET", []) => zones(request),
            (_, [zone, ..]) if dns_name(zone).is_none() => {
                let words = format!("The 'parameters.managedZone' resource named '{zone}' does not exist.");
                error(404, "notFound", &words)
            }
            ("GET", [zone]) => json(200, &listed(zone)),
            ("GET", [_, "rrsets"]) => self.read(request),
            ("POST", [zone, "changes"]) => self.change(&dns_name(zone).unwrap(), &body(request)),
            ("GET", [_, "changes", id]) => {
                let id: usize = id.parse().unwrap();
                self.changes[id] += 1;
                json(200, &self.state(id))
            }
            _ => error(404, "notFound", "no"),
        }
    }

    fn read(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        assert_eq!(query["type"], "TXT");
        let rrset = self.rrsets.get(&query["name"]).map(
            |(ttl, values)| json!({ "name": query["name"], "type": "TXT", "ttl": ttl, "rrdatas": values }),
        );
        json(200, &json!({ "rrsets": rrset.into_iter().collect::<Vec<_>>() }))
    }

    fn change(&mut self, zone: &str, change: &Value) -> Response<Vec<u8>> {
        let mut rrsets = self.rrsets.clone();
        for deletion in change["deletions"].as_array().unwrap() {
            let (name, rrset) = read_rrset(zone, deletion);
            let words = |end: &str| format!("{end} 'entity.change.deletions[0]' {name}");
            match rrsets.remove(&name) {
                None => return error(404, "notFound", &words("does not exist:")),
                Some(held) if held != rrset => {
                    return error(412, "conditionNotMet", &words("Precondition not met for"));
                }
                Some(_) => {}
            }
        }
        for addition in change["additions"].as_array().unwrap() {
            let (name, rrset) = read_rrset(zone, addition);
            if rrsets.insert(name, rrset).is_some() {
                return error(
                    409,
                    "alreadyExists",
                    "The resource 'entity.change.additions[0]' already exists",
                );
            }
        }
        self.rrsets = rrsets;
        self.changes.push(0);
        json(200, &self.state(self.changes.len() - 1))
    }

    fn state(&self, id: usize) -> Value {
        let status = if self.changes[id] < self.done_at { "pending" } else { "done" };
        json!({ "kind": "dns#change", "id": id.to_string(), "status": status })
    }
}

impl Fake for GoogleFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match request.uri().path() {
            "/token" => {
                assert!(is_for(request, "oauth2.googleapis.com"));
                self.grant(request)
            }
            "/computeMetadata/v1/instance/service-accounts/default/token" => {
                assert!(is_for(request, "metadata.google.internal"));
                assert_eq!(request.uri().scheme_str(), Some("http"));
                assert_eq!(header(request, "metadata-flavor"), "Google");
                self.token()
            }
            _ => {
                assert!(is_for(request, "dns.googleapis.com"));
                self.api(request)
            }
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let values = self.rrsets.get(&format!("{name}.")).map(|(_, values)| values.clone());
        values.unwrap_or_default().iter().map(|value| value.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let rrset = self.rrsets.entry(format!("{name}.")).or_insert_with(|| (300, Vec::new()));
        rrset.1.push(format!("\"{value}\""));
    }

    fn waits_for_changes(&self) -> bool {
        true
    }
}

/// Pages of a hundred zones; private ones are among them, also of a name that a public one has.
fn zones(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let fillers = (0..150).map(|number| {
        json!({ "name": format!("f{number}"), "dnsName": format!("f{number}.test."), "visibility": "public" })
    });
    let hidden = ["_acme-challenge.example.com.", "example.com.", "private.example."]
        .map(|name| json!({ "name": "private", "dnsName": name, "visibility": "private" }));
    let own = ["zone-0", "zone-1", "zone-2"].map(listed);
    let all: Vec<Value> =
        own.iter().take(1).cloned().chain(fillers).chain(hidden).chain(own.clone()).collect();
    let start = query(request).get("pageToken").map_or(0, |token| token.parse().unwrap());
    let page: Vec<&Value> = all.iter().skip(start).take(100).collect();
    let mut reply = json!({ "kind": "dns#managedZonesListResponse", "managedZones": page });
    if start + 100 < all.len() {
        reply["nextPageToken"] = (start + 100).to_string().into();
    }
    json(200, &reply)
}

fn listed(zone: &str) -> Value {
    json!({ "name": zone, "dnsName": dns_name(zone).unwrap(), "id": "1234567890", "visibility": "public" })
}

fn dns_name(zone: &str) -> Option<String> {
    let number: usize = zone.strip_prefix("zone-")?.parse().ok()?;
    ZONES.get(number).map(|name| format!("{name}."))
}

fn read_rrset(zone: &str, rrset: &Value) -> (String, (u64, Vec<String>)) {
    let name = rrset["name"].as_str().unwrap().to_owned();
    let values = rrset["rrdatas"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned());
    let values: Vec<String> = values.collect();
    assert!(name.ends_with(zone) && rrset["type"] == "TXT" && !values.is_empty(), "{rrset}");
    assert!(values.iter().all(|value| value.starts_with('"') && value.ends_with('"')), "{values:?}");
    (name, (rrset["ttl"].as_u64().unwrap(), values))
}

fn error(status: u16, reason: &str, message: &str) -> Response<Vec<u8>> {
    let errors = [json!({ "domain": "global", "reason": reason, "message": message })];
    json(status, &json!({ "error": { "code": status, "message": message, "errors": errors } }))
}

/// The key of the account, or of another one.
fn key(secret: &str) -> &'static AccountKey {
    static RIGHT: OnceLock<AccountKey> = OnceLock::new();
    static WRONG: OnceLock<AccountKey> = OnceLock::new();
    let key = if secret == SECRET { &RIGHT } else { &WRONG };
    key.get_or_init(|| AccountKey::generate(Algorithm::Rs256).unwrap())
}

pub(super) fn account(secret: &str, token_url: &str) -> String {
    let account = json!({
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "key-1",
        "private_key": key(secret).to_pem().expose().to_string(),
        "client_email": EMAIL,
        "client_id": "123",
        "token_uri": token_url,
    });
    account.to_string()
}

fn world(secret: &str) -> World<GoogleFake> {
    World::new("gcloud", &[("GCE_SERVICE_ACCOUNT", &account(secret, TOKEN_URL))], GoogleFake::default())
}

const EMAIL: &str = "acme@a-project.iam.gserviceaccount.com";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";

contract!(super::world);

#[test]
fn change_is_waited_for_until_it_is_done() {
    let mut world = world(SECRET);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.waits, [Duration::from_secs(3); 2]);
    assert_eq!((world.fake.tokens, world.fake.changes.len()), (1, 1));
}

#[test]
fn rrset_that_changed_in_between_is_read_again() {
    for is_there in [false, true] {
        let mut world = world(SECRET);
        if is_there {
            world.fake.put(NAME, "first");
        }
        world.zones(&[NAME]).unwrap();
        // The token is there; the pages of zones, the read, and then the change.
        let zones = world.requests.len() - 1;
        world.meanwhile.insert(world.requests.len() + zones + 1, (NAME.into(), "other".into()));
        world.add(&[(NAME, VALUE)]).unwrap();
        let expected: &[&str] = if is_there { &["first", "other", VALUE] } else { &["other", VALUE] };
        assert_eq!(world.fake.values(NAME), expected);
        assert_eq!(world.fake.changes.len(), 1);
    }
}

#[test]
fn rrset_that_went_in_between_is_read_again() {
    let mut world = world(SECRET);
    world.fake.put(NAME, "other");
    let gone = error(404, "notFound", "The 'entity.change.deletions[0]' resource does not exist.");
    world.zones(&[NAME]).unwrap();
    world.meanwhile_canned.insert(world.requests.len() * 2, gone);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), ["other", VALUE]);
}

#[test]
fn token_that_ended_in_mid_flow_is_replaced_once() {
    let mut world = world(SECRET);
    // The two pages of zones, and then the read.
    world.fake.expires_before = Some(3);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    let asked = world.requests.iter().filter(|request| request.contains("oauth2")).count();
    assert_eq!(asked, 2);
}

#[test]
fn token_is_not_used_to_its_very_end() {
    let mut world = world(SECRET);
    world.fake.lifetime = 62;
    world.add(&[(NAME, VALUE)]).unwrap();
    let asked = world.requests.iter().filter(|request| request.contains("oauth2")).count();
    assert_eq!((asked, world.waits.len()), (3, 2), "one more after each wait of three seconds");
}

#[test]
fn token_that_is_never_taken_is_given_up_and_not_shown() {
    let mut world = world(SECRET);
    world.canned.push_back(json(200, &json!({ "access_token": "ya29.secret-1", "expires_in": 3599 })));
    world.canned.push_back(error(401, "authError", "invalid"));
    world.canned.push_back(json(200, &json!({ "access_token": "ya29.secret-2", "expires_in": 3599 })));
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("Bearer ***"), "{error}");
    assert_eq!(world.requests.len(), 4);
}

#[test]
fn rate_limit_with_status_403_is_waited_for() {
    let mut world = world(SECRET);
    world.zones(&[NAME]).unwrap();
    world.canned.push_back(error(403, "rateLimitExceeded", "Quota exceeded"));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.waits[0], Duration::from_secs(1));
}

#[test]
fn private_zones_are_written_when_asked_only() {
    let account = account(SECRET, TOKEN_URL);
    let variables = [("GCE_SERVICE_ACCOUNT", account.as_str()), ("GCE_ALLOW_PRIVATE_ZONE", "true")];
    let mut world = World::new("gcloud", &variables, GoogleFake::default());
    let zones = world.zones(&["a.private.example", "www.example.com"]).unwrap();
    assert_eq!(zones[0].id, "private");
    assert_eq!((zones[1].name.as_str(), zones[1].id.as_str()), ("example.com", "zone-0"));
    let mut world = self::world(SECRET);
    assert!(world.zones(&["a.private.example"]).is_err());
}

#[test]
fn a_given_zone_and_the_account_of_the_machine_are_used() {
    let variables = [("GCE_PROJECT", "a-project"), ("GCE_ZONE_ID", "zone-0")];
    let mut world = World::new("gcloud", &variables, GoogleFake::default());
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert!(world.requests[0].starts_with("GET http://metadata.google.internal/"));
    assert!(world.requests[1].ends_with("/managedZones/zone-0"));
    assert!(world.zones(&["_acme-challenge.example.org"]).is_err());
}

#[test]
fn records_with_a_routing_policy_are_left_alone() {
    let mut world = world(SECRET);
    world.zones(&[NAME]).unwrap();
    let policy =
        json!({ "rrsets": [{ "name": format!("{NAME}."), "type": "TXT", "ttl": 5, "routingPolicy": {} }] });
    world.meanwhile_canned.insert(world.requests.len() * 2 - 1, json(200, &policy));
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Reply { what: "rrdatas" }), "{error}");
    assert!(world.fake.changes.is_empty());
}

#[test]
fn what_is_no_service_account_is_refused() {
    let provider = |variables: &[(&str, &str)]| {
        let find = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        dns::service("gcloud").unwrap().provider(&find).unwrap_err()
    };
    let ec = AccountKey::generate(Algorithm::Es256).unwrap().to_pem().expose().to_string();
    let mut wrong_key: Value = serde_json::from_str(&account(SECRET, TOKEN_URL)).unwrap();
    wrong_key["private_key"] = ec.into();
    for text in ["{}", "/path/to/file.json", &wrong_key.to_string()] {
        let error = provider(&[("GCE_SERVICE_ACCOUNT", text)]);
        assert!(matches!(error, CredentialError::Malformed { variable: "GCE_SERVICE_ACCOUNT", .. }));
    }
    assert!(matches!(provider(&[]), CredentialError::Missing { variable: "GCE_SERVICE_ACCOUNT", .. }));
}
