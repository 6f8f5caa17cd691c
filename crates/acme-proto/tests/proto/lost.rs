//! Responses that are lost, or that refuse: the resource is read, and what it says is believed.

use acme_proto::{Error, Operation, ProblemKind, TransportErrorKind, limits};

use super::ca::{Action, Canned};
use super::world::World;

#[test]
fn lost_new_order_is_found_in_the_list_of_orders() {
    let mut world = World::warm();
    world.ca.has_orders_list = true;
    world.ca.fail(Operation::NewOrder, Action::Lost);
    world.issue(&["a.example"]).unwrap();
    assert_eq!((world.ca.orders.len(), world.count("newOrder")), (1, 1));
    assert_eq!((world.count("account"), world.count("orders")), (1, 1));
}

#[test]
fn lost_new_order_is_repeated_where_there_is_no_list() {
    for (reuses_orders, orders) in [(true, 1), (false, 2)] {
        let mut world = World::warm();
        world.ca.reuses_orders = reuses_orders;
        world.ca.fail(Operation::NewOrder, Action::Lost);
        world.issue(&["a.example"]).unwrap();
        assert_eq!((world.ca.orders.len(), world.ca.finalized()), (orders, 1));
    }
}

#[test]
fn lost_new_order_is_repeated_where_the_list_is_refused() {
    let mut world = World::warm();
    world.ca.has_orders_list = true;
    world.ca.fail(Operation::NewOrder, Action::Lost);
    world.ca.answer(Operation::Orders, Canned::problem(403, "unauthorized"));
    world.issue(&["a.example"]).unwrap();
    assert_eq!(world.count("newOrder"), 2);
}

#[test]
fn finished_orders_of_the_list_are_left_alone() {
    let mut world = World::warm();
    world.ca.has_orders_list = true;
    world.issue(&["a.example"]).unwrap();
    world.issue(&["b.example"]).unwrap();
    world.ca.fail(Operation::NewOrder, Action::NotSent);
    world.ca.fail(Operation::NewOrder, Action::Lost);
    world.forget();
    world.issue(&["a.example"]).unwrap();
    assert_eq!((world.ca.orders.len(), world.ca.finalized(), world.count("newOrder")), (3, 3, 2));
}

#[test]
fn new_order_is_sent_so_many_times() {
    let tries = limits::MAX_SETTLED_TRIES;
    for (losses, is_ok) in [(tries - 1, true), (tries, false)] {
        let mut world = World::warm();
        world.ca.reuses_orders = true;
        world.ca.fail_later(Operation::NewOrder, 0, losses, Action::Lost);
        let outcome = world.issue(&["a.example"]);
        assert_eq!((outcome.is_ok(), world.count("newOrder")), (is_ok, tries as usize));
        if let Err(error) = outcome {
            assert!(error.is_temporary());
            assert_eq!(error.to_string(), "the newOrder request got no response");
        }
    }
}

#[test]
fn list_of_orders_is_read_to_its_bounds() {
    let mut world = World::warm();
    world.ca.has_orders_list = true;
    world.ca.fail(Operation::NewOrder, Action::Lost);
    let page: Vec<String> = (0..20).map(|_| "https://ca.test/order/0".to_string()).collect();
    let page = Canned::new(200, serde_json::json!({"orders": page}).to_string())
        .header("link", r#"<https://ca.test/dir>;rel="index", <?cursor=2>; rel="next""#);
    world.ca.fail_later(Operation::Orders, 0, 100, Action::Instead(page));
    world.ca.fail_later(Operation::Order, 0, 50, Action::Instead(Canned::problem(404, "malformed")));
    world.issue(&["a.example"]).unwrap();
    assert_eq!(world.count("orders"), limits::MAX_ORDER_PAGES as usize);
    // The order itself is looked at once more, before it is finalized.
    assert_eq!(world.count("order /"), limits::MAX_ORDERS_READ + 1);
}

#[test]
fn lost_finalize_is_settled_by_reading() {
    for issues_after in [0, 1, 5] {
        let mut world = World::warm();
        world.ca.issues_after = issues_after;
        world.ca.fail(Operation::Finalize, Action::Lost);
        world.issue(&["a.example"]).unwrap();
        assert_eq!((world.count("finalize"), world.ca.finalized()), (1, 1));
    }
}

#[test]
fn finalize_that_was_not_carried_out_is_sent_again() {
    for answer in [
        Action::NotSent,
        Action::Instead(Canned::new(500, "<html>oops</html>")),
        Action::Instead(Canned::new(504, "")),
        Action::Instead(Canned::problem(403, "orderNotReady")),
        Action::Instead(Canned::new(200, "")),
    ] {
        let mut world = World::warm();
        world.ca.fail(Operation::Finalize, answer);
        world.issue(&["a.example"]).unwrap();
        assert_eq!((world.count("finalize"), world.ca.finalized()), (2, 1));
    }
}

#[test]
fn finalize_that_was_carried_out_before_an_error_is_not_sent_again() {
    let mut world = World::warm();
    world.ca.issues_after = 1;
    world.ca.fail(
        Operation::Finalize,
        Action::Edit(|response| {
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            *response.body_mut() = b"<html>".to_vec();
        }),
    );
    world.issue(&["a.example"]).unwrap();
    assert_eq!((world.count("finalize"), world.ca.finalized()), (1, 1));
}

#[test]
fn finalize_is_sent_so_many_times() {
    let tries = limits::MAX_SETTLED_TRIES;
    for (failures, is_ok) in [(tries - 1, true), (tries, false)] {
        let mut world = World::warm();
        let failure = Action::Instead(Canned::problem(500, "serverInternal"));
        world.ca.fail_later(Operation::Finalize, 0, failures, failure);
        let outcome = world.issue(&["a.example"]);
        assert_eq!((outcome.is_ok(), world.count("finalize")), (is_ok, tries as usize));
        if let Err(error) = outcome {
            assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::ServerInternal);
        }
    }
}

