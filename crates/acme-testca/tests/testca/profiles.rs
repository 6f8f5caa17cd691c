//! Orders choose a profile (draft-ietf-acme-profiles).

use std::time::Duration;

use acme_testca::{Ca, Config, Profile};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, client, csr, gentle, registered};

fn with_profiles() -> Config {
    let mut config = gentle();
    let short = Profile::new("six days").lifetime(Duration::from_secs(160 * 3600)).max_identifiers(2);
    config.profiles.insert("classic".to_owned(), Profile::new("as ever").without_ip_identifiers());
    config.profiles.insert("shortlived".to_owned(), short);
    config
}

fn order(client: &mut Client<InProcess>, names: &[&str], profile: impl Into<Value>) -> Answer {
    let kind = |name: &str| if name.starts_with("192") { "ip" } else { "dns" };
    let identifiers: Vec<Value> =
        names.iter().map(|name| json!({"type": kind(name), "value": name})).collect();
    let url = client.url("/new-order");
    client.post(&url, &json!({"identifiers": identifiers, "profile": profile.into()}).to_string())
}

#[test]
fn profile_is_advertised_reflected_and_obeyed() {
    let mut client = registered(with_profiles());
    assert_eq!(
        client.get("/directory").json()["meta"]["profiles"],
        json!({"classic": "as ever", "shortlived": "six days"})
    );
    for (profile, lifetime) in [("classic", 90 * 24 * 3600), ("shortlived", 160 * 3600)] {
        let answer = order(&mut client, &["a.example"], profile);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["profile"], profile);
        client.answer_all(&answer.json(), "http-01");
        let valid = client.try_finalize(&answer.json(), &csr(&["a.example"]).1);
        assert_eq!(valid.json()["profile"], profile);
        let issued = client.transport.ca.issued().pop().unwrap();
        assert_eq!(issued.not_after.duration_since(issued.not_before).as_secs(), lifetime);
    }
}

#[test]
fn unknown_and_unfit_profiles_are_invalid() {
    let mut client = registered(with_profiles());
    for (names, profile) in [
        (vec!["a.example"], "unknown"),
        (vec!["a.example"], "Classic"),
        (vec!["a.example", "b.example", "c.example"], "shortlived"),
        (vec!["192.0.2.1"], "classic"),
    ] {
        let answer = order(&mut client, &names, profile);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalidProfile"), "{profile}");
    }
    assert_eq!(order(&mut client, &["192.0.2.1"], "shortlived").status, 201);
    assert_eq!(order(&mut client, &["a.example"], 1).problem(), "malformed");
    let mut without = registered(gentle());
    assert_eq!(order(&mut without, &["a.example"], "classic").problem(), "invalidProfile");
}

#[test]
fn order_without_profile_has_the_default_one_if_there_is_one() {
    for default in [None, Some("shortlived")] {
        let mut config = with_profiles();
        config.default_profile = default.map(str::to_owned);
        let mut client = registered(config);
        assert_eq!(client.order(&["a.example"]).1.get("profile").and_then(Value::as_str), default);
        let null = order(&mut client, &["a.example"], Value::Null);
        assert_eq!(null.json().get("profile").and_then(Value::as_str), default);
    }
    let mut config = with_profiles();
    config.default_profile = Some("unknown".to_owned());
    assert!(Ca::new(config, crate::client::start()).is_err());
}

#[test]
fn withdrawn_profile_cannot_be_finalized() {
    let mut client = registered(with_profiles());
    let made = order(&mut client, &["a.example"], "classic").json();
    client.answer_all(&made, "http-01");
    assert!(client.transport.ca.withdraw_profile("classic"));
    assert!(!client.transport.ca.withdraw_profile("classic"));
    let refused = client.try_finalize(&made, &csr(&["a.example"]).1);
    assert_eq!((refused.status, refused.problem().as_str()), (400, "invalidProfile"));
    assert_eq!(order(&mut client, &["a.example"], "classic").problem(), "invalidProfile");
}

#[test]
fn orders_with_another_profile_are_not_reused() {
    let mut config = with_profiles();
    config.order_reuse = true;
    let mut client = registered(config);
    let location = |answer: Answer| answer.header("location").unwrap().to_owned();
    let first = location(order(&mut client, &["a.example"], "classic"));
    assert_ne!(location(order(&mut client, &["a.example"], "shortlived")), first);
    assert_eq!(location(order(&mut client, &["a.example"], "classic")), first);
}

#[test]
fn ca_without_profiles_advertises_none() {
    let mut client = client(gentle());
    assert!(client.get("/directory").json()["meta"].get("profiles").is_none());
}
