//! Giving an account another key, whatever becomes of the request and whoever else is at work.

use std::sync::Arc;

use acme_proto::{
    Account, Challenge, Error, Flow, Input, Misuse, OpenAccount, Operation, Order, ProblemKind, Registration,
    RollOver, Step,
};

use super::ca::{ACCOUNT, Action, Canned};
use super::world::{ToySigner, World, intent, issue};

/// A session with its account, at a CA that changes keys.
fn changing() -> World {
    let mut world = World::cold();
    world.ca.directory.insert("keyChange", "/key-change".into());
    world.open_account();
    world
}

fn roll_over() -> RollOver {
    RollOver::new(Arc::new(ToySigner::other()))
}

fn is_kind(error: &Error, kind: &ProblemKind) -> bool {
    error.refusal().is_some_and(|refusal| refusal.problem.kind == *kind)
}

fn has_new_key(world: &World) -> bool {
    let at_ca = world.ca.account_key.as_deref() == Some(ToySigner::other().x());
    let in_session =
        world.session.public_key_der() == Some(acme_proto::Signer::public_key_der(&ToySigner::other()));
    assert_eq!(at_ca, in_session, "{}", world.transcript());
    in_session
}

#[test]
fn key_is_changed_in_one_request() {
    let mut world = changing();
    let thumbprint = world.session.thumbprint().unwrap();
    world.run(&mut roll_over()).unwrap();
    assert_eq!((world.count("keyChange"), world.exchanges), (1, 1));
    assert!(has_new_key(&world));
    assert_ne!(world.session.thumbprint().unwrap().as_str(), thumbprint.as_str());
    world.run(&mut Account::read()).unwrap();
    world.issue(&["a.example"]).unwrap();
}

#[test]
fn statement_of_the_new_key_is_made_anew_after_a_refused_nonce() {
    let mut world = changing();
    world.ca.forget_nonces();
    world.run(&mut roll_over()).unwrap();
    assert_eq!((world.count("keyChange"), world.ca.key_changes), (2, 1));
}

#[test]
fn change_that_makes_no_sense_is_not_asked_for() {
    let mut world = changing();
    let error = world.run(&mut RollOver::new(Arc::new(ToySigner::account()))).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::KeyUnchanged)), "{error}");
    world.ca.directory.insert("keyChange", serde_json::Value::Null);
    world.restart();
    world.forget();
    let error = world.run(&mut roll_over()).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NotOffered(Operation::KeyChange))), "{error}");
    assert_eq!(world.exchanges, 0);
    let error = World::cold().run(&mut roll_over()).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NoAccount)), "{error}");
}

#[test]
fn lost_change_is_settled_by_asking_for_the_new_key() {
    let broken = |response: &mut http::Response<Vec<u8>>| *response.status_mut() = 502.try_into().unwrap();
    for action in [Action::Lost, Action::Edit(broken)] {
        let mut world = changing();
        world.ca.fail(Operation::KeyChange, action);
        world.run(&mut roll_over()).unwrap();
        assert_eq!((world.count("keyChange"), world.count("newAccount")), (1, 1));
        assert!(has_new_key(&world));
    }
}

#[test]
fn change_that_did_not_arrive_is_asked_for_again() {
    let mut world = changing();
    world.ca.answer(Operation::KeyChange, Canned::new(503, "busy"));
    world.run(&mut roll_over()).unwrap();
    assert_eq!((world.count("keyChange"), world.count("newAccount")), (2, 2));
    assert!(has_new_key(&world));
    // Not for ever, and not before the CA wants it.
    for (header, sent) in [(None, 3), (Some("600"), 1)] {
        let mut world = changing();
        for _ in 0..3 {
            let mut busy = Canned::problem(500, "serverInternal");
            if let Some(wait) = header {
                busy = busy.header("retry-after", wait);
            }
            world.ca.answer(Operation::KeyChange, busy);
        }
        let error = world.run(&mut roll_over()).unwrap_err();
        assert!(is_kind(&error, &ProblemKind::ServerInternal) && error.is_temporary(), "{error}");
        assert_eq!(world.count("keyChange"), sent);
        assert!(!has_new_key(&world));
    }
}

#[test]
fn refusal_is_checked_and_then_believed() {
    let mut world = changing();
    world.ca.answer(Operation::KeyChange, Canned::problem(400, "badPublicKey"));
    let error = world.run(&mut roll_over()).unwrap_err();
    assert!(is_kind(&error, &ProblemKind::BadPublicKey), "{error}");
    assert_eq!((world.count("keyChange"), world.count("newAccount")), (1, 2));
    assert!(!has_new_key(&world));
    world.run(&mut Account::read()).unwrap();
}

