//! Accounts that are bound to one outside ACME: with a binding that may be good for one use only.

use std::sync::Arc;

use acme_proto::{Error, ExternalAccount, Mac, Misuse, OpenAccount, Operation, ProblemKind, Registration};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::ca::{ACCOUNT, Action, Canned};
use super::sha256::sha256;
use super::world::{ToySigner, World};

#[derive(Debug)]
struct ToyMac;

impl Mac for ToyMac {
    fn algorithm(&self) -> &'static str {
        "HS256"
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        sha256(message).to_vec()
    }
}

fn bound() -> OpenAccount {
    let external = ExternalAccount { kid: "kid-\"1\"".into(), key: Arc::new(ToyMac) };
    let registration = Registration::new().agree_to_terms().bind(external);
    OpenAccount::new(Arc::new(ToySigner::account()), registration)
}

/// A CA that makes no account without a binding.
fn strict() -> World {
    let mut world = World::cold();
    world.ca.directory.insert("meta", json!({"externalAccountRequired": true}));
    world
}

/// The payload of the last newAccount.
fn payload(world: &World) -> Value {
    let line = world.transcript().lines().rfind(|line| line.starts_with("newAccount")).unwrap();
    serde_json::from_str(line.split_once("/new-account ").unwrap().1).unwrap()
}

/// The newAccount requests: whether each had a binding.
fn requests(world: &World) -> Vec<bool> {
    let lines = world.transcript().lines().filter(|line| line.starts_with("newAccount"));
    lines.map(|line| line.contains("externalAccountBinding")).collect()
}

#[test]
fn external_account_is_bound_by_a_jws_of_its_own() {
    let mut world = World::cold();
    world.run(&mut bound()).unwrap();
    let payload = payload(&world);
    let binding = &payload["externalAccountBinding"];
    let part = |member: &str| URL_SAFE_NO_PAD.decode(binding[member].as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&part("protected")).unwrap();
    assert_eq!(protected, json!({"alg": "HS256", "kid": "kid-\"1\"", "url": "https://ca.test/new-account"}));
    let jwk: Value = serde_json::from_slice(&part("payload")).unwrap();
    assert_eq!((&jwk["kty"], &jwk["crv"]), (&json!("EC"), &json!("P-256")));
    let message =
        format!("{}.{}", binding["protected"].as_str().unwrap(), binding["payload"].as_str().unwrap());
    assert_eq!(part("signature"), sha256(message.as_bytes()));
    assert_eq!(payload["termsOfServiceAgreed"], true);
}

#[test]
fn binding_is_not_sent_where_the_account_is_there() {
    let mut world = strict();
    world.run(&mut bound()).unwrap();
    assert_eq!(requests(&world), [false, true]);
    world.forget();
    // Another process, which does not know how far the first one came.
    assert_eq!(world.run(&mut bound()).unwrap().url, ACCOUNT);
    assert_eq!(requests(&world), [false]);
    assert_eq!(world.ca.bindings, 1);
}

/// The account was made, and the answer is lost or of no use.
#[test]
fn binding_is_not_repeated_after_it_may_have_been_used() {
    for action in [
        Action::Lost,
        Action::Edit(|response| *response.status_mut() = 502.try_into().unwrap()),
        Action::Edit(|response| drop(response.headers_mut().remove("location"))),
    ] {
        let mut world = strict();
        world.ca.fail_later(Operation::NewAccount, 1, 1, action);
        assert_eq!(world.run(&mut bound()).unwrap().url, ACCOUNT);
        assert_eq!(requests(&world), [false, true, false]);
        assert_eq!((world.ca.bindings, world.ca.accounts), (1, 1));
    }
}

#[test]
fn binding_is_sent_again_once_the_ca_says_that_there_is_no_account() {
    let mut world = strict();
    world.ca.fail_later(Operation::NewAccount, 1, 1, Action::Instead(Canned::new(503, "busy")));
    world.run(&mut bound()).unwrap();
    assert_eq!(requests(&world), [false, true, false, true]);
    assert_eq!(world.ca.bindings, 1);
}

#[test]
fn binding_that_never_arrives_ends_in_the_first_reason() {
    let mut world = strict();
    for skip in [1, 1, 1, 1] {
        let busy = Canned::problem(500, "serverInternal");
        world.ca.fail_later(Operation::NewAccount, skip, 1, Action::Instead(busy));
    }
    let error = world.run(&mut bound()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::ServerInternal);
    assert_eq!(requests(&world), [false, true, false, true, false, true, false]);
}

/// A CA that wants to be left alone is left alone.
#[test]
fn binding_is_not_sent_again_before_the_ca_wants_it() {
    let mut world = strict();
    let busy = Canned::problem(503, "serverInternal").header("retry-after", "3600");
    world.ca.fail_later(Operation::NewAccount, 1, 1, Action::Instead(busy));
    let error = world.run(&mut bound()).unwrap_err();
    assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(3600));
    assert_eq!(requests(&world), [false, true, false]);
}

/// Some CAs ask for the binding before they look for the account.
#[test]
fn look_that_is_refused_for_want_of_a_binding_is_followed_by_it() {
    let wanted = || Canned::problem(403, "externalAccountRequired");
    let mut world = strict();
    world.ca.answer(Operation::NewAccount, wanted());
    world.run(&mut bound()).unwrap();
    assert_eq!(requests(&world), [false, true]);
    // After a binding that was lost the same refusal says nothing.
    let mut world = strict();
    world.ca.answer(Operation::NewAccount, wanted());
    world.ca.fail_later(Operation::NewAccount, 0, 1, Action::Lost);
    world.ca.fail_later(Operation::NewAccount, 0, 1, Action::Instead(wanted()));
    let error = world.run(&mut bound()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::ExternalAccountRequired);
    assert_eq!(requests(&world), [false, true, false]);
}

#[test]
fn refused_binding_is_the_error() {
    let mut world = strict();
    let refused = Canned::problem(403, "unauthorized");
    world.ca.fail_later(Operation::NewAccount, 1, 1, Action::Instead(refused));
    let error = world.run(&mut bound()).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::Unauthorized);
    assert_eq!(requests(&world), [false, true]);
}

#[test]
fn without_a_binding_the_account_is_found_and_none_is_asked_for() {
    let unbound = || OpenAccount::new(Arc::new(ToySigner::account()), Registration::new());
    let mut world = strict();
    let error = world.run(&mut unbound()).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::ExternalAccountRequired)), "{error}");
    assert_eq!(payload(&world), json!({"onlyReturnExisting": true}));
    assert_eq!(requests(&world), [false]);
    world.run(&mut bound()).unwrap();
    assert_eq!(world.run(&mut unbound()).unwrap().url, ACCOUNT);
    assert_eq!(world.ca.bindings, 1);
}
