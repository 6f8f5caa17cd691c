//! Rate limits, modelled on those of Let's Encrypt.

use std::time::Duration;

use acme_testca::{Ca, Config, Limit, Problem, RateLimits};
use serde_json::json;

use crate::client::{Answer, Client, InProcess, Key, client, gentle, registered, start, urls};

fn with(change: impl FnOnce(&mut RateLimits)) -> Config {
    let mut limits = RateLimits::none();
    change(&mut limits);
    let mut config = gentle();
    config.rate_limits = Some(limits);
    config
}

fn hours(capacity: u32, hours: u64) -> Option<Limit> {
    Some(Limit::new(capacity, Duration::from_secs(hours * 3600)))
}

#[track_caller]
fn assert_limited(answer: &Answer, retry_after: Option<&str>) {
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rateLimited"), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), retry_after, "{}", answer.detail());
    assert!(answer.all("link").contains(&"<https://testca.invalid/rate-limits>;rel=\"help\""));
}

#[test]
fn buckets_are_refilled_evenly() {
    let mut client = registered(with(|limits| limits.new_orders = hours(3, 3)));
    for name in ["a.example", "b.example", "c.example"] {
        client.order(&[name]);
    }
    let answer = client.try_order(&["d.example"]);
    assert_limited(&answer, Some("3600"));
    assert_eq!(
        answer.detail(),
        "too many new orders from this account (3) in the last 3h, retry after 2026-11-24 09:00:00 UTC"
    );
    client.transport.ca.advance(Duration::from_secs(3599));
    assert_limited(&client.try_order(&["d.example"]), Some("1"));
    client.transport.ca.advance(Duration::from_secs(1));
    client.order(&["d.example"]);
    assert_limited(&client.try_order(&["e.example"]), Some("3600"));
    client.transport.ca.advance(Duration::from_secs(24 * 3600));
    for name in ["e.example", "f.example", "g.example"] {
        client.order(&[name]);
    }
    assert_limited(&client.try_order(&["h.example"]), Some("3600"));
    let (mut other, ..) = client.with_key(Key::p256());
    other.register();
    other.order(&["h.example"]);
}

#[test]
fn accounts_are_limited_and_finding_one_is_not() {
    let config = with(|limits| limits.new_accounts = hours(1, 1));
    let mut client = registered(config);
    client.register();
    let (mut other, ..) = client.with_key(Key::p256());
    let url = other.url("/new-account");
    assert_limited(&other.post(&url, "{}"), Some("3600"));
    assert_eq!(other.transport.ca.counts().accounts, 1);
}

#[test]
fn certificates_are_limited_by_registered_domain() {
    let mut client = registered(with(|limits| limits.certificates_per_domain = hours(2, 2)));
    client.issue(&["a.example.com", "*.b.example.com"]);
    client.issue(&["example.com"]);
    assert_limited(&client.try_order(&["c.example.com", "example.org"]), Some("3600"));
    client.issue(&["example.org"]);
    client.issue(&["example.com"]);
    assert_limited(&client.try_order(&["*.example.com"]), Some("3600"));
    client.transport.ca.advance(Duration::from_secs(3600));
    client.issue(&["*.example.com"]);
}

#[test]
fn certificates_are_limited_by_exact_set() {
    let mut client = registered(with(|limits| limits.certificates_per_set = hours(2, 2)));
    client.issue(&["a.example", "b.example"]);
    client.issue(&["b.example", "a.example"]);
    assert_limited(&client.try_order(&["a.example", "b.example"]), Some("3600"));
    client.issue(&["a.example"]);
}

#[test]
fn renewals_are_exempt() {
    let config = with(|limits| {
        limits.new_orders = hours(1, 1);
        limits.certificates_per_domain = hours(1, 1);
        limits.certificates_per_set = hours(2, 2);
    });
    let mut client = registered(config);
    client.issue(&["a.example"]);
    client.issue(&["a.example"]);
    assert_limited(&client.try_order(&["a.example"]), Some("3600"));
    let replaced = client.transport.ca.issued()[0].renewal_id.clone();
    let wish = json!({"identifiers": [{"type": "dns", "value": "a.example"}], "replaces": replaced});
    let url = client.url("/new-order");
    assert_eq!(client.post(&url, &wish.to_string()).status, 201);
    let again = client.post(&url, &wish.to_string());
    assert_eq!(again.problem(), "alreadyReplaced");
    assert_limited(&client.try_order(&["b.example"]), Some("3600"));
}

/// Lets the authorization of a new order end.
fn end(client: &mut Client<InProcess>, name: &str, outcome: Result<(), Problem>) {
    let (_, order) = client.order(&[name]);
    client.answer_all(&order, "http-01");
    let validation = client.transport.ca.poll_validation().unwrap();
    let now = client.transport.now;
    client.transport.ca.validated(validation.id, outcome, now);
    client.read(&urls(&order["authorizations"])[0]);
}

fn failure() -> Result<(), Problem> {
    Err(Problem::new("connection", 400, "nobody there"))
}

#[test]
fn failures_are_limited_by_identifier_and_account() {
    let mut config = with(|limits| limits.failed_authorizations = hours(2, 1));
    config.always_valid = false;
    let mut client = registered(config);
    end(&mut client, "a.example", failure());
    end(&mut client, "a.example", Ok(()));
    end(&mut client, "a.example", failure());
    assert_limited(&client.try_order(&["a.example", "b.example"]), Some("1800"));
    assert_limited(&client.try_order(&["*.a.example"]), Some("1800"));
    client.order(&["b.example"]);
    client.transport.ca.advance(Duration::from_secs(1800));
    client.order(&["a.example"]);
}

#[test]
fn identifiers_that_keep_failing_are_paused() {
    let mut config = with(|limits| limits.consecutive_failures = hours(2, 48));
    config.always_valid = false;
    let mut client = registered(config.clone());
    end(&mut client, "a.example", failure());
    end(&mut client, "a.example", Ok(()));
    end(&mut client, "a.example", failure());
    client.order(&["a.example"]);
    end(&mut client, "a.example", failure());
    assert_limited(&client.try_order(&["a.example"]), None);
    client.transport.ca.advance(Duration::from_secs(100 * 24 * 3600));
    let saved = client.transport.ca.save();
    client.transport = InProcess::of(Ca::load(&saved, config).unwrap());
    let answer = client.try_order(&["a.example"]);
    assert_limited(&answer, None);
    assert!(answer.detail().contains("visit"), "{}", answer.detail());
    assert_eq!(client.transport.ca.unpause(), 1);
    client.order(&["a.example"]);
    assert_eq!(client.transport.ca.unpause(), 0);
}

#[test]
fn lets_encrypts_own_are_at_hand() {
    let mut config = gentle();
    config.rate_limits = Some(RateLimits::lets_encrypt());
    let mut client = client(config.clone());
    client.register();
    for _ in 0..5 {
        client.issue(&["a.example"]);
    }
    assert_limited(&client.try_order(&["a.example"]), Some("120960"));
    config.rate_limits = Some(RateLimits::lets_encrypt_staging());
    let mut staging = registered(config);
    for _ in 0..6 {
        staging.issue(&["a.example"]);
    }
    let nothing = with(|limits| limits.new_orders = hours(0, 1));
    assert!(Ca::new(nothing, start()).is_err());
}
