//! What holds for every provider.

use std::time::Duration;

use acme_solver::dns::{Api, DnsErrorKind};

use super::world::{Fake, SECRET, World};

/// The tests that hold for every provider; `$make` takes the secret that the provider uses.
macro_rules! contract {
    ($make:path) => {
        mod contract {
            use crate::solver::dns::contract as tests;

            #[test]
            fn values_are_added_and_removed() {
                tests::values_are_added_and_removed($make);
            }

            #[test]
            fn values_of_others_stay() {
                tests::values_of_others_stay($make);
            }

            #[test]
            fn what_is_there_is_not_written_again() {
                tests::what_is_there_is_not_written_again($make);
            }

            #[test]
            fn longest_zone_is_written() {
                tests::longest_zone_is_written($make);
            }

            #[test]
            fn name_without_a_zone_is_refused() {
                tests::name_without_a_zone_is_refused($make);
            }

            #[test]
            fn wrong_secret_is_not_shown() {
                tests::wrong_secret_is_not_shown($make);
            }

            #[test]
            fn busy_service_is_waited_for() {
                tests::busy_service_is_waited_for($make);
            }

            #[test]
            fn service_that_stays_busy_is_temporary() {
                tests::service_that_stays_busy_is_temporary($make);
            }
        }
    };
}

pub(crate) fn values_are_added_and_removed<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    let values = [(NAME, VALUE), (NAME, SECOND), ("_acme-challenge.example.org", VALUE)];
    world.add(&values).unwrap();
    assert_eq!(sorted(world.fake.values(NAME)), [VALUE, SECOND]);
    assert_eq!(world.fake.values("_acme-challenge.example.org"), [VALUE]);

    world.remove(&values[..1]).unwrap();
    assert_eq!(world.fake.values(NAME), [SECOND]);
    world.remove(&values).unwrap();
    assert!(world.fake.values(NAME).is_empty());
    assert!(world.fake.values("_acme-challenge.example.org").is_empty());
    world.remove(&values).unwrap();
    assert!(world.fake.waits_for_changes() || world.waits.is_empty());
}

pub(crate) fn values_of_others_stay<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    world.fake.put(NAME, OTHER);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(sorted(world.fake.values(NAME)), [OTHER, VALUE]);
    world.remove(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [OTHER]);
}

pub(crate) fn what_is_there_is_not_written_again<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    world.add(&[(NAME, VALUE)]).unwrap();
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
}

pub(crate) fn longest_zone_is_written<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    let names = ["_acme-challenge.a.sub.example.com", "_acme-challenge.asub.example.com"];
    let zones = world.zones(&names).unwrap();
    let zones: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
    assert_eq!(zones, ["sub.example.com", "example.com"]);
    world.add(&names.map(|name| (name, VALUE))).unwrap();
    for name in names {
        assert_eq!(world.fake.values(name), [VALUE], "{name}");
    }
}

pub(crate) fn name_without_a_zone_is_refused<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    let error = world.add(&[("_acme-challenge.elsewhere.net", VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::NoZone { .. }), "{error}");
    assert!(!error.is_temporary());
    assert!(error.to_string().contains("elsewhere.net"), "{error}");
}

pub(crate) fn wrong_secret_is_not_shown<F: Fake>(make: fn(&str) -> World<F>) {
    let wrong = "some-wrong-secret-of-44-characters-987654321";
    let mut world = make(wrong);
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    let DnsErrorKind::Credentials { needs, .. } = &error.kind else { panic!("{error}") };
    assert!(error.to_string().ends_with(needs));
    assert!(!error.is_temporary());
    for text in [error.to_string(), format!("{error:?}"), format!("{:?}", world.provider)] {
        assert!(!text.contains(wrong), "{text}");
    }
}

pub(crate) fn busy_service_is_waited_for<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    let busy = world.fake.busy();
    let retry_after = busy.headers().contains_key("retry-after");
    world.canned.push_back(busy);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert_eq!(world.waits[0], Duration::from_secs(if retry_after { 7 } else { 1 }));
    assert!(world.fake.waits_for_changes() || world.waits.len() == 1);
}

pub(crate) fn service_that_stays_busy_is_temporary<F: Fake>(make: fn(&str) -> World<F>) {
    let mut world = make(SECRET);
    for _ in 0..40 {
        let busy = world.fake.busy();
        world.canned.push_back(busy);
    }
    let error = world.add(&[(NAME, VALUE)]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Busy { .. }), "{error}");
    assert!(error.is_temporary());
    assert!(error.retry_after().is_some());
    assert!(world.waits.len() < Api::MAX_TRIES as usize);
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort_unstable();
    values
}

pub(crate) const NAME: &str = "_acme-challenge.example.com";
pub(crate) const VALUE: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
const SECOND: &str = "Qx3yJ0uYdD8vYVqF0oK1p7Wl6h8m3nTgR2sUeB4cAzE";
const OTHER: &str = "Another-value-that-somebody-else-put-there";
