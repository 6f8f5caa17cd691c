//! Terms of service that change: somebody has to agree, and no flow can.

use acme_proto::{Account, Error, Operation, ProblemKind};
use serde_json::json;

use super::ca::{Action, Canned};
use super::world::World;

/// The refusal of RFC 8555, section 7.3.3.
fn changed_terms(instance: &str) -> Canned {
    let problem = json!({
        "type": "urn:ietf:params:acme:error:userActionRequired",
        "detail": "Terms of service have changed",
        "instance": instance,
    });
    Canned::new(403, problem.to_string())
        .header("link", "<https://ca.test/dir>;rel=\"index\"")
        .header("link", "</terms/2>;rel=\"terms-of-service\"")
}

#[test]
fn refusal_names_the_terms_and_the_page_to_visit() {
    for (instance, wanted) in [
        (
            "https://ca.test/agreement/?token=W8Ih3PswD-8",
            Some("https://ca.test/agreement/?token=W8Ih3PswD-8"),
        ),
        ("/agreement", Some("https://ca.test/agreement")),
        ("javascript:alert(1)", None),
    ] {
        let mut world = World::warm();
        world.ca.answer(Operation::NewOrder, changed_terms(instance));
        let error = world.issue(&["a.example"]).unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.problem.kind, ProblemKind::UserActionRequired);
        let action = refusal.user_action.as_ref().unwrap();
        assert_eq!(action.instance.as_deref(), wanted);
        assert_eq!(action.terms_of_service.as_deref(), Some("https://ca.test/terms/2"));
        assert!(!error.is_temporary());
    }
    let mut world = World::warm();
    world.ca.answer(Operation::Account, Canned::problem(403, "unauthorized"));
    let error = world.run(&mut Account::read()).unwrap_err();
    assert!(matches!(&error, Error::Problem(refusal) if refusal.user_action.is_none()));
}

/// Wherever in an issuance it comes, it is asked for once.
#[test]
fn refused_request_is_not_repeated() {
    for operation in [
        Operation::NewOrder,
        Operation::Authorization,
        Operation::Challenge,
        Operation::Order,
        Operation::Finalize,
        Operation::Certificate,
    ] {
        let mut world = World::warm();
        world.ca.issues_after = 1;
        let refusal = Action::Instead(changed_terms("/agreement"));
        world.ca.fail_later(operation, 0, 100, refusal);
        let error = world.issue(&["a.example"]).unwrap_err();
        assert!(error.refusal().unwrap().user_action.is_some(), "{operation}: {error}");
        assert_eq!(world.count(&format!("{operation} ")), 1, "{operation}:\n{}", world.transcript());
        assert!(world.ca.in_place.is_empty());
    }
}
