//! Looking at a resource until it is settled: waits, their budgets, and what the CA asks for.

use std::time::Duration;

use acme_proto::{Error, Flow as _, Input, Operation, Order, Step, limits};

use super::ca::{Action, Canned};
use super::world::World;

const ORDER: &str = "https://ca.test/order/0";

fn pending() -> Canned {
    Canned::new(200, r#"{"status":"pending"}"#)
}

fn unfinished(error: &Error) -> Duration {
    assert!(error.is_temporary() && matches!(error, Error::Unfinished(_)), "{error}");
    error.retry_after().unwrap()
}

#[test]
fn waits_double_from_the_first_to_the_last() {
    let mut world = World::warm();
    world.ca.fail_later(Operation::Order, 0, 12, Action::Instead(pending()));
    world.ca.answer(Operation::Order, Canned::new(200, r#"{"status":"ready"}"#));
    world.run(&mut Order::poll(ORDER)).unwrap();
    let waits: Vec<&str> = world.transcript().lines().filter_map(|line| line.strip_prefix("wait ")).collect();
    assert_eq!(
        waits,
        ["10ms", "20ms", "40ms", "80ms", "160ms", "320ms", "640ms", "1.28s", "2.56s", "5s", "5s", "5s"]
    );
}

#[test]
fn sum_of_the_waits_is_bounded() {
    let mut world = World::warm();
    world.ca.fail_later(Operation::Order, 0, 1000, Action::Instead(pending()));
    let error = world.run(&mut Order::poll(ORDER)).unwrap_err();
    assert_eq!(unfinished(&error), limits::DEFAULT_RETRY_AFTER);
    let left = limits::MAX_POLL_WAIT.checked_sub(world.waited).unwrap();
    assert!(left < limits::LAST_POLL_WAIT, "{left:?}");
}

#[test]
fn looks_are_bounded() {
    let retry = pending().header("retry-after", "1");
    for (looks, is_ok) in [(limits::MAX_POLLS - 1, true), (limits::MAX_POLLS, false)] {
        let mut world = World::warm();
        world.ca.fail_later(Operation::Order, 0, looks, Action::Instead(retry.clone()));
        world.ca.answer(Operation::Order, Canned::new(200, r#"{"status":"ready"}"#));
        let outcome = world.run(&mut Order::poll(ORDER));
        assert_eq!(outcome.is_ok(), is_ok);
        assert_eq!(world.count("order"), limits::MAX_POLLS as usize);
    }
}

#[test]
fn retry_after_is_obeyed_with_jitter() {
    let mut world = World::warm();
    world.ca.answer(Operation::Order, pending().header("retry-after", "20"));
    world.ca.answer(Operation::Order, Canned::new(200, r#"{"status":"ready"}"#));
    world.run(&mut Order::poll(ORDER)).unwrap();
    assert!((20_000..=22_000).contains(&world.waited.as_millis()), "{:?}", world.waited);
}

#[test]
fn retry_after_of_zero_is_none() {
    let mut world = World::warm();
    world.ca.answer(Operation::Order, pending().header("retry-after", "0"));
    world.ca.answer(Operation::Order, Canned::new(200, r#"{"status":"ready"}"#));
    world.run(&mut Order::poll(ORDER)).unwrap();
    assert_eq!(world.waited, limits::FIRST_POLL_WAIT);
}

#[test]
fn wait_above_the_longest_ends_the_flow() {
    for (seconds, is_ok) in [(limits::MAX_WAIT.as_secs(), true), (limits::MAX_WAIT.as_secs() + 1, false)] {
        let mut world = World::warm();
        world.ca.answer(Operation::Order, pending().header("retry-after", seconds.to_string()));
        world.ca.answer(Operation::Order, Canned::new(200, r#"{"status":"ready"}"#));
        let outcome = world.run(&mut Order::poll(ORDER));
        assert_eq!(outcome.is_ok(), is_ok);
        if let Err(error) = outcome {
            assert_eq!(unfinished(&error), Duration::from_secs(seconds));
            assert_eq!(error.to_string(), "order is not finished; the next look is due in 61 s");
        }
    }
}

#[test]
fn longest_retry_after_ends_the_flow_without_a_panic() {
    let mut world = World::warm();
    world.ca.answer(Operation::Order, pending().header("retry-after", "18446744073709551615"));
    let error = world.run(&mut Order::poll(ORDER)).unwrap_err();
    assert_eq!(unfinished(&error), limits::MAX_RETRY_AFTER);
}

#[test]
fn clock_that_jumps_stretches_no_budget() {
    for hours in [-3, 3] {
        let mut world = World::warm();
        world.ca.fail_later(Operation::Order, 0, 1000, Action::Instead(pending()));
        let mut flow = Order::poll(ORDER);
        let input = world.run_steps(&mut flow, 5).unwrap();
        world.now = world.now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        let error = world.run_from(&mut flow, input);
        unfinished(&error.unwrap_err());
        assert!(world.waited <= limits::MAX_POLL_WAIT);
        assert!(world.count("order") < limits::MAX_POLLS as usize);
    }
}

#[test]
fn caller_may_slow_the_looks_down() {
    let mut world = World::warm();
    world.ca.fail_later(Operation::Order, 0, 1000, Action::Instead(pending()));
    let wait = Duration::from_secs(7);
    world.run(&mut Order::poll(ORDER).at_least(wait)).unwrap_err();
    assert_eq!(world.count("wait 7s"), world.count("wait"));
}

#[test]
fn slowest_looks_that_a_caller_can_ask_for_are_no_panic() {
    for wait in [Duration::from_secs(3600), Duration::MAX / 8, Duration::MAX] {
        let mut world = World::warm();
        world.ca.fail_later(Operation::Order, 0, 1000, Action::Instead(pending()));
        let mut flow = Order::poll(ORDER).at_least(wait);
        let mut input = world.run_steps(&mut flow, 1).unwrap();
        for _ in 0..3 {
            let Ok(Step::Wait(asked)) = flow.resume(&mut world.session, input, world.now) else { break };
            assert_eq!(asked, wait);
            let step = flow.resume(&mut world.session, Input::Elapsed, world.now).unwrap();
            input = world.perform(step).unwrap();
        }
    }
}

#[test]
fn slow_validation_is_asked_about_with_growing_waits() {
    let mut world = World::warm();
    world.ca.validates_after = limits::POLLS_BEFORE_DIAGNOSIS + 10;
    world.issue(&["a.example"]).unwrap();
    // The authorization is read to find a challenge, and once more after so many looks.
    assert_eq!(world.count("authorization"), 2);
    assert_eq!(world.count("wait 10ms"), 1);
    assert_eq!(world.count("wait 5s"), 12);
}

#[test]
fn retry_after_of_a_challenge_answer_is_obeyed() {
    let mut world = World::warm();
    world.ca.validates_after = 1;
    world.ca.fail(
        Operation::Challenge,
        Action::Edit(|response| {
            response.headers_mut().insert("retry-after", "3".parse().unwrap());
        }),
    );
    world.issue(&["a.example"]).unwrap();
    assert!(world.waited >= Duration::from_secs(3), "{:?}", world.waited);
}

#[test]
fn validation_that_never_ends_is_unfinished_within_the_budget_of_one_poll() {
    let mut world = World::warm();
    world.ca.validates_after = 100_000;
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(unfinished(&error), limits::DEFAULT_RETRY_AFTER);
    assert!(world.waited <= limits::MAX_POLL_WAIT);
    assert!(world.ca.in_place.is_empty());
    assert!(world.saved.unwrap().order_url.is_some());
}

#[test]
fn order_that_is_to_be_left_alone_for_long_keeps_its_checkpoint() {
    let mut world = World::warm();
    world.ca.issues_after = 3;
    world.ca.fail(
        Operation::Finalize,
        Action::Edit(|response| {
            response.headers_mut().insert("retry-after", "3600".parse().unwrap());
        }),
    );
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(unfinished(&error), Duration::from_secs(3600));
    assert!(world.ca.in_place.is_empty());
    world.restart();
    world.resume().unwrap();
    assert_eq!((world.ca.orders.len(), world.ca.finalized()), (1, 1));
}
