//! Ending an account.

use acme_proto::{Account, DeactivateAccount, Error, Operation, ProblemKind};

use super::ca::{Action, Canned};
use super::world::World;

const DEACTIVATE: &str = r#"account /acct/1 {"status":"deactivated"}"#;

#[test]
fn account_is_deactivated_in_one_request() {
    let mut world = World::warm();
    world.run(&mut DeactivateAccount::new()).unwrap();
    assert_eq!(world.transcript(), DEACTIVATE);
    let error = world.run(&mut Account::read()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::Unauthorized);
}

#[test]
fn lost_deactivation_is_settled_by_reading() {
    let broken = |response: &mut http::Response<Vec<u8>>| *response.status_mut() = 500.try_into().unwrap();
    for action in [Action::Lost, Action::Edit(broken)] {
        let mut world = World::warm();
        world.ca.fail(Operation::Account, action);
        world.run(&mut DeactivateAccount::new()).unwrap();
        assert_eq!((world.count("account /acct/1"), world.count(DEACTIVATE)), (2, 1));
        assert!(world.ca.is_account_deactivated);
    }
    // A CA may also tell what became of it.
    let mut world = World::warm();
    world.ca.fail(Operation::Account, Action::Lost);
    world.ca.answer(Operation::Account, Canned::new(200, r#"{"status":"deactivated"}"#));
    world.run(&mut DeactivateAccount::new()).unwrap();
}

#[test]
fn deactivation_that_did_not_arrive_is_sent_again() {
    let mut world = World::warm();
    world.ca.answer(Operation::Account, Canned::new(502, "busy"));
    world.run(&mut DeactivateAccount::new()).unwrap();
    assert_eq!(world.transcript(), format!("{DEACTIVATE}\naccount /acct/1\n{DEACTIVATE}"));
    // Not for ever, and not before the CA wants it.
    for (header, sent) in [(None, 3), (Some("120"), 1)] {
        let mut world = World::warm();
        for skip in [0, 1, 1] {
            let mut busy = Canned::new(502, "busy");
            if let Some(wait) = header {
                busy = busy.header("retry-after", wait);
            }
            world.ca.fail_later(Operation::Account, skip, 1, Action::Instead(busy));
        }
        let error = world.run(&mut DeactivateAccount::new()).unwrap_err();
        assert!(error.is_temporary(), "{error}");
        assert_eq!(world.count(DEACTIVATE), sent);
        assert!(!world.ca.is_account_deactivated);
    }
}

#[test]
fn refused_deactivation_is_an_error() {
    let mut world = World::warm();
    world.ca.answer(Operation::Account, Canned::problem(403, "unauthorized"));
    let error = world.run(&mut DeactivateAccount::new()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::Unauthorized);
    let mut world = World::warm();
    world.ca.answer(Operation::Account, Canned::new(200, r#"{"status":"valid"}"#));
    let error = world.run(&mut DeactivateAccount::new()).unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    let mut world = World::warm();
    world.ca.answer(Operation::Account, Canned::new(200, ""));
    world.run(&mut DeactivateAccount::new()).unwrap();
}
