//! Renewal information: asked for by anybody, checked, and a moment drawn from it.

use std::collections::BTreeSet;
use std::time::Duration;

use acme_proto::{
    CertificateId, Delivery, Error, Misuse, Operation, RenewalInfo, SuggestedWindow, TransportError,
    TransportErrorKind, Violation, limits,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ca::{Action, Canned};
use super::world::World;

fn id() -> CertificateId {
    CertificateId::new(b"key", b"\x00\x87")
}

fn document(start: &str, end: &str) -> Value {
    json!({"suggestedWindow": {"start": start, "end": end}})
}

/// Asks a CA that answers this.
fn read(document: Value, retry_after: Option<&'static str>) -> Result<RenewalInfo, Error> {
    let mut world = World::cold();
    world.ca.directory.insert("renewalInfo", json!("/ari"));
    world.ca.renewal_info = (document, retry_after);
    world.run(&mut RenewalInfo::read(&id()))
}

fn window() -> SuggestedWindow {
    read(document("2026-02-01T00:00:00Z", "2026-02-03T00:00:00Z"), None).unwrap().suggested_window
}

fn violation(outcome: Result<RenewalInfo, Error>) -> Violation {
    let Err(Error::Protocol(error)) = outcome else { panic!("{outcome:?}") };
    error.violation
}

#[test]
fn renewal_information_is_asked_for_without_an_account() {
    for base in ["/ari", "/ari/", "https://ca.test/ari"] {
        let mut world = World::cold();
        world.ca.directory.insert("renewalInfo", json!(base));
        let mut document = document("2026-02-01T00:00:00Z", "2026-02-03T00:00:00.5+01:00");
        document["explanationURL"] = json!("https://ca.test/why");
        world.ca.renewal_info = (document, Some("21600"));
        let info = world.run(&mut RenewalInfo::read(&id())).unwrap();
        assert_eq!(world.transcript(), "directory GET /dir\nrenewalInfo GET /ari/a2V5.AIc");
        assert_eq!(info.suggested_window.start.to_string(), "2026-02-01T00:00:00Z");
        assert_eq!(info.suggested_window.end.to_string(), "2026-02-02T23:00:00.5Z");
        assert_eq!(info.explanation_url.as_deref(), Some("https://ca.test/why"));
        assert_eq!(info.retry_after, Duration::from_secs(21_600));
    }
}

#[test]
fn ca_without_renewal_information_is_not_asked() {
    let mut world = World::cold();
    let error = world.run(&mut RenewalInfo::read(&id())).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NotOffered(Operation::RenewalInfo))), "{error}");
}

#[test]
fn retry_after_is_kept_within_bounds() {
    let cases = [
        (Some("0"), limits::MIN_RENEWAL_INFO_WAIT),
        (Some("59"), limits::MIN_RENEWAL_INFO_WAIT),
        (Some("61"), Duration::from_secs(61)),
        (Some("86399"), Duration::from_secs(86_399)),
        (Some("86401"), limits::MAX_RENEWAL_INFO_WAIT),
        (Some("Thu, 15 Jan 2026 02:00:00 GMT"), Duration::from_secs(7200)),
        (Some("soon"), limits::RENEWAL_INFO_WAIT),
        (None, limits::RENEWAL_INFO_WAIT),
    ];
    for (header, expected) in cases {
        let info = read(document("2026-02-01T00:00:00Z", "2026-02-03T00:00:00Z"), header).unwrap();
        assert_eq!(info.retry_after, expected, "{header:?}");
    }
}

#[test]
fn window_that_is_none_is_refused() {
    for end in ["2026-02-01T00:00:00Z", "2026-01-31T00:00:00Z"] {
        let outcome = read(document("2026-02-01T00:00:00Z", end), Some("3600"));
        assert!(matches!(violation(outcome), Violation::Window { .. }));
    }
    let senseless = [
        json!({}),
        json!({"suggestedWindow": null}),
        json!({"suggestedWindow": {"start": "2026-02-01T00:00:00Z"}}),
        document("yesterday", "2026-02-03T00:00:00Z"),
    ];
    for document in senseless {
        assert_eq!(violation(read(document, None)), Violation::Member("suggestedWindow"));
    }
}

