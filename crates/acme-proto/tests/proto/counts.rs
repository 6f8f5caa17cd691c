//! How many requests an issuance costs, and in how many round trips.

use std::sync::Arc;
use std::time::Duration;

use acme_proto::{ChallengeType, Directory, Flow as _, Issue, OpenAccount, Operation, Registration, limits};
use serde_json::json;

use super::ca::{ACCOUNT, Action};
use super::world::{ToySigner, World, intent, issue, many, names, texts};

#[test]
fn one_name_on_a_warm_session_takes_seven_requests() {
    let mut world = World::warm();
    world.ca.issues_after = 1;
    world.issue(&["a.example"]).unwrap();
    assert_eq!(
        world.transcript(),
        r#"save order=- presented=0
newOrder /new-order {"identifiers":[{"type":"dns","value":"a.example"}]}
save order=/order/0 presented=0
authorization /authz/0
save order=/order/0 presented=1
present http-01 a.example
challenge /chall/0/http-01 {}
order /order/0
finalize /order/0/finalize {csr}
wait 10ms
order /order/0
certificate /cert/0
withdraw http-01 a.example"#
    );
    assert_eq!(world.exchanges, 7);
}

#[test]
fn one_name_takes_six_requests_where_finalize_answers_valid() {
    let mut world = World::warm();
    world.issue(&["a.example"]).unwrap();
    assert_eq!((world.exchanges, world.waited.as_millis()), (6, 0));
}

#[test]
fn cold_session_asks_for_directory_account_and_nonce_once() {
    let mut world = World::cold();
    let mut flow = OpenAccount::new(Arc::new(ToySigner::account()), Registration::new());
    world.run(&mut flow).unwrap();
    world.issue(&["a.example"]).unwrap();
    assert_eq!(world.exchanges, 9);
    let start: Vec<&str> = world.transcript().lines().take(3).collect();
    assert_eq!(start, ["directory GET /dir", "newNonce HEAD /new-nonce", "newAccount /new-account {}"]);
}

#[test]
fn session_signed_in_from_memory_asks_for_directory_and_nonce_only() {
    let mut world = World::cold();
    world.session.sign_in(ACCOUNT, Arc::new(ToySigner::account())).unwrap();
    world.issue(&["a.example"]).unwrap();
    assert_eq!(world.exchanges, 8);
}

/// A round trip of 50 ms, in which a newNonce may follow.
fn far_away(width: usize) -> World {
    let mut world = World::of_width(width);
    world.open_account();
    world.round_trip = Duration::from_millis(50);
    world.now = world.now.checked_add(Duration::from_secs(1)).unwrap();
    world
}

#[test]
fn hundred_names_take_as_many_phases_as_the_width_allows() {
    let mut world = far_away(limits::DEFAULT_WIDTH);
    world.ca.validates_after = 1;
    world.ca.issues_after = 1;
    let names = many(100);
    world.issue(&texts(&names)).unwrap();
    assert_eq!((world.count("authorization"), world.count("challenge")), (100, 100));
    assert_eq!(world.count("newNonce"), 15);
    // newOrder, eight of authorizations, since it takes six until there are nonces for the width,
    // seven of answers, and four alone: order, finalize, order, certificate.
    assert_eq!(world.phases, 1 + 8 + 7 + 4);
    assert_eq!(world.waited.as_millis(), 20);
}

#[test]
fn hundred_names_take_less_than_a_second_over_a_wide_connection() {
    let mut world = far_away(100);
    world.ca.validates_after = 1;
    world.ca.issues_after = 1;
    let names = many(100);
    let start = world.now;
    world.issue(&texts(&names)).unwrap();
    assert_eq!((world.phases, world.count("newNonce")), (1 + 8 + 5 + 4, 22));
    let took = world.now.duration_since(start);
    assert!(took.as_millis() < 1000, "{took:?}");
}

