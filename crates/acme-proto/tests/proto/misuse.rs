//! A driver that does not keep to the contract: an error that says so, and no panic.

use acme_proto::{Account, Error, Flow, Input, Misuse, Order, Session, Step};

use super::world::{World, issue};

/// An input of each kind, none with anything in it.
fn inputs() -> Vec<Input> {
    vec![
        Input::Start,
        Input::Responses(Vec::new()),
        Input::Responses(vec![Ok(http::Response::new(Vec::new())), Ok(http::Response::new(Vec::new()))]),
        Input::Signed(Vec::new()),
        Input::Elapsed,
        Input::Saved(Ok(())),
        Input::Solver(Vec::new()),
    ]
}

/// Whether an input is what a step asks for.
fn fits<T>(step: &Step<T>, input: &Input) -> bool {
    matches!(
        (step, input),
        (Step::Exchange(_), Input::Responses(_))
            | (Step::Wait(_), Input::Elapsed)
            | (Step::Save(_), Input::Saved(_))
    )
}

fn is_misuse<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Misuse(Misuse::Input)))
}

#[test]
fn wrong_input_after_any_step_is_misuse_and_leaves_nothing_in_place() {
    for steps in 0..14 {
        for wrong in 0..inputs().len() {
            let mut world = World::warm();
            world.ca.issues_after = 2;
            let mut flow = issue(&["a.example"]);
            let Ok(input) = world.run_steps(&mut flow, steps) else { break };
            let Ok(step) = flow.resume(&mut world.session, input, world.now) else { break };
            let input = inputs().remove(wrong);
            // A withdrawal is over, whatever its answer: a certificate is not lost by it.
            if fits(&step, &input) || matches!(step, Step::Withdraw(_) | Step::Done(_)) {
                continue;
            }
            if let Step::Present(challenges) = &step {
                world.ca.in_place.extend(challenges.clone());
            }
            let outcome = world.run_from(&mut flow, input);
            assert!(is_misuse(&outcome), "after {steps} steps: {:?}", outcome.err());
            assert!(world.ca.in_place.is_empty());
        }
    }
}

#[test]
fn first_input_has_to_be_start() {
    fn check(mut flow: impl Flow<Context = Session>) {
        let mut world = World::warm();
        for input in inputs() {
            if !matches!(input, Input::Start) {
                assert!(is_misuse(&flow.resume(&mut world.session, input, world.now)));
            }
        }
    }
    check(Account::read());
    check(Order::poll("https://ca.test/order/0"));
    check(issue(&["a.example"]));
}

#[test]
fn response_for_each_exchange_is_needed() {
    for count in [0, 1, 3] {
        let mut world = World::warm();
        let mut flow = issue(&["a.example", "b.example"]);
        let input = world.run_steps(&mut flow, 3).unwrap();
        let step = flow.resume(&mut world.session, input, world.now).unwrap();
        assert!(matches!(step, Step::Exchange(exchanges) if exchanges.len() == 2));
        let responses = (0..count).map(|_| Ok(http::Response::new(Vec::new()))).collect();
        assert!(is_misuse(&world.run_from(&mut flow, Input::Responses(responses))));
    }
}

#[test]
fn flow_that_is_over_stays_over() {
    let mut world = World::warm();
    let mut flow = issue(&["a.example"]);
    world.run(&mut flow).unwrap();
    for input in inputs() {
        assert!(is_misuse(&flow.resume(&mut world.session, input, world.now)));
    }
    assert!(flow.resume(&mut world.session, Input::Cancel, world.now).is_err());
}

#[test]
fn session_is_as_good_as_before_after_a_misuse() {
    let mut world = World::warm();
    let mut flow = Account::read();
    let _ = flow.resume(&mut world.session, Input::Start, world.now).unwrap();
    assert!(is_misuse(&flow.resume(&mut world.session, Input::Elapsed, world.now)));
    world.run(&mut Account::read()).unwrap();
}
