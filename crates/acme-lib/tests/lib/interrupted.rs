//! Issuances that do not come to their end at the first go.

use std::net::TcpListener;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use acme_lib::proto::{Challenge, SolverError};
use acme_lib::{
    Account, ChallengeType, Error, Event, Identifier, Interrupt, IssueRequest, KeyType, Solver, proto,
};
use acme_testca::{Action, Config, Fault, Moment, Operation, RetryAfter, TestCa};

use crate::issue::Desk;
use crate::world::{self, Notebook};

fn request() -> IssueRequest {
    IssueRequest::new(["a.example", "b.example"])
}

fn is_cancelled(error: &Error) -> bool {
    matches!(error.as_acme(), Some(proto::Error::Cancelled))
}

/// A CA that triggers an interrupt as soon as it has carried out a request.
fn interrupting(operation: Operation, interrupt: &Interrupt) -> TestCa {
    let mut config = Config::gentle();
    // The CA has no list of orders, as Let's Encrypt has none.
    (config.always_valid, config.orders_list) = (true, false);
    let interrupt = interrupt.clone();
    let hook = move |event: &acme_testca::Event| {
        if event.operation == operation && event.moment == Moment::After {
            interrupt.trigger();
        }
    };
    TestCa::builder().config(config).on_request(hook).start().unwrap()
}

#[test]
fn an_interrupt_ends_a_wait_and_leaves_nothing_behind() {
    // Somebody who never answers: the CA validates until we give up.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = Config::gentle();
    config.retry_after = RetryAfter::Seconds(50);
    let ca = TestCa::builder().config(config).http_port(silent.local_addr().unwrap().port()).start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let (interrupt, mut desk, mut notebook) = (Interrupt::new(), Desk::default(), Notebook::default());
    let (tell, told) = mpsc::channel();
    let mut observer = |event: &Event<'_>| {
        if let Event::Waiting(time) = event {
            tell.send(*time).unwrap();
        }
    };
    let trigger = interrupt.clone();
    let began = Instant::now();
    let error = std::thread::scope(|scope| {
        scope.spawn(move || {
            assert!(told.recv().unwrap() >= Duration::from_secs(50));
            trigger.trigger();
        });
        let request = request();
        let issuance = account.issuance(&request).observe(&mut observer).interrupt(&interrupt);
        issuance.journal(&mut notebook).run(&mut desk).unwrap_err()
    });
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(is_cancelled(&error), "{error:?}");
    assert!(desk.in_place.is_empty());
    // Two were read and both were given up, so that the order is of no more use.
    let requests = ca.requests();
    assert!(requests[requests.len() - 2..].iter().all(|one| one.operation == Operation::Authorization));
    assert_eq!(world::count(&ca, Operation::Authorization), 4);
    let left = notebook.read().unwrap();
    assert_eq!((left.order_url, left.presented.len()), (None, 0));
    // It stays triggered: the next one with it does not even begin.
    let requests = requests.len();
    let request = request();
    let error = account.issuance(&request).interrupt(&interrupt).run(&mut desk).unwrap_err();
    assert!(is_cancelled(&error));
    assert_eq!(ca.requests().len(), requests);
}

#[test]
fn an_interrupt_at_any_request_leaves_one_order_for_the_next_go() {
    for operation in [Operation::NewOrder, Operation::Finalize, Operation::Order] {
        let interrupt = Interrupt::new();
        let ca = interrupting(operation, &interrupt);
        let account = world::builder(&ca).open().unwrap();
        let (request, mut notebook, mut desk) = (request(), Notebook::default(), Desk::default());
        let first = account.issuance(&request).journal(&mut notebook).interrupt(&interrupt).run(&mut desk);
        assert!(first.as_ref().is_err_and(is_cancelled), "{operation:?}: {first:?}");
        assert!(desk.in_place.is_empty(), "{operation:?}");
        account.issuance(&request).journal(&mut notebook).run(&mut desk).unwrap();
        assert_eq!(ca.counts().orders_finalized, 1, "{operation:?}");
    }
}

/// A process that is killed says no farewell: the panic of an observer is as near as a test gets.
#[test]
fn a_crash_at_any_step_costs_nothing() {
    let mut crashes = 0;
    for step in 1.. {
        if !crash_at(step) {
            break;
        }
        crashes += 1;
    }
    println!("{crashes} crashes");
    assert!(crashes >= 11);
}

/// Whether there was such a step.
fn crash_at(step: usize) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("account.pem");
    let mut config = Config::gentle();
    (config.always_valid, config.finalize) = (true, acme_testca::Finalize::AfterPolls(0));
    let ca = TestCa::builder().config(config).start().unwrap();
    let open = || world::builder(&ca).key_file(&key_file).open().unwrap();
    let (request, mut notebook, mut desk) = (request(), Notebook::default(), Desk::default());
    let mut steps = 0;
    let mut observer = |_: &Event<'_>| {
        steps += 1;
        if steps == step {
            // Without the hook that writes about panics.
            panic::resume_unwind(Box::new("a crash"));
        }
    };
    let account: Account = open();
    let first = panic::catch_unwind(AssertUnwindSafe(|| {
        account.issuance(&request).journal(&mut notebook).observe(&mut observer).run(&mut desk)
    }));
    if first.is_ok() {
        return false;
    }
    // The responses are still where they were, as those of a web server are.
    let key = notebook.read().and_then(|page| page.intent.private_key);
    let issued = open().issuance(&request).journal(&mut notebook).run(&mut desk).unwrap();
    if let Some(key) = key {
        assert_eq!(issued.certificate.private_key(), key.expose(), "crash at step {step}");
    }
    let counts = ca.counts();
    let found = (counts.accounts, counts.orders, counts.orders_finalized, counts.certificates);
    assert_eq!(found, (1, 1, 1, 1), "crash at step {step}");
    assert!(desk.in_place.is_empty(), "crash at step {step}");
    true
}