#[test]
fn new_nonces_follow_at_the_pace_that_a_ca_bears() {
    let names = many(100);
    for round_trip in [0, 1, 10, 50, 200, 1000] {
        let mut world = far_away(100);
        world.round_trip = Duration::from_millis(round_trip);
        let start = world.now;
        world.issue(&texts(&names)).unwrap();
        let took = u64::try_from(world.now.duration_since(start).as_millis()).unwrap();
        let allowed =
            u64::from(limits::MAX_NONCE_FETCHES) + took * u64::from(limits::NONCE_FETCHES_PER_SECOND) / 1000;
        assert!(world.count("newNonce") as u64 <= allowed, "{round_trip} ms");
        assert!(world.most_nonces_at_once <= limits::MAX_NONCE_FETCHES as usize);
    }
}

#[test]
fn ca_whose_responses_bring_no_nonces_is_borne() {
    let mut world = World::warm();
    let strip: Action = Action::Edit(|response| drop(response.headers_mut().remove("replay-nonce")));
    for operation in [Operation::Authorization, Operation::Challenge, Operation::NewOrder, Operation::Order] {
        world.ca.fail_later(operation, 0, 100, strip.clone());
    }
    let names = many(20);
    world.issue(&texts(&names)).unwrap();
    assert_eq!(world.ca.finalized(), 1);
}

#[test]
fn second_wide_order_needs_no_nonce() {
    let mut world = World::warm();
    let names = many(100);
    world.issue(&texts(&names)).unwrap();
    world.forget();
    world.issue(&texts(&names)).unwrap();
    assert_eq!(world.count("newNonce"), 0);
    assert_eq!(world.exchanges, 100 + 100 + 4);
}

#[test]
fn every_width_takes_the_exchanges_in_so_many_phases() {
    let names = many(10);
    for (width, phases) in [(1, 10), (2, 5), (3, 4), (9, 2), (10, 1), (100, 1)] {
        let mut world = World::of_width(width);
        world.open_account();
        world.issue(&texts(&names)).unwrap();
        world.forget();
        world.issue(&texts(&names)).unwrap();
        assert_eq!(world.phases, 4 + 2 * phases, "width {width}");
    }
}

#[test]
fn wildcard_and_its_base_name_are_two_values_under_one_name() {
    let mut world = World::warm();
    let wanted = names(&["*.a.example", "a.example"]);
    let choices = wanted.iter().map(|name| (name.clone(), vec![ChallengeType::Dns01])).collect();
    let mut flow = Issue::new(intent(&["*.a.example", "a.example"]), choices).unwrap();
    let _ = world.run_steps(&mut flow, 6).unwrap();
    let presented = flow.presented();
    assert_eq!(world.count("present dns-01"), 2);
    assert_eq!(presented[0].dns_name(), "_acme-challenge.a.example");
    assert_eq!(presented[1].dns_name(), "_acme-challenge.a.example");
    assert_ne!(presented[0].dns_value(), presented[1].dns_value());
    assert!(presented[0].wildcard && !presented[1].wildcard);
}

#[test]
fn wide_order_on_a_cold_session_fetches_the_directory_once() {
    let mut world = World::cold();
    world.session.sign_in(ACCOUNT, Arc::new(ToySigner::account())).unwrap();
    let names = many(100);
    world.issue(&texts(&names)).unwrap();
    assert_eq!(world.count("directory"), 1);
    // One for newOrder itself, and nine beside it: no time has passed.
    assert_eq!(world.count("newNonce"), 10);
}

/// An order that is resumed has had no newOrder beside which nonces could be fetched.
#[test]
fn new_nonce_is_asked_for_so_many_times_at_once() {
    let mut world = World::warm();
    let names = many(100);
    let mut flow = issue(&texts(&names));
    let _ = world.run_steps(&mut flow, 3 + 1).unwrap();
    world.restart();
    world.now = world.now.checked_add(Duration::from_secs(1)).unwrap();
    world.resume().unwrap();
    let most = limits::MAX_NONCE_FETCHES as usize;
    assert_eq!((world.count("newNonce"), world.most_nonces_at_once), (most, most));
}

#[test]
fn call_that_can_not_be_made_ends_without_a_step() {
    let mut world = World::warm();
    world.ca.directory.insert("newOrder", json!(null));
    world.run(&mut Directory::fetch()).unwrap();
    world.forget();
    world.issue(&["a.example"]).unwrap_err();
    assert_eq!(world.transcript(), "save order=- presented=0\nsave order=- presented=0");
}
