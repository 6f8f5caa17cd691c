//! Keys that are not in memory: everything is signed through steps, and nothing else changes.

use std::sync::Arc;

use acme_proto::{
    Account, Algorithm, Error, ExternalKey, Flow, Input, Misuse, OpenAccount, Operation, Order, Registration,
    RollOver, Signer, SigningKey, Step,
};

use super::ca::Action;
use super::world::{ToySigner, World, issue, many, texts};

/// The same key, somewhere else; its name is what it signs with.
fn elsewhere(key: &ToySigner) -> ExternalKey {
    ExternalKey {
        name: key.x().to_string(),
        algorithm: Algorithm::Es256,
        jwk: key.jwk().clone(),
        public_key_der: key.public_key_der().to_vec(),
    }
}

fn external() -> World {
    let mut world = World::cold();
    world.ca.directory.insert("keyChange", "/key-change".into());
    world.run(&mut OpenAccount::new(elsewhere(&ToySigner::account()), Registration::new())).unwrap();
    world.forget();
    world
}

#[test]
fn issuance_is_the_same_but_for_the_signatures() {
    let names = ["a.example", "*.a.example", "b.example"];
    let mut inside = World::warm();
    inside.issue(&names).unwrap();
    let mut outside = external();
    outside.issue(&names).unwrap();
    let without_signatures: Vec<&str> =
        outside.transcript().lines().filter(|line| !line.starts_with("sign ")).collect();
    assert_eq!(without_signatures, inside.transcript().lines().collect::<Vec<_>>());
    assert!(outside.count("sign ") > 0 && inside.count("sign ") == 0);
}

/// A round asks for all of its signatures at once.
#[test]
fn messages_of_a_round_are_signed_together() {
    let names = many(5);
    let mut world = external();
    world.issue(&texts(&names)).unwrap();
    let steps: Vec<&str> = world.transcript().lines().filter(|line| line.starts_with("sign ")).collect();
    assert_eq!(steps, ["sign 1", "sign 5", "sign 5", "sign 1", "sign 1", "sign 1"], "{}", world.transcript());
    // Never more than the session is wide.
    let names = many(40);
    let mut world = World::of_width(16);
    world.run(&mut OpenAccount::new(elsewhere(&ToySigner::account()), Registration::new())).unwrap();
    world.issue(&texts(&names)).unwrap();
    assert!(world.transcript().lines().any(|line| line.starts_with("sign ") && line != "sign 1"));
}

#[test]
fn refused_nonce_is_signed_anew() {
    let mut world = external();
    world.ca.forget_nonces();
    world.run(&mut Account::read()).unwrap();
    assert_eq!((world.count("sign 1"), world.count("account")), (2, 2));
}

#[test]
fn key_that_does_not_sign_ends_the_flow_and_leaves_nothing_behind() {
    for is_temporary in [true, false] {
        let mut failures = 0;
        for number in 1..20 {
            let mut world = external();
            world.failing_signature = number;
            world.sign_error_is_temporary = is_temporary;
            let Err(error) = world.issue(&["a.example", "b.example"]) else { break };
            assert!(matches!(error, Error::Sign(_)), "{error}");
            assert_eq!(error.is_temporary(), is_temporary);
            assert!(world.ca.in_place.is_empty(), "{}", world.transcript());
            failures += 1;
        }
        assert!(failures >= 6, "{failures}");
    }
}

#[test]
fn other_flows_go_on_while_a_key_signs() {
    let mut world = external();
    let mut slow = Account::read();
    let Step::Sign(messages) = slow.resume(&mut world.session, Input::Start, world.now).unwrap() else {
        panic!("nothing to sign")
    };
    world.issue(&["a.example"]).unwrap();
    let signed = messages.iter().map(|message| Ok(message.key.clone().into_bytes())).collect();
    world.run_from(&mut slow, Input::Signed(signed)).unwrap();
    // A signature that was not asked for, and one too many.
    for signatures in [0, 2] {
        let mut flow = Account::read();
        let _ = flow.resume(&mut world.session, Input::Start, world.now).unwrap();
        let signed = (0..signatures).map(|_| Ok(Vec::new())).collect();
        let error = flow.resume(&mut world.session, Input::Signed(signed), world.now).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Input)), "{error}");
    }
    let error = Account::read().resume(&mut world.session, Input::Signed(vec![]), world.now).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::Input)), "{error}");
}

/// From memory, to memory, and from one place to another.
#[test]
fn key_is_changed_wherever_the_old_and_the_new_one_are() {
    let new_keys: [SigningKey; 2] =
        [elsewhere(&ToySigner::other()).into(), Arc::new(ToySigner::other()).into()];
    for new_key in new_keys {
        for old_is_elsewhere in [true, false] {
            for is_lost in [true, false] {
                let mut world = external();
                if !old_is_elsewhere {
                    world.open_account();
                }
                if is_lost {
                    world.ca.fail(Operation::KeyChange, Action::Lost);
                }
                world.run(&mut RollOver::new(new_key.clone())).unwrap();
                assert_eq!(world.ca.account_key.as_deref(), Some(ToySigner::other().x()));
                world.run(&mut Account::read()).unwrap();
                world.run(&mut Order::create(&super::world::intent(&["a.example"]))).unwrap();
            }
        }
    }
}

/// What the new key has to say has no nonce, and is good for the next try.
#[test]
fn statement_of_a_new_key_is_signed_once() {
    let mut world = external();
    world.ca.forget_nonces();
    world.run(&mut RollOver::new(elsewhere(&ToySigner::other()))).unwrap();
    // The statement, and the request twice.
    assert_eq!((world.count("keyChange"), world.count("sign 1")), (2, 3));
}

#[test]
fn cancel_while_a_key_signs_ends_the_flow() {
    let mut world = external();
    let mut flow = issue(&["a.example"]);
    let mut input = Input::Start;
    while world.ca.in_place.is_empty() {
        let step = flow.resume(&mut world.session, input, world.now).unwrap();
        input = world.perform(step).unwrap_or_else(|_| panic!("the flow ended"));
    }
    assert!(matches!(flow.resume(&mut world.session, input, world.now), Ok(Step::Sign(_))));
    assert!(matches!(world.run_from(&mut flow, Input::Cancel), Err(Error::Cancelled)));
    assert!(world.ca.in_place.is_empty());
}
