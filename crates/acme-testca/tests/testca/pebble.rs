//! What programs written for Pebble and its challenge server count on.

use acme_testca::{AlternateChains, ChallengeServer, Config, Error, Pebble, TestCa};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, Key, Transport, b64, challenge, ders, urls},
    served::{Https, outcome},
};

/// The challenge server, and a CA that looks at it.
struct World {
    challenges: ChallengeServer,
    ca: TestCa,
    client: Client<Https>,
}

impl World {
    fn start(config: Config) -> Self {
        let here = || "127.0.0.1:0".parse().unwrap();
        let challenges = ChallengeServer::builder()
            .management(here())
            .dns(here())
            .http(here())
            .tls(here())
            .start()
            .unwrap();
        let ca = TestCa::builder()
            .config(config)
            .http_port(challenges.http().unwrap().port())
            .tls_port(challenges.tls().unwrap().port())
            .dns(challenges.dns().unwrap())
            .pebble(Pebble::new(here()).resolve_by_dns())
            .start()
            .unwrap();
        let mut client = Client::new(Https::to(&ca), Key::p256());
        client.base = format!("https://{}", ca.address());
        client.register();
        Self { challenges, ca, client }
    }

    /// Tells the challenge server something; gives status and body.
    fn tell(&self, path: &str, body: &Value) -> (u16, String) {
        let mut plain = Https::plain(self.challenges.management().unwrap());
        let request = Request::post(path).body(body.to_string().into_bytes()).unwrap();
        seen(&plain.send(request).unwrap())
    }

    fn told(&self, path: &str, body: &Value) {
        assert_eq!(self.tell(path, body), (200, String::new()), "{path}");
    }

    /// Asks the management interface of the CA.
    fn manage(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let mut https = Https::to(&self.ca).at(self.ca.management_address().unwrap());
        let request = Request::builder().method(method).uri(path).body(body.as_bytes().to_vec()).unwrap();
        seen(&https.send(request).unwrap())
    }

    fn managed(&self, path: &str) -> (u16, String) {
        self.manage(Method::GET, path, "")
    }

    /// The outcome of an authorization whose challenge is answered by what the closure tells.
    fn attempt(&mut self, name: &str, kind: &str, tell: impl Fn(&Self, &str, &str)) -> Value {
        let (_, order) = self.client.order(&[name]);
        let authorization = self.client.read(&urls(&order["authorizations"])[0]);
        let token = challenge(&authorization, kind)["token"].as_str().unwrap().to_owned();
        let key_authorization = format!("{token}.{}", self.client.key.thumbprint());
        tell(self, &token, &key_authorization);
        outcome(&mut self.client, &order, kind)
    }

    fn http(&mut self, name: &str) -> Value {
        self.attempt(name, "http-01", |world, token, content| {
            world.told("/add-http01", &json!({"token": token, "content": content}));
        })
    }
}

fn seen(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
}

fn problem(authorization: &Value, kind: &str) -> Value {
    challenge(authorization, kind)["error"]["type"].clone()
}

#[test]
fn every_challenge_is_met_with_what_the_server_is_told() {
    let mut world = World::start(Config::gentle());
    assert_eq!(world.http("a.example")["status"], "valid");
    let dns = |world: &World, _: &str, key_authorization: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key_authorization.as_bytes());
        let record = json!({"host": "_acme-challenge.b.example.", "value": b64(digest)});
        world.told("/set-txt", &record);
    };
    assert_eq!(world.attempt("b.example", "dns-01", dns)["status"], "valid");
    let tls = |world: &World, _: &str, content: &str| {
        world.told("/add-tlsalpn01", &json!({"Host": "C.example", "Content": content}));
    };
    assert_eq!(world.attempt("c.example", "tls-alpn-01", tls)["status"], "valid");
    let wrong = |world: &World, _: &str, _: &str| {
        world.told("/add-tlsalpn01", &json!({"host": "d.example", "content": "something else"}));
    };
    assert_eq!(world.attempt("d.example", "tls-alpn-01", wrong)["status"], "invalid");
}

