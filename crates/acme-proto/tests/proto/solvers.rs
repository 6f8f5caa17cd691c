//! Saves before requests, and challenges that are put in place and taken away.

use acme_proto::Flow as _;
use acme_proto::{Error, Input, Misuse, SolverError, Step};

use super::world::{World, issue};

#[test]
fn every_save_stands_before_what_it_protects() {
    let mut world = World::warm();
    world.issue(&["a.example", "b.example"]).unwrap();
    let lines: Vec<&str> = world.transcript().lines().collect();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    assert!(at("save order=- presented=0") < at("newOrder"));
    assert!(at("newOrder") < at("save order=/order/0 presented=0"));
    assert!(at("save order=/order/0 presented=0") < at("authorization"));
    assert!(at("save order=/order/0 presented=2") < at("present http-01 a.example"));
    assert!(at("present http-01 b.example") < at("challenge"));
    assert!(at("certificate") < at("withdraw"));
}

#[test]
fn save_that_fails_stops_the_flow() {
    for (failing, exchanges) in [(1, 0), (2, 1), (3, 2)] {
        let mut world = World::warm();
        world.failing_save = failing;
        let error = world.issue(&["a.example"]).unwrap_err();
        assert!(matches!(error, Error::Store(_)) && !error.is_temporary(), "{error}");
        assert_eq!((world.exchanges, world.ca.finalized()), (exchanges, 0));
        assert_eq!(world.count("present"), 0);
    }
}

#[test]
fn solver_that_fails_for_one_name_takes_all_away_and_answers_nothing() {
    let mut world = World::warm();
    world.unsolvable = vec!["b.example", "c.example"];
    let error = world.issue(&["a.example", "b.example", "c.example"]).unwrap_err();
    assert_eq!(error.to_string(), "the http-01 response for b.example could not be put in place");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the zone is not ours");
    assert_eq!((world.count("withdraw"), world.count("challenge")), (3, 0));
    assert!(world.ca.in_place.is_empty());
    let saved = world.saved.unwrap();
    assert!(saved.presented.is_empty() && saved.order_url.is_some());
}

#[test]
fn withdrawal_that_fails_costs_no_certificate_and_is_listed() {
    let mut world = World::warm();
    world.stuck = vec!["b.example"];
    let mut flow = issue(&["a.example", "b.example"]);
    let issued = world.run(&mut flow).unwrap();
    let left: Vec<String> = issued
        .left_in_place
        .iter()
        .map(|(challenge, error)| format!("{}: {error}", challenge.identifier))
        .collect();
    assert_eq!(left, ["b.example: no connection"]);
    assert_eq!(flow.presented().len(), 1);
}

#[test]
fn withdrawal_that_fails_does_not_hide_the_first_error() {
    let mut world = World::warm();
    world.stuck = vec!["a.example"];
    world.ca.refused.insert("b.example".into());
    let error = world.issue(&["a.example", "b.example"]).unwrap_err();
    assert_eq!(error.to_string(), "http-01 for b.example failed: connection: no response from b.example");
    assert_eq!(world.saved.as_ref().unwrap().presented.len(), 1);
    // The next attempt takes it away.
    world.stuck.clear();
    world.ca.refused.clear();
    world.restart();
    world.resume().unwrap();
    assert!(world.ca.in_place.is_empty());
}

/// A solver that answers with too few outcomes, and a driver that answers with something else.
#[test]
fn withdrawal_that_is_answered_wrongly_costs_no_certificate() {
    for wrong in [Input::Solver(Vec::new()), Input::Elapsed, Input::Start, Input::Responses(Vec::new())] {
        let mut world = World::warm();
        let mut flow = issue(&["a.example"]);
        let mut input = world.run_steps(&mut flow, 9).unwrap();
        loop {
            let step = flow.resume(&mut world.session, input, world.now).unwrap();
            if matches!(step, Step::Withdraw(_)) {
                break;
            }
            input = world.perform(step).map_err(|_| "no withdrawal").unwrap();
        }
        let Ok(Step::Done(issued)) = flow.resume(&mut world.session, wrong, world.now) else { panic!() };
        assert_eq!(issued.left_in_place.len(), 1);
        assert_eq!(flow.presented().len(), 1);
    }
}

#[test]
fn solver_that_answers_for_too_few_names_is_misuse_and_all_is_taken_away() {
    for outcomes in [0, 1, 3] {
        let mut world = World::warm();
        let mut flow = issue(&["a.example", "b.example"]);
        let mut input = world.run_steps(&mut flow, 4).unwrap();
        loop {
            let step = flow.resume(&mut world.session, input, world.now).unwrap();
            let is_present = matches!(step, Step::Present(_));
            input = world.perform(step).unwrap();
            if is_present {
                break;
            }
        }
        let outcomes: Vec<Result<(), SolverError>> = (0..outcomes).map(|_| Ok(())).collect();
        let error = world.run_from(&mut flow, Input::Solver(outcomes)).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Input)), "{error}");
        assert!(world.ca.in_place.is_empty());
    }
}