/// Killed after the CA had heard of it, a program asks once more.
#[test]
fn change_that_was_made_before_is_success() {
    let mut world = changing();
    world.ca.account_key = Some(ToySigner::other().x().to_string());
    world.run(&mut roll_over()).unwrap();
    assert!(has_new_key(&world));
}

#[test]
fn key_of_another_account_is_an_error_of_its_own() {
    let taken = || Some(ToySigner::other().x().to_string());
    let mut world = changing();
    world.ca.taken_key = taken();
    let error = world.run(&mut roll_over()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.status, Some(409));
    let Error::KeyInUse(in_use) = &error else { panic!("{error}") };
    assert_eq!(in_use.account_url, "https://ca.test/acct/2");
    assert_eq!(error.to_string(), "the key is in use by another account: https://ca.test/acct/2");
    assert!(!error.is_temporary() && !has_new_key(&world));
    // Also where the refusal was lost.
    let mut world = changing();
    world.ca.taken_key = taken();
    world.ca.fail(Operation::KeyChange, Action::Lost);
    let error = world.run(&mut roll_over()).unwrap_err();
    assert!(matches!(&error, Error::KeyInUse(in_use) if in_use.refusal.is_none()), "{error}");
}

#[test]
fn change_that_can_not_be_settled_says_so() {
    let mut world = changing();
    world.ca.fail(Operation::KeyChange, Action::Lost);
    world.ca.fail_later(Operation::NewAccount, 0, 3, Action::NotSent);
    let error = world.run(&mut roll_over()).unwrap_err();
    let Error::KeyUnsettled(reason) = &error else { panic!("{error}") };
    assert!(matches!(**reason, Error::Transport { operation: Operation::KeyChange, .. }), "{reason}");
    assert!(error.is_temporary());
    // Both keys are at hand, and the CA can be reached again.
    world.session = World::cold().session;
    let old = Arc::new(ToySigner::account());
    let mut open = OpenAccount::new(old, Registration::new()).or_with(Arc::new(ToySigner::other()));
    assert_eq!(world.run(&mut open).unwrap().url, ACCOUNT);
    assert!(has_new_key(&world));
    assert_eq!(world.ca.accounts, 1);
}

#[test]
fn account_is_opened_with_the_old_key_where_no_change_was_made() {
    for has_account in [true, false] {
        let mut world = if has_account { changing() } else { World::cold() };
        let (old, new) = (Arc::new(ToySigner::account()), Arc::new(ToySigner::other()));
        let mut open = OpenAccount::new(old, Registration::new()).or_with(new);
        assert_eq!(world.run(&mut open).unwrap().url, ACCOUNT);
        assert!(!has_new_key(&world));
        assert_eq!(world.ca.accounts, 1);
    }
    // A CA that can't be asked is no CA without the account.
    let mut world = changing();
    world.ca.answer(Operation::NewAccount, Canned::problem(403, "unauthorized"));
    let (old, new) = (Arc::new(ToySigner::account()), Arc::new(ToySigner::other()));
    let mut open = OpenAccount::new(old, Registration::new()).or_with(new);
    assert!(is_kind(&world.run(&mut open).unwrap_err(), &ProblemKind::Unauthorized));
}

/// Whatever was asked for when the end was asked for, the session signs with the right key.
#[test]
fn cancel_is_settled_before_the_end() {
    for is_carried_out in [false, true] {
        let mut world = changing();
        let mut flow = roll_over();
        let step = flow.resume(&mut world.session, Input::Start, world.now).unwrap();
        if is_carried_out {
            assert!(world.perform(step).is_ok());
        }
        let outcome = world.run_from(&mut flow, Input::Cancel);
        assert_eq!(outcome.is_ok(), is_carried_out);
        assert_eq!(has_new_key(&world), is_carried_out);
        assert!(outcome.is_ok() || matches!(outcome, Err(Error::Cancelled)));
    }
    // Twice is a wish that leaves no time to ask.
    let mut world = changing();
    let mut flow = roll_over();
    let _ = flow.resume(&mut world.session, Input::Start, world.now).unwrap();
    let _ = flow.resume(&mut world.session, Input::Cancel, world.now).unwrap();
    let error = flow.resume(&mut world.session, Input::Cancel, world.now).unwrap_err();
    assert!(matches!(error, Error::KeyUnsettled(_)), "{error}");
    let error = roll_over().resume(&mut world.session, Input::Cancel, world.now).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
}

