//! What an order asks for beyond its names: taken where the CA takes it, left out where it can be.

use acme_proto::{
    CertificateId, Checkpoint, Error, Intent, Issue, Issued, Misuse, Operation, Order, OrderOption, Profile,
    Violation,
};
use serde_json::json;

use super::ca::{Action, Canned};
use super::world::{World, choices, intent, names};

const PREDECESSOR: &str = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";

/// A CA with profiles and renewal information, whose directory is known.
fn world() -> World {
    let mut world = World::cold();
    let profiles = json!({"profiles": {"classic": "as ever", "shortlived": "six days"}});
    world.ca.directory.insert("meta", profiles);
    world.ca.directory.insert("renewalInfo", json!("/ari/"));
    world.open_account();
    world
}

/// The certificate of RFC 9773, section 4.1.
fn predecessor() -> CertificateId {
    let key_id = [
        0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3, 0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE,
        0x01, 0xC8, 0xD4,
    ];
    CertificateId::new(&key_id, &[0x00, 0x87, 0x65, 0x43, 0x21])
}

fn with_profile(profile: Profile) -> Intent {
    let mut intent = intent(&["a.example"]);
    intent.profile = Some(profile);
    intent
}

fn required(name: &str) -> Intent {
    with_profile(Profile::Required(name.into()))
}

fn preferred(name: &str) -> Intent {
    with_profile(Profile::Preferred(name.into()))
}

fn replacing(mut intent: Intent) -> Intent {
    intent.replaces = Some(predecessor());
    intent
}

fn issue(world: &mut World, intent: Intent) -> Result<Issued, Error> {
    let choices = choices(&intent.identifiers);
    world.run(&mut Issue::new(intent, choices).unwrap())
}

/// What the newOrder requests asked for: `p` is a profile, `r` a predecessor.
fn asked(world: &World) -> Vec<String> {
    let orders = world.transcript().lines().filter(|line| line.starts_with("newOrder "));
    orders
        .map(|line| {
            let has = |member: &str, letter| if line.contains(member) { letter } else { "" };
            format!("{}{}", has("\"profile\"", "p"), has("\"replaces\"", "r"))
        })
        .collect()
}

#[test]
fn identifier_of_a_certificate_is_that_of_the_rfc() {
    assert_eq!(predecessor().as_str(), PREDECESSOR);
}

#[test]
fn options_are_sent_where_they_are_offered() {
    for profile in [required("shortlived"), preferred("shortlived")] {
        let mut world = world();
        let issued = issue(&mut world, replacing(profile)).unwrap();
        assert_eq!(world.count(&format!(
            r#"newOrder /new-order {{"identifiers":[{{"type":"dns","value":"a.example"}}],"profile":"shortlived","replaces":"{PREDECESSOR}"}}"#
        )), 1);
        assert_eq!(issued.profile.as_deref(), Some("shortlived"));
    }
}

#[test]
fn required_profile_that_is_not_offered_is_refused_before_any_order() {
    let mut world = world();
    let error = issue(&mut world, required("tlsclient")).unwrap_err();
    let Error::Misuse(Misuse::ProfileNotOffered { profile, offered }) = &error else { panic!("{error}") };
    assert_eq!((profile.as_str(), offered.join(" ").as_str()), ("tlsclient", "classic shortlived"));
    assert_eq!(
        error.to_string(),
        "the CA does not offer the profile 'tlsclient'; it has classic, shortlived"
    );
    assert_eq!(asked(&world), [""; 0]);
}

#[test]
fn required_profile_is_looked_up_where_no_directory_was_fetched() {
    let mut world = World::cold();
    let signer = std::sync::Arc::new(super::world::ToySigner::account());
    world.session.sign_in(super::ca::ACCOUNT, signer).unwrap();
    let error = issue(&mut world, required("classic")).unwrap_err();
    assert!(error.to_string().ends_with("; it has none"), "{error}");
    assert_eq!((world.count("directory"), world.exchanges), (1, 1));
}

#[test]
fn preferred_profile_that_is_not_offered_is_left_out() {
    let mut world = world();
    let issued = issue(&mut world, preferred("tlsclient")).unwrap();
    assert_eq!(asked(&world), [""]);
    assert_eq!(issued.profile, None);
}

#[test]
fn replaces_is_left_out_where_there_is_no_renewal_information() {
    let mut world = World::warm();
    let intent = replacing(intent(&["a.example"]));
    issue(&mut world, intent).unwrap();
    assert_eq!(asked(&world), [""]);
}

#[test]
fn preferred_profile_is_given_up_when_it_is_refused() {
    for kind in ["invalidProfile", "malformed", "unauthorized"] {
        let mut world = world();
        world.ca.answer(Operation::NewOrder, Canned::problem(403, kind));
        issue(&mut world, preferred("shortlived")).unwrap();
        assert_eq!(asked(&world), ["p", ""], "{kind}");
        assert_eq!(world.ca.orders.len(), 1);
    }
}

