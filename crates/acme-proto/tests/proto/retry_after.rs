//! Retry-After in all its forms, and what is none.

use std::time::Duration;

use acme_proto::{Account, Error, Operation, limits};

use super::ca::Canned;
use super::world::World;

/// The clock stands at 2026-01-15T00:00:00Z.
fn retry_after(value: &str) -> Option<Duration> {
    let mut world = World::warm();
    let refusal = Canned::problem(403, "unauthorized").header("retry-after", value);
    world.ca.answer(Operation::Account, refusal);
    world.run(&mut Account::read()).unwrap_err().retry_after()
}

#[test]
fn seconds_are_read() {
    assert_eq!(retry_after("0"), Some(Duration::ZERO));
    assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
    assert_eq!(retry_after(" 007 "), Some(Duration::from_secs(7)));
}

#[test]
fn dates_of_all_three_forms_are_read() {
    let day = Some(Duration::from_secs(24 * 3600));
    assert_eq!(retry_after("Fri, 16 Jan 2026 00:00:00 GMT"), day);
    assert_eq!(retry_after("Friday, 16-Jan-26 00:00:00 GMT"), day);
    assert_eq!(retry_after("Fri Jan 16 00:00:00 2026"), day);
    assert_eq!(retry_after("Sun Feb  1 00:00:00 2026"), Some(Duration::from_secs(17 * 24 * 3600)));
}

#[test]
fn weekday_that_is_wrong_does_not_matter() {
    assert_eq!(retry_after("Sat, 16 Jan 2026 00:00:00 GMT"), Some(Duration::from_secs(24 * 3600)));
}

#[test]
fn date_in_the_past_is_now() {
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    assert_eq!(retry_after("Sunday, 06-Nov-94 08:49:37 GMT"), Some(Duration::ZERO));
    assert_eq!(retry_after("Sun Nov  6 08:49:37 1994"), Some(Duration::ZERO));
}

#[test]
fn far_future_is_cut_off() {
    let longest = Some(limits::MAX_RETRY_AFTER);
    for value in [
        "2592000",
        "2592001",
        "18446744073709551615",
        "18446744073709551616",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        assert_eq!(retry_after(value), longest, "{value}");
    }
    assert_eq!(retry_after(&"9".repeat(1000)), longest);
    assert_eq!(retry_after("2591999"), Some(limits::MAX_RETRY_AFTER - Duration::from_secs(1)));
}

#[test]
fn garbage_is_absent() {
    for value in [
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "soon",
        "1 minute",
        "0x10",
        "\u{661}",
        "Fri, 16 Jan 2026",
        "Fri, 32 Jan 2026 00:00:00 GMT",
        "2026-01-16T00:00:00Z",
        "Fri, 16 Jan 2026 25:00:00 GMT",
        "Fri, 16 Jan 2026 00:00:00 CET",
        "%n%t%Y",
    ] {
        assert_eq!(retry_after(value), None, "{value}");
    }
}

#[test]
fn first_good_header_of_several_counts() {
    let mut world = World::warm();
    let refusal = Canned::problem(403, "unauthorized");
    world.ca.answer(Operation::Account, refusal.header("retry-after", "?").header("retry-after", "7"));
    assert_eq!(world.run(&mut Account::read()).unwrap_err().retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn repeatable_request_waits_as_asked_up_to_the_longest_wait() {
    for (seconds, is_ok) in [(60, true), (61, false)] {
        let mut world = World::warm();
        let busy = Canned::problem(429, "rateLimited").header("retry-after", seconds.to_string());
        world.ca.answer(Operation::Account, busy);
        let outcome = world.run(&mut Account::read());
        assert_eq!(outcome.is_ok(), is_ok);
        if let Err(error) = outcome {
            assert!(error.is_temporary() && matches!(error, Error::Problem(_)));
            assert_eq!((error.retry_after(), world.waited.as_secs()), (Some(Duration::from_secs(61)), 0));
        } else {
            assert!((60..=66).contains(&world.waited.as_secs()), "{:?}", world.waited);
        }
    }
}

#[test]
fn refused_new_order_is_not_sent_again() {
    for status in [429, 500, 503] {
        let mut world = World::warm();
        world.ca.answer(Operation::NewOrder, Canned::new(status, "<html>").header("retry-after", "5"));
        let error = world.issue(&["a.example"]).unwrap_err();
        assert_eq!(world.count("newOrder"), 1);
        assert!(error.is_temporary());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
        assert_eq!(error.to_string(), format!("the CA refused newOrder: HTTP status {status}"));
    }
}