/// Two flows, step by step in turn.
#[test]
fn request_that_was_signed_with_the_old_key_is_signed_again() {
    let mut world = changing();
    let mut order = Order::create(&intent(&["a.example"]));
    let Step::Exchange(signed) = order.resume(&mut world.session, Input::Start, world.now).unwrap() else {
        panic!("no request")
    };
    world.run(&mut roll_over()).unwrap();
    let refused = world.perform(Step::<()>::Exchange(signed)).unwrap();
    world.run_from(&mut order, refused).unwrap();
    assert_eq!((world.count("newOrder"), world.ca.orders.len()), (2, 1));
    // Once: a refusal with the new key is a refusal.
    world.ca.account_key = Some("somebody-else".to_string());
    let error = world.run(&mut Account::read()).unwrap_err();
    assert!(is_kind(&error, &ProblemKind::Unauthorized), "{error}");
    assert_eq!(world.count("account"), 1);
}

/// The CA has changed the key, and its answer is still on the way.
#[test]
fn request_that_is_refused_during_a_change_waits_for_its_end() {
    let mut world = changing();
    let mut change = roll_over();
    let step = change.resume(&mut world.session, Input::Start, world.now).unwrap();
    let answer = world.perform(step).unwrap();
    let mut read = Account::read();
    let mut input = Input::Start;
    for _ in 0..5 {
        let step = read.resume(&mut world.session, input, world.now).unwrap();
        input = world.perform(step).unwrap_or_else(|_| panic!("the account was read with the old key"));
    }
    world.run_from(&mut change, answer).unwrap();
    world.run_from(&mut read, input).unwrap();
    assert_eq!(world.count("account"), 2);
    assert!(has_new_key(&world));
}

/// Whoever began the change is gone.
#[test]
fn end_of_a_change_is_not_waited_for_for_ever() {
    let mut world = changing();
    let step = roll_over().resume(&mut world.session, Input::Start, world.now).unwrap();
    assert!(world.perform(step).is_ok());
    let error = world.run(&mut Account::read()).unwrap_err();
    assert!(is_kind(&error, &ProblemKind::Unauthorized), "{error}");
    assert_eq!((world.count("account"), world.waited), (2, acme_proto::limits::MAX_WAIT));
}

/// The key is changed after each number of steps of an issuance, or while its request is out.
#[test]
fn issuance_goes_on_with_the_new_key_at_whatever_instant_it_comes() {
    let names = ["a.example", "*.a.example", "b.example"];
    for is_on_the_way in [false, true] {
        let mut changes = 0;
        for steps in 0..100 {
            let mut world = changing();
            (world.ca.validates_after, world.ca.issues_after) = (0, 1);
            let mut flow = issue(&names);
            let Ok(mut input) = world.run_steps(&mut flow, steps) else { break };
            if is_on_the_way {
                let step = flow.resume(&mut world.session, input, world.now).unwrap();
                world.run(&mut roll_over()).unwrap();
                let Ok(result) = world.perform(step) else { break };
                input = result;
            } else {
                world.run(&mut roll_over()).unwrap();
            }
            changes += 1;
            world.run_from(&mut flow, input).unwrap_or_else(|error| {
                panic!("{steps} steps, on the way: {is_on_the_way}: {error}\n{}", world.transcript())
            });
            assert_eq!((world.ca.finalized(), world.ca.orders.len()), (1, 1));
            assert!(world.ca.in_place.is_empty() && has_new_key(&world));
        }
        assert!(changes >= 10, "{changes}");
    }
}

/// The CA validates with the thumbprint of the key that the account then has.
#[test]
fn challenges_are_presented_anew_with_the_new_key() {
    let mut world = changing();
    let mut flow = issue(&["a.example"]);
    let mut input = Input::Start;
    while world.ca.in_place.is_empty() {
        let step = flow.resume(&mut world.session, input, world.now).unwrap();
        input = world.perform(step).unwrap_or_else(|_| panic!("the flow ended"));
    }
    let old = world.ca.in_place.clone();
    world.run(&mut roll_over()).unwrap();
    world.forget();
    world.run_from(&mut flow, input).unwrap();
    assert_eq!((world.count("present"), world.count("challenge")), (1, 1));
    let presented: Vec<&Challenge> = world.ca.answered_with.iter().collect();
    assert_ne!(presented[0].key_authorization(), old[0].key_authorization());
    assert!(presented[0].key_authorization().ends_with(world.session.thumbprint().unwrap().as_str()));
    // Both are taken away.
    assert_eq!(world.count("withdraw"), 2);
    assert!(world.ca.in_place.is_empty());
}
