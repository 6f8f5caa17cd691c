//! Orders, by their status: what the CA says is believed, not what was sent.

use acme_proto::{Error, Operation, Order, OrderStatus, ProblemKind, Violation};
use serde_json::{Value, json};

use super::ca::{Action, Canned};
use super::world::{World, issue};

fn invalid(error: &Value) -> Canned {
    Canned::new(200, json!({"status": "invalid", "error": error}).to_string())
}

#[test]
fn order_that_is_ready_at_once_is_finalized_at_once() {
    let mut world = World::warm();
    world.ca.proved.insert("a.example".into());
    world.issue(&["a.example"]).unwrap();
    assert_eq!(
        world.transcript(),
        r#"save order=- presented=0
newOrder /new-order {"identifiers":[{"type":"dns","value":"a.example"}]}
save order=/order/0 presented=0
finalize /order/0/finalize {csr}
certificate /cert/0"#
    );
}

#[test]
fn order_that_is_valid_at_once_is_downloaded() {
    let mut world = World::warm();
    world.issue(&["a.example"]).unwrap();
    world.forget();
    let order = json!({"status": "valid", "certificate": "/cert/0"});
    let created = Canned::new(201, order.to_string()).header("location", "/order/0");
    world.ca.answer(Operation::NewOrder, created);
    let issued = world.issue(&["a.example"]).unwrap();
    assert_eq!(issued.order_url, "https://ca.test/order/0");
    assert_eq!((world.exchanges, world.ca.finalized()), (2, 1));
}

