//! The account's list of orders.

use acme_proto::{ListOrders, Operation, OrderList, ProblemKind, limits};
use serde_json::json;

use super::ca::{Action, Canned};
use super::world::World;

fn listing() -> World {
    let mut world = World::warm();
    world.ca.has_orders_list = true;
    world
}

fn list(world: &mut World) -> Option<OrderList> {
    world.run(&mut ListOrders::new()).unwrap()
}

fn page(orders: &[String], next: Option<&str>) -> Canned {
    let page = Canned::new(200, json!({ "orders": orders }).to_string());
    match next {
        Some(url) => page.header("link", format!("<{url}>;rel=\"next\"")),
        None => page,
    }
}

#[test]
fn all_pages_are_read() {
    let mut world = listing();
    let orders: Vec<String> = (0..5).map(|id| format!("https://ca.test/order/{id}")).collect();
    world.ca.answer(Operation::Orders, page(&orders[..2], Some("/acct/1/orders?cursor=2")));
    world.ca.answer(Operation::Orders, page(&orders[2..4], Some("?cursor=4")));
    world.ca.answer(Operation::Orders, page(&orders[4..], None));
    let list = list(&mut world).unwrap();
    assert_eq!((list.urls, list.is_complete), (orders, true));
    assert_eq!(world.count("orders"), 3);
}

#[test]
fn list_that_is_not_there_is_none_and_one_that_is_refused_an_error() {
    assert_eq!(list(&mut World::warm()), None);
    let mut world = listing();
    world.ca.answer(Operation::Orders, Canned::problem(403, "unauthorized"));
    let error = world.run(&mut ListOrders::new()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::Unauthorized);
    let mut world = listing();
    assert_eq!(list(&mut world).unwrap().urls, [""; 0]);
}

/// A list that goes round in circles, and one that has more than anybody reads.
#[test]
fn list_has_an_end() {
    let mut world = listing();
    let endless = page(&["/order/1".to_string()], Some("/acct/1/orders"));
    world.ca.fail_later(Operation::Orders, 0, u32::MAX, Action::Instead(endless));
    let all = list(&mut world).unwrap();
    assert_eq!((all.urls.len(), all.is_complete), (limits::MAX_LISTED_PAGES as usize, false));
    for (count, is_complete) in [(limits::MAX_LISTED_ORDERS, true), (limits::MAX_LISTED_ORDERS + 1, false)] {
        let mut world = listing();
        let orders: Vec<String> = (0..count).map(|id| format!("/order/{id}")).collect();
        world.ca.answer(Operation::Orders, page(&orders, None));
        let all = list(&mut world).unwrap();
        assert_eq!((all.urls.len(), all.is_complete), (limits::MAX_LISTED_ORDERS, is_complete));
    }
}