#[test]
fn refusal_of_the_csr_is_final() {
    let mut world = World::warm();
    world.ca.answer(Operation::Finalize, Canned::problem(400, "badCSR"));
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(error.to_string(), "the CA refused finalize: badCSR: as scripted");
    assert_eq!(world.count("finalize"), 1);
    assert!(world.ca.in_place.is_empty());
}

#[test]
fn rate_limit_on_finalize_is_not_tried_again_before_its_time() {
    let mut world = World::warm();
    let limited = Canned::problem(429, "rateLimited")
        .header("retry-after", "30")
        .header("link", "<https://ca.test/docs>;rel=\"help\", <https://ca.test/more>; rel=help");
    world.ca.answer(Operation::Finalize, limited);
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(error.retry_after().unwrap().as_secs(), 30);
    assert_eq!(error.refusal().unwrap().help, ["https://ca.test/docs", "https://ca.test/more"]);
    assert_eq!(world.count("finalize"), 1);
}

#[test]
fn lost_answer_to_a_challenge_is_settled_by_reading() {
    for validates_after in [0, 1, 4] {
        let mut world = World::warm();
        world.ca.validates_after = validates_after;
        world.ca.fail(Operation::Challenge, Action::Lost);
        world.issue(&["a.example", "b.example"]).unwrap();
        assert_eq!(world.count("challenge"), 2);
        assert_eq!(world.count("authorization"), 4);
    }
}

#[test]
fn refused_answer_to_a_challenge_is_settled_by_reading() {
    for refusal in [
        Canned::problem(400, "malformed"),
        Canned::problem(403, "unauthorized"),
        Canned::new(502, "<html>"),
        Canned::new(200, "[]"),
    ] {
        let mut world = World::warm();
        world.ca.fail(Operation::Challenge, Action::Instead(refusal));
        world.issue(&["a.example"]).unwrap();
        assert_eq!(world.count("challenge"), 2);
    }
}

#[test]
fn answer_is_sent_so_many_times() {
    let tries = limits::MAX_SETTLED_TRIES;
    for (failures, is_ok) in [(tries - 1, true), (tries, false)] {
        let mut world = World::warm();
        let failure = Action::Instead(Canned::problem(403, "unauthorized"));
        world.ca.fail_later(Operation::Challenge, 0, failures, failure);
        let outcome = world.issue(&["a.example"]);
        assert_eq!((outcome.is_ok(), world.count("challenge")), (is_ok, tries as usize));
        if let Err(error) = outcome {
            assert_eq!(error.to_string(), "the CA refused challenge: unauthorized: as scripted");
        }
        assert!(world.ca.in_place.is_empty());
    }
}

#[test]
fn rate_limit_on_an_answer_is_not_tried_again_before_its_time() {
    let mut world = World::warm();
    let limited = Canned::problem(429, "rateLimited").header("retry-after", "30");
    world.ca.answer(Operation::Challenge, limited);
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(error.retry_after().unwrap().as_secs(), 30);
    assert_eq!((world.count("challenge"), world.waited.as_secs()), (1, 0));
}

#[test]
fn read_that_fails_is_repeated() {
    for operation in [Operation::Authorization, Operation::Order, Operation::Certificate] {
        for failure in [Action::Lost, Action::NotSent, Action::Instead(Canned::new(503, "<html>"))] {
            let mut world = World::warm();
            world.ca.fail_later(operation, 0, limits::MAX_TRIES - 1, failure.clone());
            world.issue(&["a.example"]).unwrap();
            assert_eq!(world.waited, limits::RETRY_WAIT);
            let mut world = World::warm();
            world.ca.fail_later(operation, 0, limits::MAX_TRIES, failure);
            let error = world.issue(&["a.example"]).unwrap_err();
            assert!(error.is_temporary());
            assert_eq!(world.count(&format!("{operation} /")), limits::MAX_TRIES as usize);
            assert!(world.ca.in_place.is_empty());
        }
    }
}

#[test]
fn transport_error_keeps_its_cause() {
    let mut world = World::warm();
    world.ca.fail_later(Operation::NewOrder, 0, 9, Action::NotSent);
    let error = world.issue(&["a.example"]).unwrap_err();
    let Error::Transport { operation, source } = &error else { panic!("{error}") };
    assert_eq!((*operation, source.kind), (Operation::NewOrder, TransportErrorKind::Io));
    let chain: Vec<String> =
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect();
    assert_eq!(chain, ["the newOrder request got no response", "the connection broke", "as scripted"]);
}
