//! What the switches change, and that chance comes from the seed alone.

use std::{collections::BTreeSet, time::Duration};

use acme_testca::{AlwaysValid, Ca, Config, Finalize, RetryAfter};
use serde_json::json;

use crate::client::{Client, InProcess, Key, challenge, client, csr, gentle, hostile, registered, urls};

#[test]
fn hostile_ca_still_issues() {
    let mut client = registered(hostile());
    for _ in 0..5 {
        client.issue(&["a.example", "b.example", "*.a.example"]);
    }
    let counts = client.transport.ca.counts();
    assert_eq!((counts.accounts, counts.orders, counts.certificates), (1, 5, 5));
    assert!(counts.nonces_refused > 0);
}

#[test]
fn nonces_are_refused_in_proportion() {
    let mut config = gentle();
    config.nonce_refusal_percent = 100;
    let mut client = client(config);
    let url = client.url("/new-account");
    let answer = client.post_once(&url, "{}").unwrap();
    assert_eq!(answer.problem(), "badNonce");

    let mut config = hostile();
    config.nonce_refusal_percent = 50;
    let mut client = registered(config);
    let kid = client.kid.clone().unwrap();
    let refused = (0..100).filter(|_| client.post_once(&kid, "").unwrap().status == 400).count();
    assert!((30..70).contains(&refused), "{refused}");
}

