//! Going on from a checkpoint, by what the CA says of its order.

use acme_proto::{Challenge, Checkpoint, Error, Issue, Operation, Violation};
use serde_json::json;

use super::ca::Canned;
use super::der::{certificate, pem, public_key};
use super::world::{CERTIFICATE_KEY, World, choices, issue, names};

/// A process that ended after so many steps of an issuance for one name.
fn interrupted(steps: usize) -> World {
    let mut world = World::warm();
    world.ca.issues_after = 2;
    let _ = world.run_steps(&mut issue(&["a.example"]), steps).unwrap();
    world.restart();
    world
}

fn one_new_order(mut world: World) {
    let before = world.ca.orders.len();
    world.resume().unwrap();
    assert_eq!((world.ca.orders.len(), world.count("newOrder")), (before + 1, 1));
    assert!(world.ca.in_place.is_empty());
}

const SAVED_ORDER: usize = 3;
const PRESENTED: usize = 6;

#[test]
fn pending_order_is_gone_on_with() {
    for steps in SAVED_ORDER..=PRESENTED + 1 {
        let mut world = interrupted(steps);
        world.resume().unwrap();
        assert_eq!((world.ca.orders.len(), world.count("newOrder"), world.ca.finalized()), (1, 0, 1));
    }
}

#[test]
fn ready_order_is_finalized_without_an_authorization_being_read() {
    let mut world = interrupted(PRESENTED + 2);
    world.resume().unwrap();
    assert_eq!((world.count("authorization"), world.count("finalize")), (0, 1));
    assert_eq!(world.count("withdraw"), 1);
}

#[test]
fn processing_and_valid_orders_are_not_finalized_again() {
    for steps in PRESENTED + 3..=PRESENTED + 6 {
        let mut world = interrupted(steps);
        world.resume().unwrap();
        assert_eq!((world.count("finalize"), world.ca.finalized(), world.ca.orders.len()), (0, 1, 1));
        assert!(world.ca.in_place.is_empty());
    }
}

#[test]
fn order_that_is_gone_leads_to_one_new_order() {
    for status in [403, 404, 410] {
        let mut world = interrupted(PRESENTED);
        world.ca.answer(Operation::Order, Canned::problem(status, "unauthorized"));
        one_new_order(world);
    }
}

#[test]
fn order_that_is_dead_leads_to_one_new_order() {
    let mut world = interrupted(PRESENTED);
    world.ca.orders[0].status = "invalid";
    one_new_order(world);
    let mut world = interrupted(PRESENTED);
    world.ca.orders[0].expires = Some("2026-01-15T00:00:00Z");
    one_new_order(world);
    let mut world = interrupted(PRESENTED);
    world.ca.orders[0].status = "canceled";
    one_new_order(world);
}

#[test]
fn order_that_expires_later_is_gone_on_with() {
    let mut world = interrupted(PRESENTED);
    world.ca.orders[0].expires = Some("2026-01-15T00:01:00Z");
    world.resume().unwrap();
    assert_eq!(world.ca.orders.len(), 1);
}

#[test]
fn order_for_other_names_leads_to_one_new_order() {
    let mut world = interrupted(SAVED_ORDER);
    world.ca.orders[0].names = names(&["b.example"]);
    one_new_order(world);
}

#[test]
fn order_for_another_time_leads_to_one_new_order() {
    let mut world = interrupted(SAVED_ORDER);
    let document = json!({
        "status": "pending", "identifiers": [{"type": "dns", "value": "a.example"}],
        "notBefore": "2026-03-01T00:00:00Z",
    });
    world.ca.answer(Operation::Order, Canned::new(200, document.to_string()));
    let mut checkpoint = world.saved.clone().unwrap();
    checkpoint.intent.not_before = Some("2026-02-01T00:00:00Z".parse().unwrap());
    world.saved = Some(checkpoint);
    one_new_order(world);
}

#[test]
fn order_of_another_key_leads_to_one_new_order() {
    let mut world = interrupted(PRESENTED + 3);
    world.ca.orders[0].status = "valid";
    world.ca.orders[0].chain =
        pem("CERTIFICATE", &certificate(&names(&["a.example"]), &public_key(CERTIFICATE_KEY + 1)));
    one_new_order(world);
}

/// The new order is no better: this attempt makes no third one.
#[test]
fn certificate_for_another_key_leads_to_one_new_order_only() {
    let mut world = interrupted(PRESENTED + 3);
    let other = pem("CERTIFICATE", &certificate(&names(&["a.example"]), &public_key(CERTIFICATE_KEY + 1)));
    world.ca.answer(Operation::Certificate, Canned::new(200, other.clone()));
    world.ca.answer(Operation::Certificate, Canned::new(200, other));
    let Error::Protocol(error) = world.resume().unwrap_err() else { panic!() };
    assert_eq!(error.violation, Violation::CertificateKey);
    assert_eq!(world.ca.orders.len(), 2);
}

#[test]
fn order_that_can_not_be_read_now_is_kept() {
    let mut world = interrupted(PRESENTED);
    for _ in 0..3 {
        world.ca.answer(Operation::Order, Canned::new(503, "<html>"));
    }
    assert!(world.resume().unwrap_err().is_temporary());
    assert!(world.saved.as_ref().unwrap().order_url.is_some());
    assert!(world.ca.in_place.is_empty());
    world.resume().unwrap();
    assert_eq!(world.ca.orders.len(), 1);
}

#[test]
fn checkpoint_of_another_account_or_ca_leads_to_one_new_order() {
    for field in ["account_url", "directory_url"] {
        let mut world = interrupted(PRESENTED);
        let mut json = serde_json::to_value(world.saved.as_ref().unwrap()).unwrap();
        json["intent"][field] = json!("https://other.test/");
        world.saved = Some(serde_json::from_value(json).unwrap());
        one_new_order(world);
    }
}

#[test]
fn checkpoint_without_an_order_looks_for_one_in_the_list() {
    let mut world = World::warm();
    world.ca.has_orders_list = true;
    let _ = world.run_steps(&mut issue(&["a.example"]), 2).unwrap();
    world.restart();
    world.resume().unwrap();
    assert_eq!((world.ca.orders.len(), world.count("newOrder")), (1, 0));
}

#[test]
fn leftovers_of_another_issuance_are_taken_away() {
    let mut world = interrupted(PRESENTED);
    let left: Vec<Challenge> = world.saved.as_ref().unwrap().presented.clone();
    assert_eq!(left.len(), 1);
    let mut checkpoint = Checkpoint::new(super::world::intent(&["b.example"]));
    checkpoint.presented = left;
    let mut flow = Issue::start_from(checkpoint, choices(&names(&["b.example"]))).unwrap();
    world.run(&mut flow).unwrap();
    assert_eq!(world.count("withdraw"), 2);
    assert!(world.ca.in_place.is_empty());
}
