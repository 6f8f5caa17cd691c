//! The waits of the step-by-step API: when they end, and how often the CA is asked meanwhile.

use std::time::Duration;

use acme_lib::order::NewOrder;
use acme_lib::persist::MemoryPersist;
use acme_lib::{ChallengeType, Error, PrivateKey, ProblemKind, create_p256_key};
use acme_testca::{Action, ChainFault, Config, Fault, Finalize, MemberFault, Operation, Problem, TestCa};
use serde_json::json;

use crate::world;

fn ca(change: impl FnOnce(&mut Config)) -> TestCa {
    let mut config = Config::gentle();
    config.always_valid = true;
    change(&mut config);
    TestCa::builder().config(config).start().unwrap()
}

fn order(ca: &TestCa, names: &[&str]) -> NewOrder<MemoryPersist> {
    world::account(ca).new_order(names[0], &names[1..]).unwrap()
}

/// The least time between two requests for an operation.
fn least_gap(ca: &TestCa, operation: Operation) -> Duration {
    let at: Vec<_> =
        ca.requests().iter().filter(|one| one.operation == operation).map(|one| one.at).collect();
    let gaps = at.windows(2).map(|pair| pair[1].duration_since(pair[0]).unsigned_abs());
    gaps.min().expect("two requests")
}

#[test]
fn what_needs_a_challenge_comes_first() {
    let ca = ca(|config| config.authorization_reuse_percent = 100);
    let account = world::account(&ca);
    world::certificate(&account, "a.example", &["b.example"]);
    let order = account.new_order("a.example", &["c.example", "b.example"]).unwrap();
    let authorizations = order.authorizations().unwrap();
    let names: Vec<_> = authorizations.iter().map(|one| (one.domain_name(), one.need_challenge())).collect();
    assert_eq!(names, [("c.example", true), ("a.example", false), ("b.example", false)]);
}

#[test]
fn an_authorization_that_is_valid_is_validated_at_once() {
    let ca = ca(|config| config.authorization_reuse_percent = 100);
    let account = world::account(&ca);
    world::certificate(&account, "a.example", &[]);
    let order = account.new_order("a.example", &["b.example"]).unwrap();
    let authorizations = order.authorizations().unwrap();
    let challenge = authorizations[1].challenge(ChallengeType::Dns01).unwrap();
    assert!(!challenge.need_validate());
    let requests = ca.requests().len();
    challenge.validate(60_000).unwrap();
    assert_eq!(ca.requests().len(), requests);
}

#[test]
fn a_refused_challenge_ends_the_wait_with_the_reason() {
    let ca = ca(|_| {});
    let problem = Problem::new("dns", 400, "no such name");
    ca.fault(Fault::on(Operation::Challenge, Action::InvalidateAuthorization(problem)));
    let mut order = order(&ca, &["a.example"]);
    let challenge = order.authorizations().unwrap()[0].http_challenge();
    let requests = ca.requests().len();
    let error = challenge.validate(60_000).unwrap_err();
    let refusal = world::refusal(&error);
    assert_eq!(refusal.problem.kind, ProblemKind::Dns);
    assert_eq!(refusal.problem.detail.as_deref(), Some("no such name"));
    assert_eq!(refusal.identifier, Some("a.example".parse().unwrap()));
    assert!(!error.is_temporary());
    assert_eq!(world::operations(&ca, requests), [Operation::Challenge, Operation::Authorization]);
    // Nor does a loop around a dead order go on.
    let error = order.refresh().unwrap_err();
    assert_eq!(world::refusal(&error).operation, acme_lib::proto::Operation::Order);
}

#[test]
fn an_answer_whose_response_is_lost_has_arrived() {
    let ca = ca(|_| {});
    ca.fault(Fault::on(Operation::Challenge, Action::LoseResponse));
    let mut order = order(&ca, &["a.example"]);
    order.authorizations().unwrap()[0].http_challenge().validate(1).unwrap();
    assert_eq!(world::count(&ca, Operation::Challenge), 1);
    order.refresh().unwrap();
    assert!(order.is_validated());
}

