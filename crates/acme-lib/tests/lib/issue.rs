//! One certificate in one call.

use std::collections::BTreeSet;

use acme_keys::{CertificateKey, CertificateSigningRequest};
use acme_lib::persist::MemoryPersist;
use acme_lib::proto::{Challenge, SolverError};
use acme_lib::{
    ChallengeType, Error, Event, Http01, Identifier, IssueRequest, KeyType, PrivateKey, ProblemKind, Solver,
    proto,
};
use acme_testca::{Action, Config, Fault, Operation, Problem, TestCa};
use jiff::{SignedDuration, Timestamp};

use crate::world::{self, Notebook};

/// Somebody who puts nothing anywhere, and knows what would be there.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) in_place: BTreeSet<String>,
    pub(crate) refuses: bool,
}

impl Solver for Desk {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Http01, ChallengeType::Dns01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.in_place.extend(challenges.iter().map(|one| one.token.clone()));
        let refuse = |_| if self.refuses { Err(SolverError::permanent("the desk is full")) } else { Ok(()) };
        challenges.iter().map(refuse).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        for challenge in challenges {
            self.in_place.remove(&challenge.token);
        }
        challenges.iter().map(|_| Ok(())).collect()
    }
}

#[test]
fn a_certificate_is_issued_by_the_paved_path() {
    let mut solver = Http01::bind("127.0.0.1:0").unwrap();
    let ca = TestCa::builder().http_port(solver.local_addr().port()).start().unwrap();
    let account = world::builder(&ca).agree_to_terms().open().unwrap();
    let request = IssueRequest::new(["example.test", "www.example.test"]);
    let certificate = account.issue(&request, &mut solver).unwrap();
    assert_eq!(certificate.info().names.len(), 2);
    assert_eq!(certificate.certificate_der(), ca.issued()[0].der);
}

#[test]
fn what_is_asked_for_is_what_comes() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    for key_type in KeyType::ALL {
        let request = IssueRequest::new(["a.example", "*.a.example"]).key_type(key_type);
        let certificate = account.issue(&request, &mut Desk::default()).unwrap();
        let key = CertificateKey::from_pem(certificate.private_key()).unwrap();
        assert_eq!(key.key_type(), key_type);
    }
    let key = PrivateKey::generate(KeyType::EcdsaP384).unwrap();
    let request = IssueRequest::new(["a.example"]).private_key(key.clone());
    let certificate = account.issue(&request, &mut Desk::default()).unwrap();
    assert_eq!(certificate.private_key(), key.to_pem());
    let day = SignedDuration::from_secs(24 * 3600);
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap();
    let (from, until) = (whole(Timestamp::now() + day), whole(Timestamp::now() + day * 30));
    let request = IssueRequest::new(["a.example"]).not_before(from).not_after(until);
    let certificate = account.issue(&request, &mut Desk::default()).unwrap();
    assert_eq!((certificate.info().not_before, certificate.info().not_after), (from, until));
}

#[test]
fn a_csr_from_elsewhere_keeps_its_key_there() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let names = ["a.example".parse().unwrap()];
    let csr = CertificateSigningRequest::new(&names, &key).unwrap().into_der();
    let request = IssueRequest::new(["a.example"]).csr(csr.clone());
    let issued = account.issuance(&request).run_for_chain(&mut Desk::default()).unwrap();
    assert!(issued.private_key_pem.is_none());
    let info = acme_lib::CertificateInfo::from_pem(&issued.chain_pem).unwrap();
    assert!(info.matches(&key));
    // One for other names is refused here.
    let orders = ca.counts().orders;
    let request = IssueRequest::new(["b.example"]).csr(csr);
    assert!(account.issuance(&request).run_for_chain(&mut Desk::default()).is_err());
    assert_eq!(ca.counts().orders, orders);
}

#[test]
fn a_certificate_is_kept_where_the_account_has_a_store() {
    let ca = world::gentle().start().unwrap();
    let account = world::directory(&ca, MemoryPersist::new()).account(world::EMAIL).unwrap();
    let request = IssueRequest::new(["Example.test", "www.example.test"]);
    let certificate = account.issue(&request, &mut Desk::default()).unwrap();
    assert_eq!(account.certificate("Example.test").unwrap(), Some(certificate));
}

#[test]
fn what_happens_is_told_in_order() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let mut told = Vec::new();
    let mut observer = |event: &Event<'_>| {
        told.push(match event {
            Event::Presenting(challenges) => format!("present {}", challenges.len()),
            Event::Requesting { operation, count } => format!("{operation} x {count}"),
            Event::Saving(checkpoint) => format!("save {}", checkpoint.presented.len()),
            Event::Waiting(time) => format!("wait {time:?}"),
            Event::Withdrawing(challenges) => format!("withdraw {}", challenges.len()),
            other => format!("{other:?}"),
        });
    };
    let request = IssueRequest::new(["a.example", "b.example"]);
    let mut desk = Desk::default();
    account.issuance(&request).observe(&mut observer).run(&mut desk).unwrap();
    assert_eq!(
        told,
        [
            "save 0",
            "newOrder x 2",
            "save 0",
            "authorization x 2",
            "save 2",
            "present 2",
            "challenge x 2",
            "order x 1",
            "finalize x 1",
            "certificate x 1",
            "withdraw 2"
        ]
    );
}

