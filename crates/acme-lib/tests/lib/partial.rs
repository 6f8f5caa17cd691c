//! Names that a CA refuses, and the certificate for the others.

use acme_lib::{Account, IssueRequest, PrivateKey, ProblemKind, create_p256_key, proto};
use acme_testca::{Action, Config, Fault, Identifier, Operation, Problem, ProblemFault, TestCa};

use crate::issue::Desk;
use crate::world::{self, Notebook};

/// A CA that issues neither for wildcards nor for addresses.
fn picky() -> TestCa {
    let mut config = Config::gentle();
    (config.always_valid, config.wildcards, config.ip_identifiers) = (true, false, false);
    TestCa::builder().config(config).start().unwrap()
}

fn open(ca: &TestCa) -> Account {
    world::builder(ca).open().unwrap()
}

const NAMES: [&str; 4] = ["*.a.example", "a.example", "192.0.2.1", "b.example"];

#[test]
fn refused_names_are_left_out_where_that_is_allowed() {
    let ca = picky();
    let account = open(&ca);
    let mut notebook = Notebook::default();
    let request = IssueRequest::new(NAMES).allow_partial();
    let issuance = account.issuance(&request).journal(&mut notebook);
    let issued = issuance.run(&mut Desk::default()).unwrap();
    let names: Vec<String> = issued.certificate.info().names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a.example", "b.example"]);
    let out: Vec<_> =
        issued.left_out.iter().map(|out| (out.identifier.to_string(), out.problem.kind.clone())).collect();
    assert_eq!(out[0], ("*.a.example".to_string(), ProblemKind::RejectedIdentifier));
    assert_eq!(out[1], ("192.0.2.1".to_string(), ProblemKind::UnsupportedIdentifier));
    assert!(issued.left_out.iter().all(|out| out.problem.detail.is_some()));
    assert_eq!((out.len(), world::count(&ca, Operation::NewOrder)), (2, 2));

    // The key of the certificate is the one that was saved before the order was asked for.
    let saved = notebook.read().unwrap().intent;
    assert_eq!(saved.identifiers.len(), 2);
    let key = PrivateKey::from_pem(saved.private_key.unwrap().expose()).unwrap();
    assert!(issued.certificate.info().matches(key.as_ref()));
}

#[test]
fn refused_names_are_named_where_none_may_be_left_out() {
    let ca = picky();
    let account = open(&ca);
    let error = account.issue(&IssueRequest::new(NAMES), &mut Desk::default()).unwrap_err();
    let refused: Vec<String> =
        world::refusal(&error).refused_names().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(refused, ["*.a.example", "192.0.2.1"]);
    assert_eq!(world::count(&ca, Operation::NewOrder), 1);
}

#[test]
fn an_order_of_refused_names_only_is_refused() {
    let ca = picky();
    let account = open(&ca);
    let request = IssueRequest::new(["*.a.example", "192.0.2.1"]).allow_partial();
    account.issue(&request, &mut Desk::default()).unwrap_err();
    assert_eq!(world::count(&ca, Operation::NewOrder), 1);
}

#[test]
fn a_request_of_ones_own_is_not_changed() {
    let ca = picky();
    let account = open(&ca);
    let identifiers = IssueRequest::new(NAMES).identifiers().unwrap();
    let key = create_p256_key();
    let csr = acme_keys::CertificateSigningRequest::new(&identifiers, key.as_ref()).unwrap().into_der();
    let request = IssueRequest::new(NAMES).csr(csr).allow_partial();
    account.issuance(&request).run_for_chain(&mut Desk::default()).unwrap_err();
    assert_eq!(world::count(&ca, Operation::NewOrder), 1);
}

#[test]
fn an_interrupted_order_for_the_others_is_gone_on_with() {
    let ca = picky();
    let account = open(&ca);
    let request = IssueRequest::new(NAMES).allow_partial();
    // The third save is that of the order for the others.
    let mut notebook = Notebook { fails_at: Some(5), ..Notebook::default() };
    account.issuance(&request).journal(&mut notebook).run(&mut Desk::default()).unwrap_err();
    let left = notebook.read().unwrap();
    assert_eq!((left.intent.identifiers.len(), left.intent.left_out.len()), (2, 2));
    let mut notebook = Notebook { page: notebook.page, ..Notebook::default() };
    let issued = account.issuance(&request).journal(&mut notebook).run(&mut Desk::default()).unwrap();
    assert_eq!(issued.left_out.len(), 2);
    assert_eq!(ca.counts().orders, 1);
    // Whoever wants all names does not get fewer.
    let request = IssueRequest::new(NAMES);
    account.issuance(&request).journal(&mut notebook).run(&mut Desk::default()).unwrap_err();
}

/// A CA that finds fault with another name each time.
#[test]
fn an_order_is_asked_for_so_many_times() {
    let most = u64::from(proto::limits::MAX_PARTIAL_TRIES);
    for (refusals, is_issued) in [(most - 1, true), (most, false)] {
        let ca = world::gentle().start().unwrap();
        for nth in 1..=refusals {
            let own = Problem::new("rejectedIdentifier", 400, "as scripted")
                .about(Identifier::dns(format!("n{nth}.example")));
            let problem = Problem::new("rejectedIdentifier", 400, "as scripted").with_subproblems(vec![own]);
            let fault = Fault::on(Operation::NewOrder, Action::Problem(ProblemFault::from(problem)));
            ca.fault(fault.nth(nth));
        }
        let account = open(&ca);
        let request = IssueRequest::new((0..=most).map(|n| format!("n{n}.example"))).allow_partial();
        let outcome = account.issuance(&request).run(&mut Desk::default());
        assert_eq!(world::count(&ca, Operation::NewOrder) as u64, most);
        assert_eq!(outcome.is_ok(), is_issued);
        if let Ok(issued) = outcome {
            assert_eq!(issued.left_out.len() as u64, refusals);
        }
    }
}
