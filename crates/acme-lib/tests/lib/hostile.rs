//! Every fault of the test CA at every operation, once and always.

use std::time::{Duration, Instant};

use acme_proto::{Account, Error, OrdersPage, RevocationReason, Revoke, Session};
use acme_testca::{
    Action, Ca, ChainFault, Config, Fault, Finalize, MemberFault, Operation, Problem, ProblemFault,
    RedirectFault, RetryAfter, StatusFault,
};
use serde_json::{Value, json};

use crate::in_process::{World, account_key, names, start};

/// Every operation of the CA.
const OPERATIONS: [Operation; 12] = [
    Operation::Directory,
    Operation::NewNonce,
    Operation::NewAccount,
    Operation::Account,
    Operation::Orders,
    Operation::NewOrder,
    Operation::Order,
    Operation::Authorization,
    Operation::Challenge,
    Operation::Finalize,
    Operation::Certificate,
    Operation::Revoke,
];

/// Every action, with the arguments that differ in kind.
pub(crate) fn actions() -> Vec<Action> {
    let problem = |kind: &str, status| Problem::new(kind, status, "as the script says");
    let chains = [
        ChainFault::OtherKey,
        ChainFault::WrongNames,
        ChainFault::PrivateKey,
        ChainFault::Garbage,
        ChainFault::NoPem,
        ChainFault::Empty,
        ChainFault::LeafOnly,
        ChainFault::Reversed,
    ];
    let problems = [
        ProblemFault::from(problem("rateLimited", 429)).retry_after("1").help("https://ca.test/limits"),
        ProblemFault::from(problem("rateLimited", 429)).retry_after("86400"),
        ProblemFault::from(problem("serverInternal", 500)),
        ProblemFault::from(problem("unauthorized", 403)),
        ProblemFault::from(problem("malformed", 400)),
        ProblemFault::from(problem("accountDoesNotExist", 400)),
        ProblemFault::from(problem("orderNotReady", 403)),
        ProblemFault::from(problem("alreadyRevoked", 400)),
        ProblemFault::from(problem("userActionRequired", 403)),
        ProblemFault::from(problem("urn:example:unknown", 418)),
        ProblemFault::from(problem("malformed", 404)),
    ];
    let statuses = [
        StatusFault::new(500),
        StatusFault::new(502),
        StatusFault::new(503).retry_after("1"),
        StatusFault::new(503).retry_after("soon"),
        StatusFault::new(404),
        StatusFault::new(204),
        StatusFault::new(200),
    ];
    let redirects = [(301, "https://ca.test/directory"), (308, "http://ca.test/directory"), (302, "")];
    let redirects = redirects.map(|(status, to)| RedirectFault { status, location: to.to_owned() });
    let values = [Value::Null, json!(7), json!({}), json!("http://[::1")];
    let members = ["status", "identifiers", "authorizations", "finalize", "certificate", "challenges"]
        .into_iter()
        .chain(["identifier", "url", "token", "type", "newNonce", "newOrder", "orders", "meta", "error"])
        .flat_map(|name| values.clone().map(|value| MemberFault { name: name.to_owned(), value }));
    let mut actions = plain_actions();
    actions.extend(chains.map(Action::Chain));
    actions.extend(problems.map(Action::Problem));
    actions.extend(statuses.map(Action::Status));
    actions.extend(redirects.map(Action::Redirect));
    actions.extend(members.map(Action::Member));
    actions
}

/// The actions that do one thing.
fn plain_actions() -> Vec<Action> {
    let problem = |kind: &str, status| Problem::new(kind, status, "as the script says");
    vec![
        Action::BadNonce,
        Action::BadNonceWithoutNonce,
        Action::Drop,
        Action::LoseResponse,
        Action::DelayMs(1000),
        Action::DelayMs(3_600_000),
        Action::RetryAfter("1".into()),
        Action::RetryAfter("soon".into()),
        Action::RetryAfter("-5".into()),
        Action::RetryAfter("18446744073709551615".into()),
        Action::RetryAfter("99999999999999999999999".into()),
        Action::RetryAfterDate(1),
        Action::RetryAfterDate(-1_000_000),
        Action::RetryAfterDate(1_000_000),
        Action::MissingLocation,
        Action::MissingNonce,
        Action::DuplicateNonce,
        Action::InvalidNonce,
        Action::TruncatedBody,
        Action::WrongType,
        Action::EndlessBody,
        Action::ContentType("text/html".into()),
        Action::ContentType(String::new()),
        Action::ExtraMembers,
        Action::NullMembers,
        Action::UnknownStatus("pondering".into()),
        Action::UnknownStatus("deactivated".into()),
        Action::InvalidateAuthorization(problem("dns", 400)),
        Action::InvalidateOrder(problem("caa", 403)),
        Action::ExpireOrder,
        Action::ForgetOrder,
    ]
}

/// Whether an action takes the order, or what was issued for it, away.
fn ends_the_order(action: &Action) -> bool {
    matches!(
        action,
        Action::InvalidateOrder(_)
            | Action::InvalidateAuthorization(_)
            | Action::ExpireOrder
            | Action::ForgetOrder
    )
}

