//! Whatever goes wrong, both libraries do the same, twice.
//!
//! Faults are drawn at random; a failure names the seed and the fewest faults that still make a
//! difference.

use std::cell::Cell;
use std::fmt::Debug;
use std::time::Duration;

use acme_testca::{
    Action, ChainFault, Config, Fault, MemberFault, Operation, Problem, ProblemFault, RedirectFault,
    RequestRecord, StatusFault, TestCa,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::world::{self, Desk};

/// What a library did, and what became of it.
#[derive(Debug, PartialEq)]
struct Transcript {
    requests: Vec<String>,
    steps: Vec<Step>,
    outcome: Result<Vec<String>, String>,
}

#[derive(Debug)]
enum Step {
    Done(String),
    Wait(Duration),
}

impl PartialEq for Step {
    /// Each session draws its jitter anew, up to a tenth of a wait.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Done(one), Self::Done(other)) => one == other,
            (Self::Wait(one), Self::Wait(other)) => {
                *one <= *other + *other / 10 && *other <= *one + *one / 10
            }
            (Self::Done(_), Self::Wait(_)) | (Self::Wait(_), Self::Done(_)) => false,
        }
    }
}

/// The events of both libraries are alike, and of different types.
macro_rules! step {
    ($library:ident, $event:expr) => {
        match $event {
            $library::Event::Waiting(wait) => Step::Wait(*wait),
            $library::Event::Requesting { operation, count } => Step::Done(format!("{count} {operation}")),
            $library::Event::Presenting(challenges) => Step::Done(format!("present {challenges:?}")),
            $library::Event::Withdrawing(challenges) => Step::Done(format!("withdraw {challenges:?}")),
            $library::Event::Saving(checkpoint) => Step::Done(format!("save {:?}", checkpoint.order_url)),
            other => Step::Done(format!("{other:?}")),
        }
    };
}

/// One issuance, and what can go wrong in it.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    names: &'static [&'static str],
    faults: Vec<Fault>,
}

impl Case {
    /// With several names the requests of a round come in any order: chance is left out, and
    /// requests are compared without what the CA drew for them.
    fn is_in_order(&self) -> bool {
        self.names.len() == 1
    }

    fn start(&self) -> TestCa {
        let mut config = if self.is_in_order() { Config::default() } else { Config::gentle() };
        (config.always_valid, config.seed) = (true, self.seed);
        let builder = TestCa::builder().config(config);
        self.faults.iter().cloned().fold(builder, |builder, fault| builder.fault(fault)).start().unwrap()
    }

    fn blocking(&self) -> Transcript {
        let ca = self.start();
        let mut steps = Vec::new();
        let url = acme_lib::DirectoryUrl::Other(ca.directory_url());
        let account = acme_lib::Account::builder(url).root_pem(ca.root_pem()).agree_to_terms().open();
        let issued = account.and_then(|account| {
            let request = acme_lib::IssueRequest::new(self.names.iter().copied());
            let mut observe = |event: &acme_lib::Event<'_>| steps.push(step!(acme_lib, event));
            account.issuance(&request).observe(&mut observe).run(&mut Desk::default())
        });
        self.transcript(&ca, steps, issued.map(drop).map_err(|error| error.to_string()))
    }

    async fn asynchronous(&self) -> Transcript {
        let ca = self.start();
        let mut steps = Vec::new();
        let issued = match world::builder(&ca).agree_to_terms().open().await {
            Ok(account) => {
                let request = acme_tokio::IssueRequest::new(self.names.iter().copied());
                let mut observe = |event: &acme_tokio::Event<'_>| steps.push(step!(acme_tokio, event));
                account.issuance(&request).observe(&mut observe).run(&mut Desk::default()).await
            }
            Err(error) => Err(error),
        };
        self.transcript(&ca, steps, issued.map(drop).map_err(|error| error.to_string()))
    }

    fn transcript(&self, ca: &TestCa, steps: Vec<Step>, outcome: Result<(), String>) -> Transcript {
        let base = ca.directory_url().trim_end_matches("/directory");
        let port = |text: String| text.replace(base, "");
        let mut requests: Vec<_> = ca.requests().iter().map(|request| port(self.request(request))).collect();
        if !self.is_in_order() {
            requests.sort();
        }
        let steps = steps.into_iter().map(|step| match step {
            Step::Done(text) => Step::Done(port(text)),
            Step::Wait(wait) => Step::Wait(wait),
        });
        let names = ca.issued().into_iter().flat_map(|issued| issued.names).collect();
        Transcript { requests, steps: steps.collect(), outcome: outcome.map(|()| names) }
    }

    fn request(&self, request: &RequestRecord) -> String {
        let RequestRecord { method, url, operation, status, problem, .. } = request;
        if self.is_in_order() {
            format!("{method} {url} {status:?} {problem:?}")
        } else {
            format!("{method} {operation:?} {status:?} {problem:?}")
        }
    }
}

/// Runs both libraries, then the first again; tells whether a certificate was issued.
fn compare(runtime: &Runtime, case: &Case) -> Result<bool, TestCaseError> {
    let expected = case.blocking();
    prop_assert_eq!(&runtime.block_on(case.asynchronous()), &expected);
    prop_assert_eq!(&case.blocking(), &expected);
    Ok(expected.outcome.is_ok())
}