#[test]
fn a_save_that_fails_ends_it_and_the_next_go_takes_the_same_order() {
    for fails_at in 1..=3 {
        let ca = world::gentle().start().unwrap();
        let account = world::builder(&ca).open().unwrap();
        let mut notebook = Notebook { fails_at: Some(fails_at), ..Notebook::default() };
        let (request, mut desk) = (request(), Desk::default());
        let error = account.issuance(&request).journal(&mut notebook).run(&mut desk).unwrap_err();
        assert!(matches!(error.as_acme(), Some(proto::Error::Store(_))), "{error:?}");
        assert!(error.is_temporary());
        assert!(desk.in_place.is_empty());
        account.issuance(&request).journal(&mut notebook).run(&mut desk).unwrap();
        assert_eq!((ca.counts().orders, ca.counts().orders_finalized), (1, 1), "save {fails_at}");
    }
}

/// The certificate of a finalize whose response was lost is for the key that is in the journal.
#[test]
fn a_certificate_that_was_issued_unheard_is_fetched_later() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    ca.fault(Fault::on(Operation::Finalize, Action::LoseResponse));
    ca.fault(Fault::on(Operation::Order, Action::Drop).nth(2).always());
    let (request, mut notebook, mut desk) = (request(), Notebook::default(), Desk::default());
    let error = account.issuance(&request).journal(&mut notebook).run(&mut desk).unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    assert!(desk.in_place.is_empty());
    ca.clear_faults();
    let issued = account.issuance(&request).journal(&mut notebook).run(&mut desk).unwrap();
    assert_eq!((ca.counts().orders, ca.counts().orders_finalized), (1, 1));
    assert_eq!(issued.certificate.certificate_der(), ca.issued()[0].der);
}

/// A journal of another request is no journal of this one, but for what has to be taken away.
#[test]
fn another_request_begins_anew_and_takes_away_what_was_left() {
    struct Left(Desk);
    impl Solver for Left {
        fn challenge_types(&self, name: &Identifier) -> Vec<ChallengeType> {
            self.0.challenge_types(name)
        }
        fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
            self.0.present(challenges)
        }
        fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
            challenges.iter().map(|_| Err(SolverError::temporary("the web server is down"))).collect()
        }
    }
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let mut notebook = Notebook::default();
    let mut left = Left(Desk::default());
    let first = request();
    let issued = account.issuance(&first).journal(&mut notebook).run(&mut left).unwrap();
    assert_eq!((issued.left_in_place.len(), left.0.in_place.len()), (2, 2));
    assert_eq!(notebook.read().unwrap().presented.len(), 2);
    let other = request().key_type(KeyType::EcdsaP384);
    let issued = account.issuance(&other).journal(&mut notebook).run(&mut left.0).unwrap();
    assert!(issued.left_in_place.is_empty());
    assert!(left.0.in_place.is_empty());
    assert_eq!(ca.counts().orders, 2);
}

/// What the CA said before the interrupt was heard is not thrown away.
#[test]
fn an_interrupt_beside_new_order_does_not_lose_the_order() {
    let interrupt = Interrupt::new();
    let ca = interrupting(Operation::NewOrder, &interrupt);
    let account = world::builder(&ca).open().unwrap();
    let (request, mut notebook) = (request(), Notebook::default());
    let issuance = account.issuance(&request).journal(&mut notebook).interrupt(&interrupt);
    assert!(is_cancelled(&issuance.run(&mut Desk::default()).unwrap_err()));
    assert!(notebook.read().unwrap().order_url.is_some(), "the order is lost");
    account.issuance(&request).journal(&mut notebook).run(&mut Desk::default()).unwrap();
    assert_eq!((ca.counts().orders, ca.counts().orders_finalized), (1, 1));
}

#[test]
fn an_interrupt_beside_the_download_comes_too_late() {
    let interrupt = Interrupt::new();
    let ca = interrupting(Operation::Certificate, &interrupt);
    let account = world::builder(&ca).open().unwrap();
    let (request, mut desk) = (request(), Desk::default());
    let issued = account.issuance(&request).interrupt(&interrupt).run(&mut desk).unwrap();
    assert!(issued.left_in_place.is_empty());
    assert!(desk.in_place.is_empty());
}

#[test]
fn an_interrupt_beside_the_withdrawal_comes_too_late() {
    struct Trigger(Desk, Interrupt);
    impl Solver for Trigger {
        fn challenge_types(&self, name: &Identifier) -> Vec<ChallengeType> {
            self.0.challenge_types(name)
        }
        fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
            self.0.present(challenges)
        }
        fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
            self.1.trigger();
            self.0.withdraw(challenges)
        }
    }
    let interrupt = Interrupt::new();
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let (request, mut solver) = (request(), Trigger(Desk::default(), interrupt.clone()));
    let issued = account.issuance(&request).interrupt(&interrupt).run(&mut solver).unwrap();
    assert!(interrupt.is_triggered());
    assert!(issued.left_in_place.is_empty(), "{:?}", issued.left_in_place);
    assert!(solver.0.in_place.is_empty());
}
