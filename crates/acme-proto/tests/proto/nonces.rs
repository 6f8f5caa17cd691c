//! Nonces: kept, used once, and replaced when a CA refuses them.

use std::time::Duration;

use acme_proto::{Account, Directory, Operation, ProblemKind, limits};

use super::ca::{Action, Canned};
use super::world::{World, many, texts};

fn bad_nonce() -> Canned {
    Canned::problem(400, "badNonce")
}

#[test]
fn nonce_of_each_response_is_used_for_the_next_request() {
    let mut world = World::warm();
    for _ in 0..5 {
        world.run(&mut Account::read()).unwrap();
    }
    assert_eq!((world.exchanges, world.count("newNonce")), (5, 0));
}

#[test]
fn refused_nonce_is_replaced_by_that_of_the_same_response() {
    let mut world = World::warm();
    world.ca.answer(Operation::Account, bad_nonce());
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.transcript(), "account /acct/1\naccount /acct/1");
}

#[test]
fn refused_nonce_without_a_new_one_leads_to_new_nonce() {
    let mut world = World::warm();
    world.ca.answer(Operation::Account, bad_nonce().without_nonce());
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.transcript(), "account /acct/1\nnewNonce HEAD /new-nonce\naccount /acct/1");
}

#[test]
fn refused_nonces_are_bounded_at_the_limit() {
    let mut world = World::warm();
    world.ca.fail_later(Operation::Account, 0, limits::MAX_NONCE_RETRIES, Action::Instead(bad_nonce()));
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("account"), limits::MAX_NONCE_RETRIES as usize + 1);
    let late = limits::MAX_NONCE_RETRIES - limits::IMMEDIATE_NONCE_RETRIES;
    assert_eq!(world.waited, limits::NONCE_RETRY_WAIT * late);
}

#[test]
fn nonce_that_is_not_base64url_is_ignored() {
    for nonce in ["", "a b", "a=", "a+b", "\u{e9}", "\"quoted\""] {
        let mut world = World::warm();
        let account = Canned::new(200, "{}").header("replay-nonce", nonce);
        world.ca.answer(Operation::Account, account);
        world.run(&mut Account::read()).unwrap();
        world.run(&mut Account::read()).unwrap();
        assert_eq!(world.count("newNonce"), 1, "{nonce}");
    }
}

#[test]
fn nonce_is_ignored_one_past_the_longest() {
    for (length, fetches) in [(limits::MAX_NONCE, 0), (limits::MAX_NONCE + 1, 1)] {
        let mut world = World::warm();
        world
            .ca
            .answer(Operation::Account, Canned::new(200, "{}").header("replay-nonce", "n".repeat(length)));
        world.run(&mut Account::read()).unwrap();
        world.run(&mut Account::read()).unwrap();
        assert_eq!(world.count("newNonce"), fetches, "{length}");
    }
}

#[test]
fn first_good_nonce_of_several_headers_is_taken() {
    let mut world = World::warm();
    let account = Canned::new(200, "{}").header("replay-nonce", "=bad=").header("replay-nonce", "good");
    world.ca.answer(Operation::Account, account);
    world.run(&mut Account::read()).unwrap();
    world.run(&mut Account::read()).unwrap();
    // The CA does not know the nonce, and says so; nobody asked for another one.
    assert_eq!(world.transcript(), "account /acct/1\naccount /acct/1\naccount /acct/1");
}

#[test]
fn old_nonces_are_not_used() {
    for (seconds, fetches) in [(0, 0), (1, 1)] {
        let mut world = World::warm();
        world.now = world.now.checked_add(limits::MAX_NONCE_AGE + Duration::from_secs(seconds)).unwrap();
        world.run(&mut Account::read()).unwrap();
        assert_eq!(world.count("newNonce"), fetches);
    }
}

#[test]
fn nonces_from_before_a_clock_was_set_back_are_not_used() {
    let mut world = World::warm();
    world.now = world.now.checked_sub(Duration::from_secs(3600)).unwrap();
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("newNonce"), 1);
}