#[test]
fn preferred_profile_is_not_at_fault_for_everything() {
    for (status, kind) in [(429, "rateLimited"), (400, "rejectedIdentifier"), (403, "userActionRequired")] {
        let mut world = world();
        world.ca.answer(Operation::NewOrder, Canned::problem(status, kind));
        issue(&mut world, preferred("shortlived")).unwrap_err();
        assert_eq!(asked(&world), ["p"], "{kind}");
    }
}

#[test]
fn required_profile_that_is_refused_ends_the_order() {
    let mut world = world();
    world.ca.answer(Operation::NewOrder, Canned::problem(400, "invalidProfile"));
    let error = issue(&mut world, required("shortlived")).unwrap_err();
    assert_eq!(asked(&world), ["p"]);
    assert_eq!(error.refusal().unwrap().options, [OrderOption::Profile]);
}

#[test]
fn required_profile_that_is_ignored_breaks_the_protocol() {
    let mut world = world();
    world.ca.ignores_profiles = true;
    let Error::Protocol(error) = issue(&mut world, required("shortlived")).unwrap_err() else { panic!() };
    assert_eq!(error.violation, Violation::Profile { wanted: "shortlived".into(), got: None });
    assert_eq!(world.saved.unwrap().order_url, None, "the order is none of ours");
    assert_eq!(world.ca.finalized(), 0);
}

#[test]
fn preferred_profile_may_be_ignored() {
    let mut world = world();
    world.ca.ignores_profiles = true;
    issue(&mut world, preferred("shortlived")).unwrap();
    assert_eq!(world.ca.finalized(), 1);
}

#[test]
fn order_without_the_required_profile_is_not_gone_on_with() {
    let mut world = world();
    world.ca.ignores_profiles = true;
    let made = world.run(&mut Order::create(&required("shortlived"))).unwrap();
    world.ca.ignores_profiles = false;
    world.forget();
    let mut checkpoint = Checkpoint::new(required("shortlived"));
    checkpoint.intent.directory_url = super::ca::DIRECTORY.into();
    checkpoint.intent.account_url = super::ca::ACCOUNT.into();
    checkpoint.order_url = Some(made.url.clone());
    let issued =
        world.run(&mut Issue::resume_from(checkpoint, choices(&names(&["a.example"]))).unwrap()).unwrap();
    assert_ne!(issued.order_url, made.url);
    assert_eq!(issued.profile.as_deref(), Some("shortlived"));
}

#[test]
fn predecessor_that_was_replaced_is_left_out() {
    let mut world = world();
    world.ca.answer(Operation::NewOrder, Canned::problem(409, "alreadyReplaced"));
    issue(&mut world, replacing(preferred("shortlived"))).unwrap();
    assert_eq!(asked(&world), ["pr", "p"]);
}

#[test]
fn predecessor_that_is_refused_is_left_out() {
    for kind in ["malformed", "unauthorized", "conflict"] {
        let mut world = world();
        world.ca.answer(Operation::NewOrder, Canned::problem(400, kind));
        issue(&mut world, replacing(intent(&["a.example"]))).unwrap();
        assert_eq!(asked(&world), ["r", ""], "{kind}");
    }
}

#[test]
fn refusal_that_blames_no_option_leads_to_each_form_once() {
    let mut world = world();
    let refusal = Action::Instead(Canned::problem(400, "malformed"));
    world.ca.fail_later(Operation::NewOrder, 0, 9, refusal);
    let error = issue(&mut world, replacing(preferred("shortlived"))).unwrap_err();
    assert_eq!(asked(&world), ["pr", "r", "p", ""]);
    assert!(error.refusal().unwrap().options.is_empty(), "nothing is left to blame");
}

#[test]
fn dates_that_a_ca_refuses_are_named() {
    let mut world = World::warm();
    world.ca.answer(Operation::NewOrder, Canned::problem(400, "malformed"));
    let mut intent = intent(&["a.example"]);
    intent.not_after = Some("2026-02-15T00:00:00Z".parse().unwrap());
    let error = issue(&mut world, intent).unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.options, [OrderOption::NotAfter]);
    assert_eq!(refusal.problem.detail.as_deref(), Some("as scripted"));
    assert_eq!(
        error.to_string(),
        "the CA refused newOrder: malformed: as scripted; the order asked for notAfter, which not every CA takes"
    );
}

#[test]
fn order_is_found_again_in_the_form_that_was_taken() {
    let mut world = world();
    world.ca.answer(Operation::NewOrder, Canned::problem(400, "invalidProfile"));
    world.ca.fail_later(Operation::NewOrder, 0, 1, Action::Lost);
    issue(&mut world, preferred("shortlived")).unwrap();
    assert_eq!(asked(&world), ["p", "", ""], "there is no list to find it in");
}

#[test]
fn checkpoint_of_an_earlier_version_is_read() {
    let mut old = serde_json::to_value(Checkpoint::new(required("classic"))).unwrap();
    let members = old["intent"].as_object_mut().unwrap();
    for member in ["profile", "replaces", "ancestor_domains"] {
        members.remove(member).unwrap();
    }
    let read: Checkpoint = serde_json::from_value(old).unwrap();
    assert_eq!(read, Checkpoint::new(intent(&["a.example"])));
}
