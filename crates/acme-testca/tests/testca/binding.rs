//! Accounts are bound to external ones (RFC 8555 section 7.3.4).

use acme_testca::{Ca, Config, MacKey};
use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, Key, b64, client, gentle};

/// Pebble's example of a MAC key.
const SECRET: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A change of the inner header and payload; a key that is not the account's is at hand.
type Change = fn(&mut Value, &mut Value, &Key);

fn binding_ca() -> Config {
    let mut config = gentle();
    config.external_account_required = true;
    for kid in ["kid-1", "kid-2"] {
        config.external_accounts.insert(kid.to_owned(), MacKey::from_base64url(SECRET).unwrap());
    }
    config
}

/// A binding as an honest client makes it, after a change.
fn binding(
    client: &Client<InProcess>,
    algorithm: &str,
    secret: &str,
    change: impl FnOnce(&mut Value, &mut Value),
) -> Value {
    let mut protected = json!({"alg": algorithm, "kid": "kid-1", "url": client.url("/new-account")});
    let mut payload = client.key.jwk();
    change(&mut protected, &mut payload);
    let protected = b64(protected.to_string());
    let payload = b64(payload.to_string());
    let algorithm = match algorithm {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(algorithm, &BASE64_URL_SAFE_NO_PAD.decode(secret).unwrap());
    let tag = hmac::sign(&key, format!("{protected}.{payload}").as_bytes());
    json!({"protected": protected, "payload": payload, "signature": b64(tag)})
}

fn register(client: &mut Client<InProcess>, binding: &Value) -> Answer {
    let url = client.url("/new-account");
    client.post(&url, &json!({"externalAccountBinding": binding}).to_string())
}

#[test]
fn accounts_are_bound_by_each_mac_and_say_so() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let mut client = client(binding_ca());
        assert_eq!(client.get("/directory").json()["meta"]["externalAccountRequired"], true);
        let binding = binding(&client, algorithm, SECRET, |_, _| ());
        let answer = register(&mut client, &binding);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["externalAccountBinding"], binding);
        client.kid = answer.header("location").map(str::to_owned);
        client.issue(&["a.example"]);
        let saved = client.transport.ca.save();
        client.transport = InProcess::of(Ca::load(&saved, binding_ca()).unwrap());
        let kid = client.kid.clone().unwrap();
        assert_eq!(client.read(&kid)["externalAccountBinding"], binding);
    }
}

#[test]
fn binding_is_required_for_new_accounts_only() {
    let mut client = client(binding_ca());
    let url = client.url("/new-account");
    for payload in ["{}", r#"{"externalAccountBinding":null}"#] {
        let answer = client.post(&url, payload);
        assert_eq!((answer.status, answer.problem().as_str()), (403, "externalAccountRequired"));
    }
    let binding = binding(&client, "HS256", SECRET, |_, _| ());
    assert_eq!(register(&mut client, &binding).status, 201);
    assert_eq!(client.post(&url, "{}").status, 200);
}

#[test]
fn every_step_of_the_verification_is_taken() {
    let other_key = Key::p256();
    let refused: [(&str, Change); 8] = [
        ("malformed", |protected, _, _| protected["nonce"] = json!("AAAA")),
        ("malformed", |protected, _, _| protected["url"] = json!("https://testca.test/new-order")),
        ("malformed", |protected, _, _| *protected = json!({"alg": "HS256", "kid": "kid-1"})),
        ("malformed", |protected, _, _| protected["kid"] = json!(1)),
        ("unauthorized", |protected, _, _| protected["kid"] = json!("kid-3")),
        ("badSignatureAlgorithm", |protected, _, _| protected["alg"] = json!("ES256")),
        ("malformed", |_, payload, key| *payload = key.jwk()),
        ("malformed", |_, payload, _| *payload = json!("key")),
    ];
    let mut client = client(binding_ca());
    for (number, (problem, change)) in refused.into_iter().enumerate() {
        let binding = binding(&client, "HS256", SECRET, |protected, payload| {
            change(protected, payload, &other_key);
        });
        let answer = register(&mut client, &binding);
        assert_eq!(answer.problem(), problem, "{number}: {}", answer.text());
    }
    let wrong_secret = binding(&client, "HS256", &SECRET.replace('z', "A"), |_, _| ());
    assert_eq!(register(&mut client, &wrong_secret).problem(), "unauthorized");
    assert_eq!(register(&mut client, &json!("binding")).problem(), "malformed");
    let mut padded = binding(&client, "HS256", SECRET, |_, _| ());
    padded["signature"] = json!(format!("{}=", padded["signature"].as_str().unwrap()));
    assert_eq!(register(&mut client, &padded).problem(), "malformed");
    assert_eq!(client.transport.ca.counts().accounts, 0);
}

#[test]
fn external_accounts_can_be_for_one_account_each() {
    for single_use in [false, true] {
        let mut config = binding_ca();
        config.external_account_single_use = single_use;
        let mut client = client(config);
        let first = binding(&client, "HS256", SECRET, |_, _| ());
        assert_eq!(register(&mut client, &first).status, 201);
        assert_eq!(register(&mut client, &first).status, 200, "the account is there");
        let (mut other, ..) = client.with_key(Key::p256());
        let second = binding(&other, "HS256", SECRET, |_, _| ());
        let answer = register(&mut other, &second);
        assert_eq!(answer.status, if single_use { 403 } else { 201 }, "{}", answer.text());
        let (mut third, ..) = other.with_key(Key::p256());
        let another = binding(&third, "HS256", SECRET, |protected, _| protected["kid"] = json!("kid-2"));
        assert_eq!(register(&mut third, &another).status, 201);
    }
}

#[test]
fn ca_without_external_accounts_does_not_reflect_the_field() {
    let mut client = client(gentle());
    let binding = binding(&client, "HS256", SECRET, |_, _| ());
    let answer = register(&mut client, &binding);
    assert_eq!(answer.status, 201);
    assert!(answer.json().get("externalAccountBinding").is_none());
    assert!(client.get("/directory").json()["meta"].get("externalAccountRequired").is_none());
}

#[test]
fn keys_are_not_shown() {
    let config = binding_ca();
    assert!(format!("{config:?}").contains("MacKey"));
    assert!(!format!("{config:?}").contains("205"));
    let mut none = gentle();
    none.external_account_required = true;
    assert!(Ca::new(none, crate::client::start()).is_err());
}

#[test]
fn external_account_can_be_all_that_is_asked_for() {
    let mut config = binding_ca();
    config.external_account_suffices = true;
    let mut client = client(config);
    let jws = binding(&client, "HS256", SECRET, |_, _| ());
    let answer = register(&mut client, &jws);
    assert_eq!(answer.status, 201, "{}", answer.text());
    client.kid = answer.header("location").map(str::to_owned);
    let (_, order) = client.order(&["a.example", "*.b.example"]);
    assert_eq!(order["status"], "ready");
    assert!(order.get("authorizations").is_none());
    let finalized = client.try_finalize(&order, &crate::client::csr(&["a.example", "*.b.example"]).1);
    assert_eq!(finalized.json()["status"], "valid", "{}", finalized.text());
}