#[test]
fn an_order_that_is_valid_is_not_finalized_again() {
    let ca = ca(|_| {});
    let mut order = order(&ca, &["a.example"]);
    order.authorizations().unwrap()[0].http_challenge().validate(1).unwrap();
    order.refresh().unwrap();
    let (first, stale) = (order.confirm_validations().unwrap(), order.confirm_validations().unwrap());
    let key = create_p256_key();
    first.finalize_pkey(key.clone(), 1).unwrap();
    // One that is known to be valid is not even sent to.
    order.refresh().unwrap();
    let valid = order.confirm_validations().unwrap();
    assert!(valid.api_order().is_status_valid());
    let certificate = valid.finalize_pkey(key.clone(), 1).unwrap().download_and_save_cert().unwrap();
    assert_eq!(world::count(&ca, Operation::Finalize), 1);
    // One that was ready when it was read last: the CA's refusal is settled by reading.
    let again = stale.finalize_pkey(key, 1).unwrap().download_and_save_cert().unwrap();
    assert_eq!(again, certificate);
    assert_eq!(ca.counts().orders_finalized, 1);
    // With another key there is nothing to download.
    let other = order.confirm_validations().unwrap().finalize_pkey(create_p256_key(), 1).unwrap();
    let error = other.download_and_save_cert().unwrap_err();
    assert!(error.to_string().contains("another key"), "{error}");
}

#[test]
fn a_finalize_whose_response_is_lost_is_not_repeated() {
    let ca = ca(|_| {});
    ca.fault(Fault::on(Operation::Finalize, Action::LoseResponse));
    let order = world::prove(order(&ca, &["a.example"]));
    order.finalize_pkey(create_p256_key(), 1).unwrap().download_and_save_cert().unwrap();
    assert_eq!(world::count(&ca, Operation::Finalize), 1);
}

#[test]
fn the_delay_is_the_least_wait_between_two_looks() {
    let ca = ca(|config| config.finalize = Finalize::AfterPolls(2));
    let order = world::prove(order(&ca, &["a.example"]));
    order.finalize_pkey(create_p256_key(), 60).unwrap();
    assert!(least_gap(&ca, Operation::Order) >= Duration::from_millis(60));
}

#[test]
fn a_retry_after_is_obeyed() {
    let ca = ca(|config| config.finalize = Finalize::AfterPolls(1));
    let order = world::prove(order(&ca, &["a.example"]));
    ca.fault(Fault::on(Operation::Order, Action::RetryAfter("1".into())));
    let before = world::count(&ca, Operation::Order);
    order.finalize_pkey(create_p256_key(), 1).unwrap();
    assert_eq!(world::count(&ca, Operation::Order), before + 2);
    let requests = ca.requests();
    let mut last = requests.iter().rev().filter(|one| one.operation == Operation::Order);
    let gap = last.next().unwrap().at.duration_since(last.next().unwrap().at);
    assert!(gap.unsigned_abs() >= Duration::from_secs(1), "{gap:?}");
}

#[test]
fn a_wait_that_is_too_long_is_an_error_that_says_when() {
    let ca = ca(|config| config.finalize = Finalize::AfterPolls(1));
    let order = world::prove(order(&ca, &["a.example"]));
    ca.fault(Fault::on(Operation::Finalize, Action::RetryAfter("3600".into())));
    let error = order.finalize_pkey(create_p256_key(), 1).unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
}

/// PEERS: `"badNonce"` without the URN was never retried, and elsewhere without end.
#[test]
fn a_refused_nonce_is_no_error() {
    let ca = ca(|config| config.nonce_refusal_percent = 50);
    let account = world::account(&ca);
    for n in 0..5 {
        world::certificate(&account, &format!("n{n}.example"), &[]);
    }
    assert!(ca.counts().nonces_refused > 10);
    assert_eq!((ca.counts().accounts, ca.counts().orders_finalized), (1, 5));
}

#[test]
fn challenges_that_nobody_knows_are_no_error() {
    let ca = ca(|config| {
        config.strange_challenges = true;
        config.random_directory_key = true;
        config.extra_members = true;
        config.null_members = true;
    });
    world::certificate(&world::account(&ca), "a.example", &["*.a.example"]);
}

#[test]
fn every_type_of_key_is_finalized_with() {
    let ca = ca(|_| {});
    let account = world::account(&ca);
    for key_type in acme_lib::KeyType::ALL {
        let order = world::prove(account.new_order("a.example", &[]).unwrap());
        let key = PrivateKey::generate(key_type).unwrap();
        let certificate = order.finalize_pkey(key.clone(), 1).unwrap().download_and_save_cert().unwrap();
        assert_eq!(certificate.private_key(), key.to_pem());
    }
}