/// What goes wrong with one response. None of it makes a client wait for long.
fn action() -> impl Strategy<Value = Action> {
    const KINDS: &[&str] =
        &["badNonce", "malformed", "orderNotReady", "rateLimited", "serverInternal", "unauthorized"];
    let problem = (select(KINDS), select(vec![400_u16, 403, 404, 429, 500]))
        .prop_map(|(kind, status)| Problem::new(kind, status, "as scripted"));
    let refusal = problem.clone().prop_map(|problem| Action::Problem(ProblemFault::from(problem)));
    let status = select(vec![500_u16, 502, 503]).prop_map(|status| Action::Status(StatusFault::new(status)));
    let members = [
        ("status", json!("processing")),
        ("status", json!(7)),
        ("authorizations", json!([])),
        ("finalize", json!(null)),
        ("certificate", json!("http://plain.example/")),
        ("challenges", json!([{"type": "http-01"}])),
        ("identifiers", json!([{"type": "dns", "value": "other.example"}])),
        ("newNonce", json!(null)),
    ];
    let member = select(members.to_vec())
        .prop_map(|(name, value)| Action::Member(MemberFault { name: name.into(), value }));
    let retry_after = select(vec!["soon", "-5", "0", "61", "18446744073709551615"]);
    const CHAINS: &[ChainFault] =
        &[ChainFault::OtherKey, ChainFault::WrongNames, ChainFault::PrivateKey, ChainFault::LeafOnly];
    let redirect = RedirectFault { status: 307, location: "/directory".to_owned() };
    let plain = [
        Action::BadNonce,
        Action::BadNonceWithoutNonce,
        Action::Drop,
        Action::LoseResponse,
        Action::MissingLocation,
        Action::MissingNonce,
        Action::DuplicateNonce,
        Action::InvalidNonce,
        Action::TruncatedBody,
        Action::WrongType,
        Action::EndlessBody,
        Action::ContentType("text/html".to_owned()),
        Action::ExtraMembers,
        Action::NullMembers,
        Action::UnknownStatus("blue".to_owned()),
        Action::ExpireOrder,
        Action::ForgetOrder,
        Action::Redirect(redirect),
    ];
    prop_oneof![
        8 => select(plain.to_vec()),
        3 => refusal,
        2 => status,
        2 => member,
        1 => retry_after.prop_map(|value| Action::RetryAfter(value.to_owned())),
        1 => select(CHAINS).prop_map(Action::Chain),
        1 => problem.clone().prop_map(Action::InvalidateAuthorization),
        1 => problem.prop_map(Action::InvalidateOrder),
    ]
}

fn fault(count: std::ops::Range<u64>) -> impl Strategy<Value = Fault> {
    const OPERATIONS: &[Operation] = &[
        Operation::Directory,
        Operation::NewNonce,
        Operation::NewAccount,
        Operation::NewOrder,
        Operation::Order,
        Operation::Authorization,
        Operation::Challenge,
        Operation::Finalize,
        Operation::Certificate,
    ];
    (select(OPERATIONS), action(), count).prop_map(|(operation, action, nth)| {
        let operation = if is_for_ever(operation, &action) { Operation::Finalize } else { operation };
        Fault::on(operation, action).nth(nth)
    })
}

/// An order that is made and seems to want nothing is looked at for minutes.
fn is_for_ever(operation: Operation, action: &Action) -> bool {
    let Action::Member(MemberFault { name, .. }) = action else { return false };
    operation == Operation::NewOrder && ["authorizations", "status"].contains(&name.as_str())
}

/// One name: everything has its order.
fn one_name() -> impl Strategy<Value = Case> {
    (any::<u64>(), prop::collection::vec(fault(1..3), 0..8)).prop_map(|(seed, faults)| Case {
        seed,
        names: &["a.example"],
        faults,
    })
}

/// Several names: a fault befalls one name wherever requests go side by side.
fn several_names() -> impl Strategy<Value = Case> {
    let names: &'static [&'static str] = &["a.example", "b.example", "c.example", "d.example"];
    let fault = (fault(1..2), select(names)).prop_map(|(fault, name)| fault.identifier(name));
    (any::<u64>(), prop::collection::vec(fault, 0..5)).prop_map(move |(seed, faults)| Case {
        seed,
        names,
        faults,
    })
}

/// How many of the cases ended in a certificate.
fn check<S: Strategy<Value = Case>>(seed: u64, cases: u32, strategy: &S) -> u32
where
    S::Value: Debug,
{
    let runtime = Runtime::new().unwrap();
    let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
    let config = Runs { cases, failure_persistence: None, ..Runs::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let issued = Cell::new(0);
    let outcome = runner.run(strategy, |case| {
        issued.set(issued.get() + u32::from(compare(&runtime, &case)?));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("with the seed {seed}: {error}"));
    issued.get()
}

/// A seed that nobody has seen.
fn fresh() -> u64 {
    let mut runner = TestRunner::default();
    any::<u64>().new_tree(&mut runner).unwrap().current()
}

#[test]
fn same_faults_make_the_same_transcript() {
    let issued = check(1, 40, &one_name());
    assert!((8..=34).contains(&issued), "one kind of end is hardly met: {issued} of 40 were issued");
    check(fresh(), 8, &one_name());
}

#[test]
fn same_faults_befall_the_same_names() {
    let issued = check(2, 30, &several_names());
    assert!((4..=26).contains(&issued), "one kind of end is hardly met: {issued} of 30 were issued");
    check(fresh(), 4, &several_names());
}
