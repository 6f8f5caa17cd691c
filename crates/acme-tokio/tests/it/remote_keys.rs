//! Keys that are not in this process.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use acme_testca::TestCa;
use acme_tokio::proto::{Algorithm, SignError, SignFuture, Signer as _, ToSign};
use acme_tokio::{
    Account, AccountKey, AsyncRemoteSigner, IssueRequest, RemoteSigner, ThreadedSigner, external_key, proto,
};
use tokio::sync::{Notify, Semaphore};

use crate::world::{self, Desk};

/// A service with one key. It signs when it is let, and fails when it is told to.
struct Service {
    key: AccountKey,
    is_asked: Notify,
    turns: Semaphore,
    error: Mutex<Option<SignError>>,
}

#[derive(Clone)]
struct Shared(Arc<Service>);

impl AsyncRemoteSigner for Shared {
    fn sign<'a>(&'a self, messages: &'a [ToSign]) -> SignFuture<'a> {
        Box::pin(async move {
            self.0.is_asked.notify_one();
            self.0.turns.acquire().await.unwrap().forget();
            if let Some(error) = self.0.error.lock().unwrap().take() {
                return vec![Err(error)];
            }
            messages.iter().map(|message| self.0.key.sign(&message.message)).collect()
        })
    }
}

async fn open(ca: &TestCa, turns: usize) -> (Account, Shared) {
    let service = Shared(Arc::new(Service {
        key: AccountKey::generate(Algorithm::Es256).unwrap(),
        is_asked: Notify::new(),
        turns: Semaphore::new(turns),
        error: Mutex::default(),
    }));
    let key = external_key("kms", service.0.key.public_key_der()).unwrap();
    (world::builder(ca).remote_key(key, service.clone()).open().await.unwrap(), service)
}

#[tokio::test]
async fn certificate_is_issued_with_a_key_from_elsewhere() {
    let ca = world::gentle().start().unwrap();
    let (account, service) = open(&ca, 1000).await;
    let request = IssueRequest::new(["a.example", "b.example", "c.example"]);
    account.issue(&request, &mut Desk::default()).await.unwrap();
    assert_eq!(account.acme_private_key_pem(), "");
    for is_temporary in [true, false] {
        let error = if is_temporary { SignError::temporary("busy") } else { SignError::permanent("gone") };
        *service.0.error.lock().unwrap() = Some(error);
        let error = account.read().await.unwrap_err();
        assert!(matches!(error.as_acme(), Some(proto::Error::Sign(_))), "{error:?}");
        assert_eq!(error.is_temporary(), is_temporary);
    }
}

#[tokio::test]
async fn slow_signature_stops_no_other_flow() {
    let ca = world::gentle().start().unwrap();
    let (account, service) = open(&ca, 1).await;
    let slow = tokio::spawn({
        let account = account.clone();
        async move { account.read().await }
    });
    service.0.is_asked.notified().await;
    service.0.is_asked.notified().await;
    // It waits for its turn; a directory needs none.
    account.call(proto::Directory::fetch()).await.unwrap();
    assert!(!slow.is_finished());
    service.0.turns.add_permits(1);
    slow.await.unwrap().unwrap();
}

/// A key that signs when it is let, and blocks its thread until then.
struct Blocking {
    key: Arc<AccountKey>,
    is_asked: Arc<Notify>,
    turns: Mutex<mpsc::Receiver<()>>,
}

impl RemoteSigner for Blocking {
    fn sign(&self, messages: &[ToSign]) -> Vec<Result<Vec<u8>, SignError>> {
        let sign = |message: &ToSign| {
            self.is_asked.notify_one();
            self.turns.lock().unwrap().recv_timeout(LONG).map_err(SignError::permanent)?;
            self.key.sign(&message.message)
        };
        messages.iter().map(sign).collect()
    }
}

/// The runtime has one thread: if the signer had it, the turn would never come.
#[tokio::test]
async fn signer_that_blocks_does_not_block_the_runtime() {
    let ca = world::gentle().start().unwrap();
    let key = Arc::new(AccountKey::generate(Algorithm::Es256).unwrap());
    let (give_turn, turns) = mpsc::channel();
    let described = external_key("token", key.public_key_der()).unwrap();
    let is_asked = Arc::new(Notify::new());
    let blocking = Blocking { key, is_asked: Arc::clone(&is_asked), turns: Mutex::new(turns) };
    let signer = ThreadedSigner::new(blocking);
    let opened = tokio::spawn(world::builder(&ca).remote_key(described, signer).open());
    is_asked.notified().await;
    give_turn.send(()).unwrap();
    let account = opened.await.unwrap().unwrap();
    drop(give_turn);
    let error = account.read().await.unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Sign(_))), "{error:?}");
    assert!(!error.is_temporary());
}

/// How long a turn may take to come, on a machine that has much to do.
const LONG: Duration = Duration::from_secs(30);
