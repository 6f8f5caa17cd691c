//! One certificate in one call.

use std::sync::Arc;
use std::time::Duration;

use acme_keys::{CertificateKey, CertificateSigningRequest};
use acme_testca::{Action, Config, Fault, Operation, RetryAfter, TestCa};
use acme_tokio::{Event, Http01, Interrupt, IssueRequest, KeyType, PrivateKey, Threaded, proto};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::world::{self, Desk, Notebook};

#[tokio::test]
async fn certificate_is_issued_by_the_paved_path() {
    let mut solver = Http01::bind("127.0.0.1:0").await.unwrap();
    let ca = TestCa::builder().http_port(solver.local_addr().port()).start().unwrap();
    let account = world::builder(&ca).agree_to_terms().open().await.unwrap();
    let request = IssueRequest::new(["example.test", "www.example.test", "Example.test."]);
    let certificate = account.issue(&request, &mut solver).await.unwrap();
    assert_eq!(certificate.info().names.len(), 2);
    assert_eq!(certificate.certificate_der(), ca.issued()[0].der);
    assert!(certificate.renew_after() > certificate.info().not_before);
    let same = acme_tokio::Certificate::from_pem(
        certificate.private_key().to_owned(),
        certificate.certificate().to_owned(),
    );
    assert_eq!(same.unwrap(), certificate);
}

#[tokio::test]
async fn solver_for_threads_will_do() {
    let solver = acme_solver::Http01::bind("127.0.0.1:0").unwrap();
    let ca = TestCa::builder().http_port(solver.local_addr().port()).start().unwrap();
    let account = world::builder(&ca).agree_to_terms().open().await.unwrap();
    let solver = Arc::new(Mutex::new(Threaded::new(solver)));
    for name in ["a.test", "b.test"] {
        account.issuance(&IssueRequest::new([name])).run_locked(&solver).await.unwrap();
    }
    assert_eq!(ca.counts().orders_finalized, 2);
}

#[tokio::test]
async fn what_is_asked_for_is_what_comes() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Rsa2048] {
        let request = IssueRequest::new(["a.example", "*.a.example"]).key_type(key_type);
        let certificate = account.issue(&request, &mut Desk::default()).await.unwrap();
        let key = CertificateKey::from_pem(certificate.private_key()).unwrap();
        assert_eq!(key.key_type(), key_type);
    }
    let key = PrivateKey::generate(KeyType::EcdsaP384).unwrap();
    let request = IssueRequest::new(["a.example"]).private_key(key.clone());
    let certificate = account.issue(&request, &mut Desk::default()).await.unwrap();
    assert_eq!(certificate.private_key(), key.to_pem());
    // A CSR from elsewhere keeps its key there.
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let csr = CertificateSigningRequest::new(&["a.example".parse().unwrap()], &key).unwrap().into_der();
    let request = IssueRequest::new(["a.example"]).csr(csr);
    let issued = account.issuance(&request).run_for_chain(&mut Desk::default()).await.unwrap();
    assert!(issued.private_key_pem.is_none());
    assert!(acme_tokio::CertificateInfo::from_pem(&issued.chain_pem).unwrap().matches(&key));
    let orders = ca.counts().orders;
    let error = account.issue(&request, &mut Desk::default()).await.unwrap_err();
    assert!(matches!(error, acme_tokio::Error::NoPrivateKey));
    for request in [IssueRequest::new(["a/b"]), IssueRequest::new(Vec::<String>::new())] {
        assert!(account.issue(&request, &mut Desk::default()).await.is_err());
    }
    assert_eq!(ca.counts().orders, orders);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_accounts_share_a_client() {
    let mut config = Config::default();
    config.always_valid = true;
    let ca = TestCa::builder().config(config).start().unwrap();
    let client = acme_tokio::AsyncClient::builder().root_pem(ca.root_pem()).build_async().unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let builder = world::builder(&ca).agree_to_terms().transport(client.clone());
        tasks.spawn(async move {
            let account = builder.open().await.unwrap();
            let mut issuances = JoinSet::new();
            for name in ["a", "b", "c"] {
                let account = account.clone();
                let request = IssueRequest::new([format!("{name}.n{number}.example")]);
                issuances.spawn(async move { account.issue(&request, &mut Desk::default()).await });
            }
            issuances.join_all().await.into_iter().for_each(|issued| drop(issued.unwrap()));
        });
    }
    tasks.join_all().await;
    let counts = ca.counts();
    assert_eq!((counts.orders_finalized, counts.accounts), (24, 8));
    assert!(counts.connections <= 16, "{} connections", counts.connections);
}

#[tokio::test]
async fn lost_responses_are_settled_by_reading() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    for operation in [Operation::NewOrder, Operation::Challenge, Operation::Finalize, Operation::Certificate]
    {
        ca.fault(Fault::on(operation, Action::LoseResponse));
    }
    let mut desk = Desk::default();
    account.issue(&IssueRequest::new(["a.example", "b.example"]), &mut desk).await.unwrap();
    assert_eq!(ca.counts().orders_finalized, 1);
    assert!(desk.is_empty());
}

#[tokio::test]
async fn interrupt_ends_a_wait_and_leaves_nothing_behind() {
    // Somebody who never answers: the CA validates until we give up.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = Config::gentle();
    config.retry_after = RetryAfter::Seconds(50);
    let ca = TestCa::builder().config(config).http_port(silent.local_addr().unwrap().port()).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let (interrupt, mut desk, mut notebook) = (Interrupt::new(), Desk::default(), Notebook::default());
    let trigger = interrupt.clone();
    let mut observer = move |event: &Event<'_>| {
        if matches!(event, Event::Waiting(_)) {
            let trigger = trigger.clone();
            tokio::spawn(async move { trigger.trigger() });
        }
    };
    let request = IssueRequest::new(["a.example", "b.example"]);
    let issuance = account.issuance(&request).observe(&mut observer).interrupt(&interrupt);
    let issuing = issuance.journal(&mut notebook).run(&mut desk);
    let error = tokio::time::timeout(Duration::from_secs(20), issuing).await.unwrap().unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Cancelled)), "{error:?}");
    assert!(desk.is_empty());
    let left = notebook.page.lock().unwrap().clone().unwrap();
    assert_eq!((left.order_url, left.presented.len()), (None, 0));
}

#[tokio::test]
async fn journal_that_is_full_ends_it_before_the_order() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let mut notebook = Notebook { is_full: true, ..Notebook::default() };
    let request = IssueRequest::new(["a.example"]);
    let issuance = account.issuance(&request).journal(&mut notebook);
    let error = issuance.run(&mut Desk::default()).await.unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Store(_))), "{error:?}");
    assert_eq!(world::count(&ca, Operation::NewOrder), 0);
}