#[test]
fn what_is_taken_back_is_no_longer_answered() {
    let mut world = World::start(Config::gentle());
    let retracted = |world: &World, token: &str, content: &str| {
        world.told("/add-http01", &json!({"token": token, "content": content}));
        world.told("/del-http01", &json!({"token": token}));
    };
    let authorization = world.attempt("a.example", "http-01", retracted);
    assert_eq!(problem(&authorization, "http-01"), "urn:ietf:params:acme:error:incorrectResponse");
    let text = json!({"host": "_acme-challenge.b.example", "value": "x"});
    let retracted = |world: &World, _: &str, _: &str| {
        world.told("/set-txt", &text);
        world.told("/clear-txt", &json!({"host": "_acme-challenge.B.example."}));
    };
    assert_eq!(world.attempt("b.example", "dns-01", retracted)["status"], "invalid");
}

#[test]
fn names_lead_where_the_dns_says() {
    let mut world = World::start(Config::gentle());
    world.told("/set-servfail", &json!({"host": "failing.example"}));
    let authorization = world.http("failing.example");
    assert_eq!(problem(&authorization, "http-01"), "urn:ietf:params:acme:error:dns");
    world.told("/clear-servfail", &json!({"host": "failing.example"}));
    assert_eq!(world.http("failing.example")["status"], "valid");

    // Nobody listens at the port there.
    world.told("/add-a", &json!({"host": "away.example", "addresses": ["127.0.0.2"]}));
    world.told("/add-aaaa", &json!({"host": "away.example", "addresses": ["2001:db8::1"]}));
    let authorization = world.http("away.example");
    assert_eq!(problem(&authorization, "http-01"), "urn:ietf:params:acme:error:connection");

    world.told("/set-cname", &json!({"host": "alias.example", "target": "failing.example"}));
    assert_eq!(world.http("alias.example")["status"], "valid");
    for path in ["/set-default-ipv4", "/set-default-ipv6"] {
        world.told(path, &json!({"ip": ""}));
    }
    let authorization = world.http("nowhere.example");
    assert_eq!(problem(&authorization, "http-01"), "urn:ietf:params:acme:error:dns");
}

#[test]
fn caa_records_are_seen() {
    let mut config = Config::gentle();
    config.caa_identities = vec!["ca.example".to_owned()];
    let mut world = World::start(config);
    let policies = json!([{"tag": "issue", "value": "other.example"}]);
    world.told("/add-caa", &json!({"host": "a.example", "policies": policies}));
    let authorization = world.http("a.example");
    assert_eq!(problem(&authorization, "http-01"), "urn:ietf:params:acme:error:caa", "{authorization}");
    world.told("/clear-caa", &json!({"host": "a.example"}));
    assert_eq!(world.http("a.example")["status"], "valid");
}

#[test]
fn redirects_are_followed_and_history_is_kept() {
    let mut world = World::start(Config::gentle());
    let port = world.challenges.http().unwrap().port();
    let moved = |world: &World, token: &str, content: &str| {
        let path = format!("/.well-known/acme-challenge/{token}");
        let target = format!("http://b.example:{port}/.well-known/acme-challenge/other");
        world.told("/add-redirect", &json!({"path": path, "targetURL": target}));
        world.told("/add-http01", &json!({"token": "other", "content": content}));
    };
    assert_eq!(world.attempt("a.example", "http-01", moved)["status"], "valid");
    let (status, history) = world.tell("/http-request-history", &json!({"host": "b.example"}));
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(status, 200);
    assert_eq!(history[0]["URL"], "/.well-known/acme-challenge/other");
    assert_eq!(history[0]["HTTPS"], false);
    let asked = json!({"host": "a.example"});
    let (_, questions) = world.tell("/dns-request-history", &asked);
    assert!(questions.contains("\"a.example.\""), "{questions}");
    world.told("/clear-request-history", &json!({"host": "a.example", "type": "dns"}));
    assert_eq!(world.tell("/dns-request-history", &asked), (200, "[]".to_owned()));
}