#[test]
fn names_that_can_not_be_certified_are_refused_before_any_request() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let requests = ca.requests().len();
    assert!(account.issue(&IssueRequest::new(["a/b"]), &mut Desk::default()).is_err());
    assert!(account.issue(&IssueRequest::new(Vec::<String>::new()), &mut Desk::default()).is_err());
    let many = (0..1001).map(|n| format!("n{n}.example"));
    assert!(account.issue(&IssueRequest::new(many), &mut Desk::default()).is_err());
    assert_eq!(ca.requests().len(), requests);
    // A name given twice counts once.
    let request = IssueRequest::new(["a.example", "A.example."]);
    assert_eq!(account.issue(&request, &mut Desk::default()).unwrap().info().names.len(), 1);
}

#[test]
fn a_solver_that_fails_ends_it_and_is_cleaned_up_after() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let mut desk = Desk { refuses: true, ..Desk::default() };
    let error = account.issue(&IssueRequest::new(["a.example"]), &mut desk).unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Solver { .. })), "{error:?}");
    assert!(desk.in_place.is_empty());
    assert_eq!(world::count(&ca, Operation::Challenge), 0);
}

#[test]
fn a_wrong_response_ends_in_the_reason_of_each_name() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    for name in ["a.example", "b.example"] {
        let problem = Problem::new("dns", 400, format!("no such name: {name}"));
        let fault = Fault::on(Operation::Challenge, Action::InvalidateAuthorization(problem));
        ca.fault(fault.identifier(name));
    }
    let mut desk = Desk::default();
    let request = IssueRequest::new(["a.example", "b.example", "c.example"]);
    let error = account.issue(&request, &mut desk).unwrap_err();
    let refusal = world::refusal(&error);
    assert_eq!(refusal.problem.kind, ProblemKind::Dns);
    assert_eq!(refusal.others.len(), 1);
    assert!(desk.in_place.is_empty());
    assert!(!error.is_temporary());
}

#[test]
fn a_name_that_nothing_is_set_up_for_is_named() {
    let mut solver = Http01::bind("127.0.0.1:0").unwrap();
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let error = account.issue(&IssueRequest::new(["*.a.example"]), &mut solver).unwrap_err();
    assert_eq!(error.to_string(), "for *.a.example the CA offers dns-01, and none of these is set up");
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let problem = acme_testca::ProblemFault::from(Problem::new("rateLimited", 429, "too many"));
    let problem = problem.retry_after("3600").help("https://ca.test/limits");
    ca.fault(Fault::on(Operation::NewOrder, Action::Problem(problem)));
    let error = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.retry_after().map(|time| time.as_secs()), Some(3600));
    assert_eq!(world::refusal(&error).help, ["https://ca.test/limits"]);
    assert_eq!(world::count(&ca, Operation::NewOrder), 1);
}

/// Two threads, one account: nonces and connections are shared.
#[test]
fn an_account_serves_several_threads() {
    let mut config = Config::default();
    config.always_valid = true;
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let account = account.clone();
            scope.spawn(move || {
                for n in 0..3 {
                    let request = IssueRequest::new([format!("n{n}.t{thread}.example")]);
                    account.issue(&request, &mut Desk::default()).unwrap();
                }
            });
        }
    });
    assert_eq!((ca.counts().orders_finalized, ca.counts().accounts), (12, 1));
}

/// Whoever made the certificate known forgets the journal: until then it is the same certificate.
#[test]
fn a_journal_gives_the_same_certificate_until_it_is_cleared() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let mut notebook = Notebook::default();
    let request = IssueRequest::new(["a.example"]);
    let issue = |notebook: &mut Notebook| {
        account.issuance(&request).journal(notebook).run(&mut Desk::default()).unwrap().certificate
    };
    let first = issue(&mut notebook);
    assert_eq!(issue(&mut notebook), first);
    assert_eq!(ca.counts().orders_finalized, 1);
    *notebook.page.lock().unwrap() = None;
    assert_ne!(issue(&mut notebook), first);
}

#[test]
fn a_journal_that_can_not_be_read_ends_it_before_any_request() {
    struct Unreadable;
    impl acme_lib::Journal for Unreadable {
        fn load(&mut self) -> Result<Option<acme_lib::Checkpoint>, proto::StoreError> {
            Err(proto::StoreError::permanent("the page is torn"))
        }
        fn save(&mut self, _: &acme_lib::Checkpoint) -> Result<(), proto::StoreError> {
            Ok(())
        }
    }
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let requests = ca.requests().len();
    let request = IssueRequest::new(["a.example"]);
    let mut journal = Unreadable;
    let error = account.issuance(&request).journal(&mut journal).run(&mut Desk::default()).unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Store(_))), "{error:?}");
    assert_eq!(ca.requests().len(), requests);
}

/// There is no key to return, which is known before a certificate is spent.
#[test]
fn a_csr_from_elsewhere_gives_no_certificate_with_its_key() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let csr = CertificateSigningRequest::new(&["a.example".parse().unwrap()], &key).unwrap().into_der();
    let request = IssueRequest::new(["a.example"]).csr(csr);
    let error = account.issue(&request, &mut Desk::default()).unwrap_err();
    assert!(matches!(error, Error::NoPrivateKey), "{error:?}");
    assert_eq!((ca.counts().orders, ca.counts().certificates), (0, 0));
}
