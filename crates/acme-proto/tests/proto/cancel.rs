//! A cancel in every state: the flow ends, leaves nothing in place, and gives up what is pending.

use acme_proto::{Account, Error, Flow, Input, Issue, Order, Session, Step};

use super::world::{World, choices, issue};

/// Where a cancelled flow ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Cancelled,
    Done,
    /// It had failed before.
    Failed,
}

fn cancelled_after(steps: usize, prepare: fn(&mut World)) -> Option<(World, End)> {
    let mut world = World::warm();
    prepare(&mut world);
    let mut flow = issue(&["a.example", "*.b.example"]);
    if world.run_steps(&mut flow, steps).is_err() {
        return None;
    }
    world.note("cancel");
    let end = match world.run_from(&mut flow, Input::Cancel) {
        Ok(_) => End::Done,
        Err(Error::Cancelled) => End::Cancelled,
        Err(error) => {
            assert!(error.refusal().is_some(), "after {steps} steps: {error}\n{}", world.transcript());
            End::Failed
        }
    };
    // What a withdrawal that was cut off was about is listed as left.
    assert!(
        end != End::Cancelled || flow.presented().is_empty(),
        "after {steps} steps:\n{}",
        world.transcript()
    );
    Some((world, end))
}

fn ways() -> [fn(&mut World); 4] {
    [
        |_| {},
        |world| world.ca.validates_after = 3,
        |world| world.ca.issues_after = 3,
        |world| world.ca.refused.extend(["a.example".to_string()]),
    ]
}

#[test]
fn cancel_after_any_step_leaves_nothing_behind() {
    for prepare in ways() {
        let ends: Vec<End> = (0..100)
            .map_while(|steps| {
                let (world, end) = cancelled_after(steps, prepare)?;
                let after = world.transcript().split_once("cancel").unwrap().1.to_string();
                assert!(world.ca.in_place.is_empty(), "{}", world.transcript());
                assert!(after.matches("withdraw").count() <= 2, "{after}");
                assert!(world.ca.authorizations.iter().all(|authorization| authorization.deactivations <= 1));
                if after.contains("deactivated") {
                    assert!(world.ca.authorizations.iter().all(|a| a.status != "pending"), "{after}");
                    assert_eq!(world.saved.as_ref().unwrap().order_url, None);
                }
                Some(end)
            })
            .collect();
        assert!(ends.len() > 8, "{ends:?}");
    }
}

#[test]
fn cancel_before_validation_gives_up_the_pending_authorizations() {
    let (world, end) = cancelled_after(6, |world| world.ca.validates_after = 3).unwrap();
    let after = world.transcript().split_once("cancel\n").unwrap().1;
    assert_eq!(
        after,
        r#"withdraw http-01 a.example
withdraw dns-01 *.b.example
authorization /authz/0 {"status":"deactivated"}
authorization /authz/1 {"status":"deactivated"}
save order=- presented=0"#
    );
    assert_eq!(end, End::Cancelled);
}

#[test]
fn cancel_between_ready_and_valid_keeps_the_order() {
    let (mut world, _) = cancelled_after(9, |world| world.ca.issues_after = 3).unwrap();
    assert_eq!((world.count("finalize"), world.saved.as_ref().unwrap().order_url.is_some()), (1, true));
    world.restart();
    world.resume().unwrap();
    assert_eq!((world.ca.finalized(), world.ca.orders.len()), (1, 1));
}

#[test]
fn cancel_during_the_last_withdrawal_does_not_cost_the_certificate() {
    let mut world = World::warm();
    let mut flow = issue(&["a.example"]);
    let mut input = Input::Start;
    loop {
        let step = flow.resume(&mut world.session, input, world.now).unwrap();
        if matches!(step, Step::Withdraw(_)) {
            break;
        }
        input = world.perform(step).map_err(|_| "no withdrawal").unwrap();
    }
    let Ok(Step::Done(issued)) = flow.resume(&mut world.session, Input::Cancel, world.now) else { panic!() };
    assert_eq!((issued.left_in_place.len(), flow.presented().len()), (1, 1));
}

#[test]
fn second_cancel_ends_at_once_with_the_first_error() {
    for steps in 1..=12 {
        let mut world = World::warm();
        let mut flow = issue(&["a.example"]);
        if world.run_steps(&mut flow, steps).is_err() {
            break;
        }
        match flow.resume(&mut world.session, Input::Cancel, world.now) {
            Ok(Step::Done(_)) | Err(Error::Cancelled) => continue,
            Err(error) => panic!("{error}"),
            Ok(_) => {}
        }
        let second = flow.resume(&mut world.session, Input::Cancel, world.now);
        assert!(matches!(second, Err(Error::Cancelled)), "after {steps} steps");
    }
}

#[test]
fn cancel_before_the_start_takes_away_what_was_left_in_place() {
    let mut world = World::warm();
    let _ = world.run_steps(&mut issue(&["a.example"]), 6).unwrap();
    assert_eq!(world.ca.in_place.len(), 1);
    world.restart();
    let checkpoint = world.saved.clone().unwrap();
    let choices = choices(&checkpoint.intent.identifiers);
    let mut flow = Issue::resume_from(checkpoint, choices).unwrap();
    let error = world.run_from(&mut flow, Input::Cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    assert!(world.ca.in_place.is_empty() && flow.presented().is_empty());
    assert!(world.saved.as_ref().unwrap().presented.is_empty());
}

#[test]
fn cancel_of_a_flow_that_never_began_needs_no_step() {
    let mut world = World::warm();
    assert!(matches!(world.run_from(&mut issue(&["a.example"]), Input::Cancel), Err(Error::Cancelled)));
    assert_eq!(world.transcript(), "");
}

#[test]
fn flows_that_leave_nothing_behind_end_at_once() {
    fn ends_at_once(flow: &mut impl Flow<Context = Session>) {
        let mut world = World::warm();
        let _ = world.run_steps(flow, 1);
        assert!(matches!(world.run_from(flow, Input::Cancel), Err(Error::Cancelled)));
        assert!(world.exchanges <= 1);
    }
    ends_at_once(&mut Account::read());
    ends_at_once(&mut Order::poll("https://ca.test/order/0"));
}

#[test]
fn deactivation_that_fails_does_not_hide_the_cancel() {
    let (world, end) = cancelled_after(6, |world| {
        world.ca.validates_after = 3;
        let refusal = super::ca::Action::Instead(super::ca::Canned::new(500, "<html>"));
        world.ca.fail_later(acme_proto::Operation::Authorization, 2, 9, refusal);
    })
    .unwrap();
    assert_eq!(end, End::Cancelled);
    assert_eq!(world.count(r#"authorization /authz/0 {"status""#), 1);
}
