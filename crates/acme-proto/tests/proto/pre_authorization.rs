//! Proving control of a name ahead of an order.

use std::sync::Arc;

use acme_proto::{
    AuthorizationStatus, ChallengeType, Error, Flow, Identifier, Input, Misuse, Operation, PreAuthorize,
    PreAuthorized, ProblemKind, RollOver,
};

use super::ca::{Action, Canned};
use super::world::{ToySigner, World};

const NEW: &str = r#"newAuthz /new-authz {"identifier":{"type":"dns","value":"a.example"}}"#;

/// A CA with pre-authorization.
fn offering() -> World {
    let mut world = World::cold();
    world.ca.directory.insert("newAuthz", "/new-authz".into());
    world.ca.directory.insert("keyChange", "/key-change".into());
    world.open_account();
    world
}

fn name(text: &str) -> Identifier {
    text.parse().unwrap()
}

fn flow() -> PreAuthorize {
    PreAuthorize::new(name("a.example"), vec![ChallengeType::Http01]).unwrap()
}

fn run(world: &mut World) -> Result<PreAuthorized, Error> {
    world.run(&mut flow())
}

#[test]
fn name_is_authorized_ahead_of_an_order() {
    let mut world = offering();
    let authorized = run(&mut world).unwrap();
    assert_eq!(authorized.authorization.status, AuthorizationStatus::Valid);
    assert_eq!(authorized.authorization.url, "https://ca.test/authz/0");
    assert!(authorized.left_in_place.is_empty() && world.ca.in_place.is_empty());
    let expected = [
        NEW,
        "save order=- presented=1",
        "present http-01 a.example",
        "challenge /chall/0/http-01 {}",
        "authorization /authz/0",
        "withdraw http-01 a.example",
        "save order=- presented=0",
    ];
    assert_eq!(world.transcript().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn name_that_is_authorized_already_needs_no_challenge() {
    let mut world = offering();
    world.ca.proved.insert("a.example".to_string());
    run(&mut world).unwrap();
    assert_eq!(world.transcript(), NEW);
}

#[test]
fn what_can_not_be_asked_for_is_not_asked_for() {
    let error = PreAuthorize::new(name("*.a.example"), vec![ChallengeType::Dns01]).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::WildcardPreAuthorization(_))), "{error}");
    let mut world = World::warm();
    let error = run(&mut world).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NotOffered(Operation::NewAuthz))), "{error}");
    let mut world = offering();
    world.forget();
    let flow = PreAuthorize::new(name("a.example"), vec![ChallengeType::Other("x-01".into())]);
    let error = world.run(&mut flow.unwrap()).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NoChallenge { .. })), "{error}");
}

#[test]
fn challenge_that_fails_is_the_error_and_is_taken_away() {
    let mut world = offering();
    world.ca.refused.insert("a.example".to_string());
    world.ca.validates_after = 2;
    let error = run(&mut world).unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.operation, &refusal.problem.kind),
        (Operation::Authorization, &ProblemKind::Connection)
    );
    assert!(world.ca.in_place.is_empty());
    // A solver that fails, a save that fails.
    let mut world = offering();
    world.unsolvable.push("a.example");
    assert!(matches!(run(&mut world).unwrap_err(), Error::Solver { .. }));
    let mut world = offering();
    world.failing_save = 1;
    assert!(matches!(run(&mut world).unwrap_err(), Error::Store(_)));
    assert_eq!(world.count("present"), 0);
}

#[test]
fn response_that_stays_in_place_costs_no_authorization() {
    let mut world = offering();
    world.stuck.push("a.example");
    let authorized = run(&mut world).unwrap();
    assert_eq!(authorized.left_in_place.len(), 1);
    // It stays known, and an issuance takes it away.
    assert_eq!(world.saved.as_ref().unwrap().presented.len(), 1);
}

#[test]
fn answer_that_is_lost_or_refused_is_settled_by_reading() {
    for (action, answers) in [
        (Action::Lost, 1),
        (Action::Instead(Canned::new(502, "busy")), 2),
        (Action::Instead(Canned::problem(400, "malformed")), 2),
    ] {
        let mut world = offering();
        world.ca.fail(Operation::Challenge, action);
        run(&mut world).unwrap();
        assert_eq!(world.count("challenge"), answers, "{}", world.transcript());
    }
    let mut world = offering();
    world.ca.fail_later(Operation::Challenge, 0, 100, Action::Instead(Canned::new(502, "busy")));
    assert!(run(&mut world).unwrap_err().is_temporary());
    assert_eq!(world.count("challenge"), 3);
    assert!(world.ca.in_place.is_empty());
}

#[test]
fn lost_authorization_is_not_asked_for_again() {
    let mut world = offering();
    world.ca.fail(Operation::NewAuthz, Action::Lost);
    let error = run(&mut world).unwrap_err();
    assert!(matches!(error, Error::Transport { operation: Operation::NewAuthz, .. }), "{error}");
    assert_eq!(world.count("newAuthz"), 1);
}

/// Cancelled after any number of steps, or while the step is carried out.
#[test]
fn cancel_leaves_nothing_behind() {
    let mut cancels = 0;
    for steps in 0..20 {
        let mut world = offering();
        let mut flow = flow();
        let Ok(_) = world.run_steps(&mut flow, steps) else { break };
        let is_ending = world.count("withdraw") > 0;
        let outcome = world.run_from(&mut flow, Input::Cancel);
        if !is_ending {
            assert!(matches!(outcome, Err(Error::Cancelled)), "{steps}: {outcome:?}");
            let is_known = world.count("save") > 0;
            assert!(!is_known || world.ca.authorizations[0].deactivations == 1, "{}", world.transcript());
        }
        assert!(world.ca.in_place.is_empty(), "{}", world.transcript());
        cancels += 1;
    }
    assert!(cancels >= 7, "{cancels}");
}

#[test]
fn response_is_presented_anew_where_the_account_has_another_key() {
    let mut world = offering();
    let mut flow = flow();
    let input = world.run_steps(&mut flow, 3).unwrap();
    assert_eq!(flow.presented().len(), 1);
    world.run(&mut RollOver::new(Arc::new(ToySigner::other()))).unwrap();
    world.run_from(&mut flow, input).unwrap();
    let thumbprint = world.session.thumbprint().unwrap();
    assert!(world.ca.answered_with[0].key_authorization().ends_with(thumbprint.as_str()));
    assert_eq!((world.count("present"), world.count("challenge ")), (2, 1));
    assert!(world.ca.in_place.is_empty());
}