#[test]
fn moments_are_spread_over_the_whole_window() {
    let window = window();
    let mut quarters = BTreeSet::new();
    for seed in 0..256_u64 {
        let moment = window.draw(seed.wrapping_mul(0x0101_0101_0101_0101));
        assert_eq!(moment.window, window);
        assert!(window.start <= moment.at && moment.at < window.end);
        let hours = moment.at.duration_since(window.start).as_hours();
        quarters.insert(hours / 12);
    }
    assert_eq!(quarters.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(window.draw(0).at, window.start);
    assert_eq!(window.draw(1 << 63).at.to_string(), "2026-02-02T00:00:00Z");
}

#[test]
fn longest_window_has_moments() {
    let info = read(document("0000-01-01T00:00:00Z", "9999-12-30T00:00:00Z"), None).unwrap();
    let window = info.suggested_window;
    let last = window.draw(u64::MAX).at;
    assert!(window.start < last && last < window.end);
}

#[test]
fn moment_stays_while_the_window_does() {
    let info = read(document("2026-02-01T00:00:00Z", "2026-02-03T00:00:00Z"), None).unwrap();
    let first = info.moment(None, 1 << 63);
    assert_eq!(info.moment(Some(first), 7), first);
    let moved = read(document("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), None).unwrap();
    let second = moved.moment(Some(first), 1 << 63);
    assert_eq!(second.window, moved.suggested_window);
    assert_eq!(second.at.to_string(), "2026-01-01T12:00:00Z");
    let json = serde_json::to_string(&second).unwrap();
    assert_eq!(serde_json::from_str::<acme_proto::RenewalMoment>(&json).unwrap(), second);
}

#[test]
fn moment_that_is_over_is_now() {
    let moment = window().draw(1 << 63);
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    assert_eq!(moment.wait(at("2026-02-01T23:59:00Z")), Duration::from_secs(60));
    assert_eq!(moment.wait(at("2026-02-02T00:00:00Z")), Duration::ZERO);
    assert_eq!(moment.wait(at("2027-01-01T00:00:00Z")), Duration::ZERO);
}

fn transport(kind: TransportErrorKind) -> Error {
    let source = TransportError::new(Delivery::NotSent, kind, "as scripted");
    Error::Transport { operation: Operation::RenewalInfo, source }
}

/// The CA's refusal of each try.
fn refused(canned: &Canned) -> Error {
    let mut world = World::cold();
    world.ca.directory.insert("renewalInfo", json!("/ari"));
    world.ca.fail_later(Operation::RenewalInfo, 0, limits::MAX_TRIES, Action::Instead(canned.clone()));
    world.run(&mut RenewalInfo::read(&id())).unwrap_err()
}

#[test]
fn waits_after_temporary_errors_double_to_the_limit() {
    let temporary = [
        transport(TransportErrorKind::Timeout),
        transport(TransportErrorKind::Io),
        refused(&Canned::new(503, "<html>")),
    ];
    for error in &temporary {
        let waits: Vec<u64> =
            [1, 2, 3, 9, 10, u32::MAX].iter().map(|n| RenewalInfo::wait_after(error, *n).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 15_360, 21_600, 21_600], "{error}");
    }
}

#[test]
fn waits_after_other_errors_are_long_at_once() {
    let lasting = [
        transport(TransportErrorKind::Connect),
        transport(TransportErrorKind::Resolve),
        refused(&Canned::problem(404, "malformed")),
        read(json!({}), Some("60")).unwrap_err(),
    ];
    for error in &lasting {
        assert_eq!(RenewalInfo::wait_after(error, 1), limits::RENEWAL_INFO_WAIT, "{error}");
    }
}

#[test]
fn retry_after_of_an_error_is_obeyed_within_bounds() {
    for (header, expected) in [("7200", 7200), ("1", 60), ("999999", 86_400)] {
        let error = refused(&Canned::problem(429, "rateLimited").header("retry-after", header));
        assert_eq!(RenewalInfo::wait_after(&error, 1).as_secs(), expected);
    }
}