#[test]
fn identifiers_come_back_in_another_order() {
    let mut client = registered(hostile());
    let names = ["a.example", "b.example", "c.example"];
    for _ in 0..10 {
        let (_, order) = client.order(&names);
        let back: Vec<&str> = order["identifiers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["value"].as_str().unwrap())
            .collect();
        assert_ne!(back[0], names[0]);
        assert_eq!(back.iter().collect::<BTreeSet<_>>(), names.iter().collect());
    }
}

#[test]
fn directory_has_a_random_key_each_time() {
    let mut client = client(hostile());
    let first = client.get("/directory").json();
    let second = client.get("/directory").json();
    assert_eq!(first.as_object().unwrap().len(), 9);
    assert_ne!(first, second);
}

#[test]
fn strange_challenges_are_offered_and_not_validated() {
    let mut client = registered(hostile());
    let (_, order) = client.order(&["a.example"]);
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    let tokenless = challenge(&authorization, "dns-persist-01");
    assert!(tokenless.get("token").is_none());
    let unknown = challenge(&authorization, "testca-unknown-01");
    for challenge in [tokenless, unknown] {
        let url = challenge["url"].as_str().unwrap();
        assert_eq!(client.post(url, "{}").problem(), "malformed");
        assert_eq!(client.read(url)["status"], "pending");
    }
}

#[test]
fn valid_authorizations_are_reused_by_the_same_account() {
    let mut config = gentle();
    config.authorization_reuse_percent = 100;
    let mut client = registered(config);
    let (_, first) = client.ready(&["a.example"]);
    let (_, second) = client.order(&["a.example"]);
    assert_eq!(second["status"], "ready");
    assert_eq!(first["authorizations"], second["authorizations"]);
    let (_, wildcard) = client.order(&["*.a.example"]);
    assert_eq!(wildcard["status"], "pending");
    let (mut other, ..) = client.with_key(Key::p256());
    other.register();
    assert_eq!(other.order(&["a.example"]).1["status"], "pending");
    other.ready(&["a.example"]);
    other.transport.ca.advance(Duration::from_secs(31 * 24 * 3600));
    assert_eq!(other.order(&["a.example"]).1["status"], "pending");
}

#[test]
fn orders_are_reused_while_they_are_usable() {
    let mut config = hostile();
    config.order_reuse = true;
    let mut client = registered(config);
    let (first, _) = client.order(&["a.example", "b.example"]);
    let (second, _) = client.order(&["b.example", "a.example"]);
    let (other, _) = client.order(&["a.example"]);
    assert_eq!(first, second);
    assert_ne!(first, other);
    client.issue(&["a.example", "b.example"]);
    assert_eq!(client.transport.ca.counts().orders, 2);
    assert_ne!(client.order(&["a.example", "b.example"]).0, first);
}

#[test]
fn orders_list_can_be_missing() {
    let mut config = gentle();
    config.orders_list = false;
    let mut client = client(config);
    assert!(client.register().json().get("orders").is_none());
    let url = client.kid.clone().unwrap() + "/orders";
    assert_eq!(client.post(&url, "").status, 404);
}

#[test]
fn extra_and_null_members_are_sent() {
    let mut config = gentle();
    config.extra_members = true;
    config.null_members = true;
    let mut client = registered(config);
    let (_, order) = client.order(&["a.example"]);
    assert!(order["error"].is_null() && order.get("error").is_some());
    assert!(order.as_object().unwrap().keys().any(|name| name.starts_with("x-")));
    client.issue(&["a.example"]);
}

#[test]
fn finalize_can_take_polls() {
    let mut config = gentle();
    config.finalize = Finalize::AfterPolls(2);
    config.retry_after = RetryAfter::Seconds(3);
    let mut client = registered(config);
    let (url, order) = client.ready(&["a.example"]);
    let answer = client.try_finalize(&order, &csr(&["a.example"]).1);
    assert_eq!(
        (answer.json()["status"].clone(), answer.header("retry-after")),
        (json!("processing"), Some("3"))
    );
    let statuses: Vec<_> = (0..4).map(|_| client.read(&url)["status"].clone()).collect();
    assert_eq!(statuses, ["processing", "processing", "valid", "valid"]);
    assert_eq!(client.transport.ca.counts().certificates, 1);
}

#[test]
fn finalize_can_take_time() {
    let mut config = gentle();
    config.finalize = Finalize::AfterDelay(Duration::from_secs(10));
    config.retry_after = RetryAfter::Date(5);
    let mut client = registered(config);
    let (url, order) = client.ready(&["a.example"]);
    let answer = client.try_finalize(&order, &csr(&["a.example"]).1);
    assert_eq!(answer.header("retry-after"), Some("Tue, 24 Nov 2026 08:00:05 GMT"));
    assert_eq!(client.read(&url)["status"], "processing");
    client.transport.ca.advance(Duration::from_secs(9));
    assert_eq!(client.read(&url)["status"], "processing");
    client.transport.ca.advance(Duration::from_secs(1));
    assert_eq!(client.read(&url)["status"], "valid");
}

#[test]
fn certificates_live_as_long_as_configured() {
    let mut config = gentle();
    config.certificate_lifetime = Duration::from_secs(6 * 24 * 3600);
    let mut client = registered(config);
    client.issue(&["a.example"]);
    let issued = client.transport.ca.issued().remove(0);
    assert_eq!(issued.not_after.to_string(), "2026-11-30T07:00:00Z");
}

#[test]
fn always_valid_is_switched() {
    let mut client = registered(gentle());
    client.transport.ca.set_always_valid(AlwaysValid::Off);
    let (url, order) = client.order(&["a.example"]);
    client.answer_all(&order, "http-01");
    assert_eq!(client.read(&url)["status"], "pending");
    assert!(client.transport.ca.poll_validation().is_some());
}

#[test]
fn configurations_without_sense_are_refused() {
    let changes: [fn(&mut Config); 4] = [
        |config| config.nonce_refusal_percent = 101,
        |config| config.orders_per_page = 0,
        |config| config.base_url.clear(),
        |config| config.base_url.push('/'),
    ];
    for change in changes {
        let mut config = gentle();
        change(&mut config);
        assert!(Ca::new(config, crate::client::start()).is_err());
    }
}

/// All that came back, less what keys and signatures make.
fn transcript(seed: u64, key: &[u8]) -> Vec<String> {
    let mut config = hostile();
    config.seed = seed;
    let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        key,
    );
    let mut client = Client::new(InProcess::new(config), Key::P256(pair.unwrap()));
    let mut lines = vec![client.get("/directory").text()];
    lines.push(client.register().text());
    for _ in 0..5 {
        let issued = client.issue(&["a.example", "b.example", "*.b.example"]);
        lines.extend([issued.order_url, issued.certificate_url]);
    }
    let log = client.transport.ca.requests();
    lines.extend(log.iter().map(|one| format!("{one:?}")));
    lines.extend(client.transport.ca.issued().iter().map(|one| one.serial.clone()));
    lines
}

#[test]
fn same_seed_and_same_requests_make_the_same_responses() {
    let key =
        aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING)
            .unwrap()
            .to_pkcs8v1()
            .unwrap();
    let first = transcript(1, key.as_ref());
    assert_eq!(first, transcript(1, key.as_ref()));
    assert_ne!(first, transcript(2, key.as_ref()));
}
