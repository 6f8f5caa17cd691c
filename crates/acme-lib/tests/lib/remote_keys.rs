//! Keys that are not in this process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use acme_lib::CertificateSigningRequest;
use acme_lib::proto::{Algorithm, SignError, Signer as _, ToSign};
use acme_lib::{AccountKey, IssueRequest, RemoteSigner, external_key, proto};
use acme_testca::{Action, Fault, Operation};

use crate::issue::Desk;
use crate::world;

/// A service with one key, which can be made to wait.
#[derive(Clone)]
struct Service {
    key: Arc<AccountKey>,
    signatures: Arc<AtomicUsize>,
    held: Arc<Mutex<Option<Held>>>,
    error: Arc<Mutex<Option<SignError>>>,
}

/// The next message waits: who asks is told, and is then let go.
struct Held {
    is_asked: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Service {
    fn new(algorithm: Algorithm) -> Self {
        Self {
            key: Arc::new(AccountKey::generate(algorithm).unwrap()),
            signatures: Arc::default(),
            held: Arc::default(),
            error: Arc::default(),
        }
    }
}

impl RemoteSigner for Service {
    fn sign(&self, messages: &[ToSign]) -> Vec<Result<Vec<u8>, SignError>> {
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            held.is_asked.send(()).unwrap();
            held.go_on.recv().unwrap();
        }
        let sign = |message: &ToSign| {
            assert_eq!(message.key, "hsm/account");
            self.signatures.fetch_add(1, Ordering::Relaxed);
            match self.error.lock().unwrap().take() {
                Some(error) => Err(error),
                None => self.key.sign(&message.message),
            }
        };
        messages.iter().map(sign).collect()
    }
}

fn open(ca: &acme_testca::TestCa, service: &Service) -> acme_lib::Result<acme_lib::Account> {
    let key = external_key("hsm/account", service.key.public_key_der()).unwrap();
    assert_eq!(key.jwk, *service.key.jwk());
    world::builder(ca).remote_key(key, service.clone()).open()
}

#[test]
fn every_kind_of_key_signs_from_elsewhere() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256] {
        let ca = world::gentle().start().unwrap();
        let service = Service::new(algorithm);
        let account = open(&ca, &service).unwrap();
        account.issue(&IssueRequest::new(["a.example", "b.example"]), &mut Desk::default()).unwrap();
        assert_eq!((open(&ca, &service).unwrap().url(), ca.counts().accounts), (account.url(), 1));
        assert_eq!(account.acme_private_key_pem(), "");
        assert!(service.signatures.load(Ordering::Relaxed) >= 8);
    }
}

/// Neither key is here: the request is signed where the certificate's key is.
#[test]
fn certificate_key_may_be_elsewhere_too() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        let ca = world::gentle().start().unwrap();
        let account = open(&ca, &Service::new(Algorithm::Es256)).unwrap();
        let key = AccountKey::generate(algorithm).unwrap();
        let names = ["a.example".parse().unwrap()];
        let csr = CertificateSigningRequest::signed_by(&names, &key).unwrap();
        assert_eq!((csr.names(), csr.public_key_der()), (&names[..], key.public_key_der()));
        let request = IssueRequest::new(["a.example"]).csr(csr.into_der());
        let issued = account.issuance(&request).run_for_chain(&mut Desk::default()).unwrap();
        let info = acme_lib::CertificateInfo::from_pem(&issued.chain_pem).unwrap();
        assert_eq!(info.names, names);
    }
}

#[test]
fn slow_signature_stops_no_other_flow() {
    let ca = world::gentle().start().unwrap();
    let service = Service::new(Algorithm::Es256);
    let account = open(&ca, &service).unwrap();
    let (tell, asked) = mpsc::channel();
    let (let_go, go_on) = mpsc::channel();
    *service.held.lock().unwrap() = Some(Held { is_asked: tell, go_on });
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| account.read().unwrap());
        asked.recv().unwrap();
        // The first request waits for its signature, and a whole issuance comes and goes.
        account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap();
        assert!(!slow.is_finished());
        let_go.send(()).unwrap();
        slow.join().unwrap();
    });
}

#[test]
fn key_that_does_not_sign_is_an_error_of_its_own() {
    let ca = world::gentle().start().unwrap();
    let service = Service::new(Algorithm::Es256);
    let account = open(&ca, &service).unwrap();
    for is_temporary in [true, false] {
        let error = if is_temporary { SignError::temporary("busy") } else { SignError::permanent("revoked") };
        *service.error.lock().unwrap() = Some(error);
        let error = account.read().unwrap_err();
        assert!(matches!(error.as_acme(), Some(proto::Error::Sign(_))), "{error:?}");
        assert_eq!(error.is_temporary(), is_temporary);
    }
    account.read().unwrap();
}

#[test]
fn key_from_elsewhere_gives_way_to_one_in_memory() {
    let ca = world::gentle().start().unwrap();
    let service = Service::new(Algorithm::Es256);
    let account = open(&ca, &service).unwrap();
    let new_key = AccountKey::generate(Algorithm::Es256).unwrap();
    let pem = new_key.to_pem().expose().to_owned();
    ca.fault(Fault::on(Operation::KeyChange, Action::LoseResponse));
    account.change_key(new_key).unwrap();
    assert_eq!(account.acme_private_key_pem(), pem);
    let signatures = service.signatures.load(Ordering::Relaxed);
    account.read().unwrap();
    assert_eq!(service.signatures.load(Ordering::Relaxed), signatures);
}