#[derive(Debug, Default)]
struct Tally {
    combinations: usize,
    certificates: usize,
    recovered: usize,
    took: Duration,
}

/// One account, one certificate, and its revocation: everything that a client does in its life.
fn life(
    world: &mut World,
    session: &mut Session,
    key: &std::sync::Arc<acme_keys::AccountKey>,
) -> Result<(), Error> {
    world.open(session, key)?;
    let issued = world.issue(session, &names(2))?;
    world.run(session, Revoke::by_account(&issued.chain.certificates[0], RevocationReason::Superseded))?;
    let account = world.run(session, Account::read())?;
    if let Some(orders) = account.orders {
        world.run(session, OrdersPage::read(&orders))?;
    }
    Ok(())
}

#[test]
fn every_fault_at_every_operation_ends_in_a_certificate_or_in_a_named_error() {
    let tally = every_fault(&Config::gentle(), &actions(), &[false, true]);
    println!("{tally:?}");
    assert!(tally.combinations > 2000);
}

/// The same at a CA that refuses nonces and offers what nobody knows, and takes its time.
#[test]
fn every_fault_of_a_ca_that_is_hostile_anyway_ends_too() {
    let mut config = Config::default();
    (config.extra_members, config.null_members) = (true, true);
    (config.finalize, config.retry_after) = (Finalize::AfterPolls(1), RetryAfter::Date(2));
    println!("{:?}", every_fault(&config, &faults_without_members(), &[false]));
}

/// The same at a CA without a list of orders, as Let's Encrypt is.
#[test]
fn every_fault_of_a_ca_without_a_list_of_orders_ends_too() {
    let mut config = Config::gentle();
    (config.orders_list, config.finalize) = (false, Finalize::AfterDelay(Duration::from_secs(3)));
    println!("{:?}", every_fault(&config, &faults_without_members(), &[false]));
}

fn faults_without_members() -> Vec<Action> {
    actions().into_iter().filter(|action| !matches!(action, Action::Member(_))).collect()
}

fn every_fault(config: &Config, actions: &[Action], always: &[bool]) -> Tally {
    let began = Instant::now();
    let mut tally = Tally::default();
    let mut config = config.clone();
    config.base_url = crate::in_process::BASE.to_owned();
    let saved = Ca::new(config.clone(), start()).unwrap().save();
    let key = account_key();
    for operation in OPERATIONS {
        for action in actions {
            if matches!(action, Action::Member(_)) && !has_members(operation) {
                continue;
            }
            for always in always {
                let fault = Fault::on(operation, action.clone());
                let fault = if *always { fault.always() } else { fault };
                let label = format!("{operation:?} {action:?} always={always}");
                let mut ca = Ca::load(&saved, config.clone()).unwrap();
                ca.add_faults([fault]);
                let mut world = World::with(ca, start());
                combination(&mut world, &key, action, &label, &mut tally);
            }
        }
    }
    tally.took = began.elapsed();
    tally
}

/// Whether the response is a JSON object: others have no member to change.
fn has_members(operation: Operation) -> bool {
    !matches!(operation, Operation::NewNonce | Operation::Certificate | Operation::Revoke)
}

fn combination(
    world: &mut World,
    key: &std::sync::Arc<acme_keys::AccountKey>,
    action: &Action,
    label: &str,
    tally: &mut Tally,
) {
    tally.combinations += 1;
    let mut session = world.session();
    let outcome = life(world, &mut session, key);
    let counts = world.ca.counts();
    assert!(counts.accounts <= 1, "{label}: {counts:?}");
    assert!(counts.orders_finalized <= 1, "{label}: {counts:?}");
    assert!(world.in_place.is_empty(), "{label}: a response is left in place");
    assert!(counts.requests < 1500, "{label}: {counts:?}");
    assert!(world.waited < Duration::from_secs(20 * 60), "{label}: waited {:?}", world.waited);
    match &outcome {
        Ok(()) => {
            tally.certificates += 1;
            assert_eq!((counts.accounts, counts.certificates), (1, 1), "{label}: {counts:?}");
            return;
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{label}");
            assert!(
                !matches!(error, Error::Cancelled | Error::Sign(_) | Error::Store(_)),
                "{label}: {error:?}"
            );
        }
    }
    // The CA comes to its senses: the same order ends in a certificate.
    world.ca.clear_faults();
    let mut session = world.session();
    world.open(&mut session, key).unwrap_or_else(|error| panic!("{label}: {error:?}"));
    let issued = match world.saved.clone() {
        Some(checkpoint) => world.resume(&mut session, checkpoint),
        None => world.issue(&mut session, &names(2)),
    };
    if let Err(error) = issued {
        panic!("{label}: {outcome:?}, then {error:?}");
    }
    tally.recovered += 1;
    let counts = world.ca.counts();
    let most = if ends_the_order(action) { 2 } else { 1 };
    assert!(counts.orders_finalized <= most, "{label}: {outcome:?}, {counts:?}");
    assert_eq!(counts.accounts, 1, "{label}");
    assert!(world.in_place.is_empty(), "{label}: a response is left in place");
}
