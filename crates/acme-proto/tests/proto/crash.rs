//! A crash after every step: what the last checkpoint says is enough to go on.

use super::world::{World, issue};

/// How the CA of a crash behaves.
#[derive(Clone, Copy, Debug)]
struct Manner {
    has_orders_list: bool,
    reuses_orders: bool,
    validates_after: u32,
    issues_after: u32,
}

const MANNERS: [Manner; 4] = [
    Manner { has_orders_list: true, reuses_orders: false, validates_after: 0, issues_after: 0 },
    Manner { has_orders_list: false, reuses_orders: true, validates_after: 2, issues_after: 2 },
    Manner { has_orders_list: false, reuses_orders: false, validates_after: 1, issues_after: 1 },
    Manner { has_orders_list: true, reuses_orders: true, validates_after: 3, issues_after: 0 },
];

fn world(manner: Manner) -> World {
    let mut world = World::warm();
    world.ca.has_orders_list = manner.has_orders_list;
    world.ca.reuses_orders = manner.reuses_orders;
    world.ca.validates_after = manner.validates_after;
    world.ca.issues_after = manner.issues_after;
    world
}

/// Runs until `steps` steps were handed out. The last one is carried out, or it is not.
/// `false` when the flow is done before.
fn crash_after(world: &mut World, steps: usize, is_carried_out: bool) -> bool {
    use acme_proto::Flow as _;

    let mut flow = issue(&["a.example", "*.a.example", "b.example"]);
    let Ok(input) = world.run_steps(&mut flow, steps - 1) else { return false };
    let Ok(step) = flow.resume(&mut world.session, input, world.now) else { return false };
    !is_carried_out || world.perform(step).is_ok()
}

#[test]
fn issuance_that_is_killed_after_any_step_is_finished_by_the_next_process() {
    for manner in MANNERS {
        for is_carried_out in [true, false] {
            let mut crashes = 0;
            for steps in 1..100 {
                let mut world = world(manner);
                if !crash_after(&mut world, steps, is_carried_out) {
                    break;
                }
                crashes += 1;
                world.restart();
                // Killed before the first save: there is nothing to go on from.
                let outcome = if world.saved.is_some() {
                    world.resume()
                } else {
                    world.issue(&["a.example", "*.a.example", "b.example"])
                };
                let case = format!("{manner:?}, {steps} steps, carried out: {is_carried_out}");
                outcome.unwrap_or_else(|error| panic!("{case}: {error}\n{}", world.transcript()));
                // The order whose URL was not durable yet can't be found everywhere.
                let lost = usize::from(!manner.has_orders_list && !manner.reuses_orders);
                assert!(world.ca.orders.len() <= 1 + lost, "{case}");
                assert_eq!(world.ca.finalized(), 1, "{case}");
                assert!(world.ca.in_place.is_empty(), "{case}");
                assert_eq!(world.ca.accounts, 1);
            }
            assert!(crashes > 8, "{manner:?}: {crashes}");
        }
    }
}

/// Each process gets two steps further than the one before, or dies trying.
#[test]
fn issuance_that_is_killed_again_and_again_is_finished_in_the_end() {
    use acme_proto::Issue;

    for manner in MANNERS {
        for every in 2..12 {
            let mut world = world(manner);
            let mut flow = issue(&["a.example", "b.example"]);
            let mut is_done = false;
            for lives in 0..40 {
                match world.run_steps(&mut flow, every + lives / 4) {
                    Ok(_) => {}
                    Err(Ok(_)) => {
                        is_done = true;
                        break;
                    }
                    Err(Err(error)) => panic!("{error}"),
                }
                world.restart();
                let Some(checkpoint) = world.saved.clone() else { continue };
                let choices = super::world::choices(&checkpoint.intent.identifiers);
                flow = Issue::resume_from(checkpoint, choices).unwrap();
            }
            assert!(is_done, "{manner:?}, killed after {every} steps");
            assert_eq!(world.ca.finalized(), 1);
            assert!(world.ca.in_place.is_empty());
        }
    }
}

/// The responses of the last round are lost, and with them the process.
#[test]
fn flow_that_is_dropped_names_what_is_in_place() {
    use acme_proto::Flow as _;

    for steps in 1..12 {
        let mut world = World::warm();
        let mut flow = issue(&["a.example", "b.example"]);
        if world.run_steps(&mut flow, steps).is_err() {
            break;
        }
        for challenge in &world.ca.in_place {
            assert!(flow.presented().contains(challenge));
            assert!(world.saved.as_ref().unwrap().presented.contains(challenge));
        }
    }
}
