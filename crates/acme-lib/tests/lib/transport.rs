//! An HTTP client of the program's own: here one that needs no network.

use std::sync::{Arc, Mutex};

use acme_lib::persist::MemoryPersist;
use acme_lib::proto::{Challenge, Delivery, Exchange, SolverError, TransportError, TransportErrorKind};
use acme_lib::{
    Account, ChallengeType, Directory, DirectoryUrl, Identifier, IssueRequest, Solver, Transport,
    TransportResults,
};
use acme_testca::{AlwaysValid, Ca, Config};
use jiff::Timestamp;

const DIRECTORY: &str = "https://ca.test/directory";

/// Hands requests to a CA in the process.
#[derive(Clone)]
struct InProcess {
    ca: Arc<Mutex<Ca>>,
}

impl InProcess {
    fn new() -> Self {
        let mut config = Config::gentle();
        config.base_url = "https://ca.test".to_owned();
        let mut ca = Ca::new(config, Timestamp::now()).unwrap();
        ca.set_always_valid(AlwaysValid::On);
        Self { ca: Arc::new(Mutex::new(ca)) }
    }

    fn exchange(&self, exchange: &Exchange) -> Result<http::Response<Vec<u8>>, TransportError> {
        let reply = self.ca.lock().unwrap().handle(&exchange.request, Timestamp::now());
        let closed = || TransportError::new(Delivery::Unknown, TransportErrorKind::Io, "closed");
        reply.into_response().ok_or_else(closed)
    }
}

impl Transport for InProcess {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults {
        exchanges.iter().map(|exchange| self.exchange(exchange)).collect()
    }
}

/// Nothing has to be in place at a CA that takes every answer for right.
struct Nothing;

impl Solver for Nothing {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Http01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}

#[test]
fn certificate_comes_through_a_client_of_ones_own() {
    let transport = InProcess::new();
    let builder = Account::builder(DirectoryUrl::Other(DIRECTORY)).transport(transport.clone());
    let account = builder.agree_to_terms().open().unwrap();
    let request = IssueRequest::new(["www.example.test", "example.test"]);
    let certificate = account.issue(&request, &mut Nothing).unwrap();
    assert_eq!(certificate.info().names.len(), 2);
    let issued = transport.ca.lock().unwrap().issued();
    assert_eq!(issued.len(), 1);
    let directory = Directory::builder(DirectoryUrl::Other(DIRECTORY))
        .transport(transport)
        .persist(MemoryPersist::new())
        .connect()
        .unwrap();
    assert!(directory.api_directory().newAccount.starts_with("https://ca.test/"));
}

#[test]
fn failure_of_the_client_is_the_error() {
    struct Offline;

    impl Transport for Offline {
        fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults {
            let refuse = |_| {
                Err(TransportError::new(Delivery::NotSent, TransportErrorKind::Untrusted, "no network today"))
            };
            exchanges.into_iter().map(refuse).collect()
        }
    }

    let error = Account::builder(DirectoryUrl::Other(DIRECTORY)).transport(Offline).open().unwrap_err();
    let mut chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    assert!(chain.any(|error| error.to_string() == "no network today"), "{error:?}");
}