/// Every fault at every step, once: an error or a certificate, and never a panic.
#[test]
fn no_fault_makes_a_step_panic() {
    let ca = ca(|_| {});
    let account = world::account(&ca);
    let mut outcomes = (0, 0);
    for operation in [
        Operation::NewOrder,
        Operation::Authorization,
        Operation::Challenge,
        Operation::Order,
        Operation::Finalize,
        Operation::Certificate,
    ] {
        for action in crate::hostile::actions() {
            if takes_time(&action) {
                continue;
            }
            ca.clear_faults();
            ca.fault(Fault::on(operation, action));
            match steps(&account) {
                Ok(()) => outcomes.0 += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    outcomes.1 += 1;
                }
            }
        }
    }
    println!("{} certificates and {} errors", outcomes.0, outcomes.1);
    assert!(ca.counts().orders_finalized <= ca.counts().orders);
    assert_eq!(ca.counts().accounts, 1);
}

/// What the library really waits for is tested on a clock that only waits move.
fn takes_time(action: &Action) -> bool {
    matches!(action, Action::DelayMs(_) | Action::RetryAfter(_) | Action::RetryAfterDate(_))
        || matches!(action, Action::Status(fault) if fault.retry_after.is_some())
        || matches!(action, Action::Problem(fault) if fault.retry_after.is_some())
}

fn steps(account: &acme_lib::Account) -> Result<(), Error> {
    let mut order = account.new_order("a.example", &["b.example"])?;
    for _ in 0..10 {
        if let Some(order) = order.confirm_validations() {
            order.finalize_pkey(create_p256_key(), 1)?.download_and_save_cert()?;
            return Ok(());
        }
        let authorizations = order.authorizations()?;
        let Some(challenge) = authorizations.first().and_then(|one| one.challenge(ChallengeType::Http01))
        else {
            return Err("no challenge".into());
        };
        challenge.validate(1)?;
        order.refresh()?;
    }
    panic!("the loop has no end");
}

#[test]
fn a_certificate_for_other_names_is_not_kept() {
    let ca = ca(|_| {});
    let account = world::account(&ca);
    for fault in [ChainFault::WrongNames, ChainFault::OtherKey, ChainFault::PrivateKey, ChainFault::Garbage] {
        let order = world::prove(account.new_order("a.example", &["b.example"]).unwrap());
        ca.fault(Fault::on(Operation::Certificate, Action::Chain(fault)));
        let order = order.finalize_pkey(create_p256_key(), 1).unwrap();
        assert!(order.download_and_save_cert().is_err(), "{fault:?}");
        assert_eq!(account.certificate("a.example").unwrap(), None, "{fault:?}");
    }
}

/// Neither this challenge nor one that is asked for anew is of any use.
#[test]
fn an_authorization_of_an_unknown_status_is_an_error() {
    let ca = ca(|_| {});
    let order = order(&ca, &["a.example"]);
    let challenge = order.authorizations().unwrap()[0].http_challenge();
    ca.fault(Fault::on(Operation::Authorization, Action::UnknownStatus("pondering".into())).always());
    let error = challenge.validate(1).unwrap_err();
    assert!(error.to_string().contains("'pondering' makes no sense"), "{error}");
    assert_eq!(world::count(&ca, Operation::Authorization), 2);
}

#[test]
fn an_order_of_an_unknown_status_is_an_error() {
    let ca = ca(|_| {});
    let mut order = order(&ca, &["a.example"]);
    ca.fault(Fault::on(Operation::Order, Action::UnknownStatus("pondering".into())).always());
    let error = order.refresh().unwrap_err();
    assert!(error.to_string().contains("'pondering' makes no sense"), "{error}");
}

/// Between the last authorization and the order a CA may take a moment: the example's loop has
/// nothing left to do then, and would ask as fast as it can.
#[test]
fn a_loop_around_an_order_with_nothing_left_to_prove_waits() {
    let pending = Action::Member(MemberFault { name: "status".into(), value: json!("pending") });
    let ca = ca(|_| {});
    ca.fault(Fault::on(Operation::Order, pending).times(4));
    let order = order(&ca, &["a.example"]);
    world::prove(order);
    // The first is the loop's own; the others have waited 10, 20 and 40 ms.
    assert_eq!(world::count(&ca, Operation::Order), 5);
    assert_eq!(world::count(&ca, Operation::Authorization), 3);
}