#[test]
fn new_nonce_without_a_nonce_breaks_the_protocol() {
    let mut world = World::cold();
    world.ca.answer(Operation::NewNonce, Canned::new(200, "").without_nonce());
    world
        .session
        .sign_in(super::ca::ACCOUNT, std::sync::Arc::new(super::world::ToySigner::account()))
        .unwrap();
    let error = world.run(&mut Account::read()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CA broke the protocol in its response to newNonce: the header Replay-Nonce is missing"
    );
}

#[test]
fn nonce_of_a_refused_new_nonce_is_as_good() {
    let mut world = World::warm();
    world.now = world.now.checked_add(limits::MAX_NONCE_AGE * 2).unwrap();
    world
        .ca
        .fail(Operation::NewNonce, Action::Edit(|response| *response.status_mut() = 503.try_into().unwrap()));
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.exchanges, 2);
}

#[test]
fn new_nonce_that_fails_is_repeated_twice() {
    for (failures, is_ok) in [(limits::MAX_TRIES - 1, true), (limits::MAX_TRIES, false)] {
        let mut world = World::warm();
        world.now = world.now.checked_add(limits::MAX_NONCE_AGE * 2).unwrap();
        let failure = Action::Instead(Canned::new(503, "<html>busy</html>").without_nonce());
        world.ca.fail_later(Operation::NewNonce, 0, failures, failure);
        assert_eq!(world.run(&mut Account::read()).is_ok(), is_ok);
        assert_eq!(world.count("newNonce"), limits::MAX_TRIES as usize);
        assert_eq!(world.waited, limits::RETRY_WAIT);
    }
}

#[test]
fn refused_nonces_end_the_call_one_past_the_limit() {
    let mut world = World::warm();
    world.ca.fail_later(Operation::Account, 0, limits::MAX_NONCE_RETRIES + 1, Action::Instead(bad_nonce()));
    let error = world.run(&mut Account::read()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::BadNonce);
    assert_eq!(world.count("account"), limits::MAX_NONCE_RETRIES as usize + 1);
}

#[test]
fn bad_nonce_for_a_request_without_one_is_an_ordinary_refusal() {
    let mut world = World::cold();
    world.ca.fail_later(Operation::Directory, 0, 9, Action::Instead(bad_nonce()));
    assert!(world.run(&mut Directory::fetch()).is_err());
    assert_eq!(world.count("directory"), 1);
}

/// Vault sends no nonce with badNonce: those of the pool are no better than the refused one.
#[test]
fn refused_nonce_without_a_new_one_leaves_the_pool_alone() {
    let mut world = World::warm();
    let names = many(8);
    world.issue(&texts(&names)).unwrap();
    world.forget();
    world.ca.forget_nonces();
    world.ca.answer(Operation::Account, bad_nonce().without_nonce());
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.transcript(), "account /acct/1\nnewNonce HEAD /new-nonce\naccount /acct/1");
}

#[test]
fn new_nonce_that_moved_is_looked_up_again_once() {
    let mut world = World::warm();
    world.now = world.now.checked_add(limits::MAX_NONCE_AGE * 2).unwrap();
    world.ca.epoch = 1;
    world.ca.fail(Operation::NewNonce, Action::Instead(Canned::problem(404, "malformed").without_nonce()));
    world.run(&mut Account::read()).unwrap();
    assert_eq!(
        world.transcript(),
        "newNonce HEAD /new-nonce\ndirectory GET /dir\nnewNonce HEAD /1/new-nonce\naccount /acct/1"
    );
    let mut world = World::warm();
    world.now = world.now.checked_add(limits::MAX_NONCE_AGE * 2).unwrap();
    let gone = Action::Instead(Canned::problem(404, "malformed").without_nonce());
    world.ca.fail_later(Operation::NewNonce, 0, 9, gone);
    let error = world.run(&mut Account::read()).unwrap_err();
    assert_eq!(error.refusal().unwrap().operation, Operation::NewNonce);
    assert_eq!(world.exchanges, 3);
}
