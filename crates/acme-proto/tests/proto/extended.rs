//! Orders that few CAs know: what is not offered is refused, and nothing is left behind.

use std::time::Duration;

use acme_proto::{AutoRenewal, Error, ExtendedOrder, Extension, Flow, Input, IssueExtended, Misuse};

use super::world::{World, choices, intent, names};

const NAMES: [&str; 2] = ["a.example", "*.b.example"];

fn wanted() -> ExtendedOrder {
    ExtendedOrder::new(names(&NAMES), intent(&NAMES).csr)
}

fn flow() -> IssueExtended {
    IssueExtended::new(wanted(), choices(&names(&NAMES)))
}

fn renewal() -> AutoRenewal {
    AutoRenewal::new(Duration::from_secs(86_400), "2026-03-01T00:00:00Z".parse().unwrap())
}

#[test]
fn what_is_in_place_is_taken_away_and_written_down() {
    let mut world = World::warm();
    let issued = world.run(&mut flow()).unwrap();
    assert!(issued.certificate_url.contains("/cert"), "{}", issued.certificate_url);
    assert_eq!((issued.auto_renewal, issued.allow_certificate_get), (None, false));
    assert!(world.ca.in_place.is_empty());
    assert_eq!((world.count("present"), world.count("withdraw")), (2, 2));
    let last = world.transcript().lines().last().unwrap().to_string();
    assert!(last.starts_with("save") && last.ends_with("presented=0"), "{last}");
}

#[test]
fn what_could_not_be_taken_away_is_told() {
    let mut world = World::warm();
    world.stuck.push("a.example");
    let issued = world.run(&mut flow()).unwrap();
    assert_eq!(issued.left_in_place.len(), 1);
    assert_eq!(world.saved.unwrap().presented.len(), 1);
}

#[test]
fn cancel_after_any_step_leaves_nothing_in_place() {
    let mut cancelled = 0;
    for steps in 0..100 {
        let mut world = World::warm();
        let mut flow = flow();
        if world.run_steps(&mut flow, steps).is_err() {
            break;
        }
        match world.run_from(&mut flow, Input::Cancel) {
            Ok(_) => {}
            Err(Error::Cancelled) => cancelled += 1,
            Err(error) => panic!("after {steps} steps: {error}\n{}", world.transcript()),
        }
        assert!(world.ca.in_place.is_empty(), "after {steps} steps:\n{}", world.transcript());
        assert!(flow.presented().is_empty());
    }
    assert!(cancelled > 5, "{cancelled}");
}

#[test]
fn refusal_of_a_name_is_the_error_and_nothing_is_left() {
    let mut world = World::warm();
    world.ca.refused.insert("a.example".to_string());
    let error = world.run(&mut flow()).unwrap_err();
    assert!(error.refusal().is_some(), "{error}");
    assert!(world.ca.in_place.is_empty());
}

#[test]
fn what_the_directory_does_not_offer_is_not_asked_for() {
    for (wanted, extension) in [
        (wanted().renewed(renewal()), Extension::AutoRenewal),
        (wanted().delegated("https://ca.example/delegation/1"), Extension::Delegation),
        (wanted().open_to_all(), Extension::CertificateGet),
    ] {
        let mut world = World::warm();
        let error = world.run(&mut IssueExtended::new(wanted, Vec::new())).unwrap_err();
        assert!(matches!(&error, Error::Misuse(Misuse::ExtensionNotOffered(found)) if *found == extension));
        assert!(error.to_string().contains("the CA does not offer"), "{error}");
        assert_eq!(world.count("newOrder"), 0, "{}", world.transcript());
    }
}

#[test]
fn session_without_account_makes_no_order() {
    let mut world = World::cold();
    let error = world.run(&mut flow()).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NoAccount)), "{error}");
    assert_eq!(world.exchanges, 0);
}
