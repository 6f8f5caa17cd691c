//! Both libraries do the same.

use acme_testca::{Action, Config, Fault, Operation, Problem, ProblemFault, StatusFault, TestCa};
use tokio::task::spawn_blocking;

use crate::world::{self, Desk};

/// What a CA saw: what each request was for, and its answer.
type Transcript = Vec<(Operation, Option<u16>)>;

fn transcript(ca: &TestCa) -> Transcript {
    ca.requests().into_iter().map(|request| (request.operation, request.status)).collect()
}

fn start(seed: u64, faults: &[Fault]) -> TestCa {
    let mut config = Config::default();
    (config.always_valid, config.seed) = (true, seed);
    let builder = TestCa::builder().config(config);
    faults.iter().cloned().fold(builder, |builder, fault| builder.fault(fault)).start().unwrap()
}

fn blocking(ca: &TestCa, names: &[&str]) -> (Transcript, Result<(), String>) {
    let url = acme_lib::DirectoryUrl::Other(ca.directory_url());
    let account = acme_lib::Account::builder(url).root_pem(ca.root_pem()).agree_to_terms().open();
    let issued = account.and_then(|account| {
        account.issue(&acme_lib::IssueRequest::new(names.iter().copied()), &mut Desk::default())
    });
    (transcript(ca), issued.map(drop).map_err(|error| error.to_string()))
}

async fn asynchronous(ca: &TestCa, names: &[&str]) -> (Transcript, Result<(), String>) {
    let issued = match world::builder(ca).agree_to_terms().open().await {
        Ok(account) => {
            let request = acme_tokio::IssueRequest::new(names.iter().copied());
            account.issue(&request, &mut Desk::default()).await
        }
        Err(error) => Err(error),
    };
    (transcript(ca), issued.map(drop).map_err(|error| error.to_string()))
}

/// Faults by number; none at all is one of the scripts.
fn script(number: u64) -> Vec<Fault> {
    let problem =
        |kind, status| Action::Problem(ProblemFault::from(Problem::new(kind, status, "as scripted")));
    match number % 6 {
        1 => vec![
            Fault::on(Operation::NewOrder, Action::LoseResponse),
            Fault::on(Operation::Finalize, Action::LoseResponse),
        ],
        2 => vec![Fault::on(Operation::Authorization, Action::Status(StatusFault::new(503)))],
        3 => vec![Fault::on(Operation::NewOrder, problem("rejectedIdentifier", 400))],
        4 => vec![Fault::on(
            Operation::Challenge,
            Action::InvalidateAuthorization(Problem::new("dns", 400, "none")),
        )],
        5 => vec![Fault::on(Operation::Certificate, Action::LoseResponse)],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn same_seed_and_script_make_the_same_requests() {
    for seed in 0..24 {
        let faults = script(seed);
        let ca = start(seed, &faults);
        let expected = spawn_blocking(move || blocking(&ca, &["a.example"])).await.unwrap();
        let ca = start(seed, &faults);
        assert_eq!(asynchronous(&ca, &["a.example"]).await, expected, "seed {seed}");
        assert!(expected.0.len() > 3 && expected.1.is_ok() != [3, 4].contains(&(seed % 6)), "{expected:?}");
    }
}

/// Requests of one round arrive in any order, so that chance is left out, and the counts compared.
#[tokio::test]
async fn rounds_are_the_same() {
    let names = ["a.example", "b.example", "c.example", "*.a.example"];
    let sorted = |(mut transcript, issued): (Transcript, Result<(), String>)| {
        transcript.sort_by_key(|(operation, status)| (format!("{operation:?}"), *status));
        issued.map(|()| transcript).unwrap()
    };
    let ca = world::gentle().start().unwrap();
    let expected = spawn_blocking(move || blocking(&ca, &names)).await.unwrap();
    let ca = world::gentle().start().unwrap();
    assert_eq!(sorted(asynchronous(&ca, &names).await), sorted(expected));
}