#[test]
fn orders_that_say_too_little_are_refused() {
    let world = World::start(Config::gentle());
    for (path, body, status) in [
        ("/add-http01", json!({"token": "x"}), 400),
        ("/add-a", json!({"host": "a.example", "addresses": []}), 400),
        ("/add-a", json!({"host": "a.example", "addresses": ["::1"]}), 400),
        ("/set-default-ipv4", json!({"ip": "x"}), 400),
        ("/set-txt", json!([]), 400),
        ("/clear-request-history", json!({"host": "a.example", "type": "tea"}), 400),
        ("/http-request-history", json!({}), 400),
        ("/add-tea", json!({}), 404),
    ] {
        assert_eq!(world.tell(path, &body).0, status, "{path} {body}");
    }
}

#[test]
fn the_management_interface_shows_roots_intermediates_and_certificates() {
    let mut config = Config::gentle();
    config.alternate_chains = AlternateChains::Absolute;
    config.always_valid = true;
    let mut world = World::start(config);
    assert!(world.ca.directory_url().ends_with("/dir"));
    assert_eq!(world.client.get("/dir").json(), world.client.get("/directory").json());
    let chain = world.client.issue(&["a.example"]).chain;
    assert_eq!(world.managed("/roots/0"), (200, world.ca.root_pem().to_owned()));
    assert_eq!(world.managed("/roots/1"), (200, world.ca.other_root_pem().unwrap()));
    assert_eq!(world.managed("/roots/2").0, 404);
    assert_eq!(ders(&world.managed("/intermediates/0").1), ders(&chain)[1..]);
    assert_ne!(world.managed("/intermediates/1").1, world.managed("/intermediates/0").1);
    for keys in ["/root-keys/0", "/root-keys/1", "/intermediate-keys/0"] {
        assert!(world.managed(keys).1.starts_with("-----BEGIN PRIVATE KEY-----"), "{keys}");
    }
    let serial = world.ca.issued()[0].serial.clone();
    let status = |world: &World| {
        let (_, text) = world.managed(&format!("/cert-status-by-serial/{}", serial.to_uppercase()));
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(status(&world)["Status"], "Valid");
    assert_eq!(status(&world)["Reason"], Value::Null);
    assert!(world.ca.revoke(&serial));
    assert_eq!(status(&world)["Status"], "Revoked");
    assert_eq!(status(&world)["Reason"], 0);
    assert_eq!(world.managed("/cert-status-by-serial/00").0, 404);
    assert_eq!(world.managed("/cert-status-by-serial/tea").0, 400);
}

#[test]
fn the_management_interface_moves_renewal_windows() {
    let mut config = Config::gentle();
    config.always_valid = true;
    let mut world = World::start(config);
    let chain = world.client.issue(&["a.example"]).chain;
    let window = json!({"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"});
    let info = json!({"suggestedWindow": window, "explanationURL": "https://ca.example/why"});
    let order = json!({"Certificate": chain, "ARIResponse": info.to_string()}).to_string();
    assert_eq!(world.manage(Method::POST, "/set-renewal-info/", &order), (200, String::new()));
    let id = world.ca.issued()[0].renewal_id.clone();
    let seen = world.client.get(&format!("/renewal-info/{id}")).json();
    assert_eq!(seen["suggestedWindow"], window);
    assert_eq!(seen["explanationURL"], "https://ca.example/why");
    assert_eq!(world.manage(Method::POST, "/set-renewal-info/", "{}").0, 400);
    assert_eq!(world.manage(Method::GET, "/set-renewal-info/", &order).0, 405);
}

#[test]
fn blocked_domains_are_refused_by_name() {
    let mut config = Config::gentle();
    config.blocked_domains = vec!["blocked.example".to_owned()];
    let mut world = World::start(config);
    let refused = world.client.try_order(&["a.example", "blocked.example", "x.blocked.example"]);
    assert_eq!(refused.problem(), "rejectedIdentifier");
    assert_eq!(refused.json()["subproblems"].as_array().unwrap().len(), 2);
    assert_eq!(world.client.try_order(&["unblocked.example"]).status, 201);
}

#[test]
fn nothing_listens_beyond_loopback() {
    let beyond = "192.0.2.1:0".parse().unwrap();
    let started = ChallengeServer::builder().dns(beyond).start();
    assert!(matches!(started, Err(Error::NotLoopback(_))));
    let started = TestCa::builder().pebble(Pebble::new(beyond)).start();
    assert!(matches!(started, Err(Error::NotLoopback(_))));
}