#[test]
fn order_that_is_valid_without_a_certificate_breaks_the_protocol() {
    let mut world = World::warm();
    let created = Canned::new(201, r#"{"status":"valid","certificate":null}"#).header("location", "/order/0");
    world.ca.answer(Operation::NewOrder, created);
    let Error::Protocol(error) = world.issue(&["a.example"]).unwrap_err() else { panic!() };
    assert_eq!(error.violation, Violation::Member("certificate"));
}

#[test]
fn order_that_is_invalid_tells_why_with_its_subproblems() {
    let mut world = World::warm();
    let error = json!({
        "type": "urn:ietf:params:acme:error:compound",
        "detail": "two names were refused",
        "subproblems": [
            {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids", "identifier": {"type": "dns", "value": "a.example"}},
            {"type": "urn:ietf:params:acme:error:dns", "identifier": {"type": "dns", "value": "b.example"}},
        ],
    });
    world.ca.answer(Operation::Finalize, invalid(&error));
    let error = world.issue(&["a.example", "b.example"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CA refused order: compound: two names were refused; a.example: caa: CAA forbids; b.example: dns"
    );
    assert_eq!(error.refusal().unwrap().problem.subproblems[1].kind, ProblemKind::Dns);
    assert!(world.ca.in_place.is_empty());
    assert_eq!(world.saved.unwrap().order_url, None);
}

#[test]
fn order_that_is_invalid_without_a_reason_says_so() {
    let mut world = World::warm();
    world.ca.answer(Operation::Order, invalid(&Value::Null));
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CA refused order: HTTP status 403: the order is invalid, without a reason"
    );
}

#[test]
fn order_of_an_unknown_status_is_no_panic() {
    let mut world = World::warm();
    world.ca.answer(Operation::Order, Canned::new(200, r#"{"status":"canceled"}"#));
    let Error::Protocol(error) = world.issue(&["a.example"]).unwrap_err() else { panic!() };
    assert_eq!(error.violation, Violation::Status("canceled".into()));
    assert!(world.ca.in_place.is_empty());
}

#[test]
fn order_for_other_names_is_not_finalized() {
    for names in [json!(null), json!([]), json!([{"type": "dns", "value": "b.example"}])] {
        let mut world = World::warm();
        let order = json!({"status": "ready", "identifiers": names, "finalize": "/order/0/finalize"});
        world.ca.answer(Operation::Order, Canned::new(200, order.to_string()));
        let Error::Protocol(error) = world.issue(&["a.example"]).unwrap_err() else { panic!() };
        assert_eq!(error.violation, Violation::Member("identifiers"));
        assert_eq!(world.count("finalize"), 0);
    }
}

#[test]
fn order_without_location_status_or_finalize_breaks_the_protocol() {
    let cases = [
        (Canned::new(201, r#"{"status":"pending"}"#), Violation::Header("Location")),
        (
            Canned::new(201, r#"{"status":"pending"}"#).header("location", "ftp://x/"),
            Violation::Header("Location"),
        ),
        (Canned::new(201, r#"{"status":7}"#).header("location", "/order/0"), Violation::Member("status")),
        (Canned::new(201, "oops").header("location", "/order/0"), Violation::NotJson),
        (
            Canned::new(201, r#"{"status":"ready","identifiers":[{"type":"dns","value":"A.example."}]}"#)
                .header("location", "/order/0"),
            Violation::Member("finalize"),
        ),
    ];
    for (created, violation) in cases {
        let mut world = World::warm();
        world.ca.answer(Operation::NewOrder, created);
        let Error::Protocol(error) = world.issue(&["a.example"]).unwrap_err() else { panic!() };
        assert_eq!(error.violation, violation);
    }
}

#[test]
fn order_that_is_pending_after_finalize_breaks_the_protocol() {
    let mut world = World::warm();
    world.ca.answer(Operation::Finalize, Canned::new(200, r#"{"status":"pending"}"#));
    let Error::Protocol(error) = world.issue(&["a.example"]).unwrap_err() else { panic!() };
    assert_eq!(
        (error.operation, error.violation),
        (Operation::Finalize, Violation::Status("pending".into()))
    );
    // It stays in the checkpoint: the next attempt believes what it says then.
    world.restart();
    world.resume().unwrap();
    assert_eq!((world.ca.orders.len(), world.ca.finalized()), (1, 1));
}

#[test]
fn finalize_that_answers_ready_is_settled_by_reading() {
    let mut world = World::warm();
    world.ca.issues_after = 2;
    // Carried out, but the response shows the order as it was before.
    world.ca.fail(
        Operation::Finalize,
        Action::Edit(|response| {
            let text = String::from_utf8(response.body().clone()).unwrap();
            *response.body_mut() =
                text.replace(r#""status":"processing""#, r#""status":"ready""#).into_bytes();
        }),
    );
    world.issue(&["a.example"]).unwrap();
    assert_eq!((world.count("finalize"), world.ca.finalized()), (1, 1));
}

#[test]
fn order_that_is_ready_for_ever_is_finalized_so_many_times() {
    let mut world = World::warm();
    let mut flow = issue(&["a.example"]);
    let _ = world.run_steps(&mut flow, 4).unwrap();
    let identifiers = json!([{"type": "dns", "value": "a.example"}]);
    let ready = json!({"status": "ready", "identifiers": identifiers, "finalize": "/order/0/finalize"});
    let ready = Action::Instead(Canned::new(200, ready.to_string()));
    world.ca.fail_later(Operation::Order, 0, 1000, ready.clone());
    world.ca.fail_later(Operation::Finalize, 0, 1000, ready);
    let error = world.issue(&["a.example"]).unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    assert_eq!(world.count("finalize"), acme_proto::limits::MAX_SETTLED_TRIES as usize);
}

#[test]
fn dates_of_the_intent_are_asked_for() {
    let mut world = World::warm();
    let mut intent = super::world::intent(&["a.example"]);
    intent.not_before = Some("2026-02-01T00:00:00Z".parse().unwrap());
    intent.not_after = Some("2026-02-08T00:00:00Z".parse().unwrap());
    world.run(&mut Order::create(&intent)).unwrap();
    assert_eq!(
        world.transcript(),
        "newOrder /new-order {\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}],\
         \"notAfter\":\"2026-02-08T00:00:00Z\",\"notBefore\":\"2026-02-01T00:00:00Z\"}"
    );
}

#[test]
fn optional_members_may_be_missing_null_or_strange() {
    let strange = json!({
        "status": "pending", "identifiers": [null, 7, {"type": "dns"}, {"type": "x", "value": "y"}],
        "authorizations": [null, 7, "http://plain.test/", "/authz/0"], "expires": "tomorrow",
        "notBefore": 7, "notAfter": null, "error": "text", "finalize": [], "certificate": {}, "extra": {"a": 1},
    });
    let mut world = World::warm();
    world.ca.answer(Operation::Order, Canned::new(200, strange.to_string()));
    let order = world.run(&mut Order::read("https://ca.test/order/0")).unwrap();
    assert_eq!(order.status, OrderStatus::Pending);
    assert_eq!(order.identifiers.len(), 1);
    assert_eq!(order.authorizations, ["https://ca.test/authz/0"]);
    assert!(order.expires.is_none() && order.error.is_none() && order.finalize.is_none());
    assert!(order.certificate.is_none() && order.not_before.is_none() && order.not_after.is_none());
}
