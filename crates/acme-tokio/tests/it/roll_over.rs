//! Giving an account another key.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use acme_testca::{Action, Fault, Moment, Operation, TestCa};
use acme_tokio::{Account, AccountKey, IssueRequest, proto};
use tempfile::TempDir;

use crate::world::{self, Desk};

fn key() -> AccountKey {
    AccountKey::generate(proto::Algorithm::Es256).unwrap()
}

async fn open(ca: &TestCa, directory: &Path) -> acme_tokio::Result<Account> {
    world::builder(ca).key_file(directory.join("account.pem")).open().await
}

fn copy(directory: &Path) -> TempDir {
    let picture = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), picture.path().join(entry.file_name())).unwrap();
    }
    picture
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// What a process that is killed before or after the CA's change leaves behind.
#[tokio::test]
async fn killed_at_any_instant_the_account_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let pictures = Arc::new(Mutex::new(Vec::new()));
    let (album, watched) = (pictures.clone(), directory.path().to_path_buf());
    let hook = move |event: &acme_testca::Event| {
        if event.operation == Operation::KeyChange {
            album.lock().unwrap().push((event.moment, copy(&watched)));
        }
    };
    let ca = world::gentle().on_request(hook).start().unwrap();
    let account = open(&ca, directory.path()).await.unwrap();
    let old_pem = account.acme_private_key_pem();
    account.change_key(key()).await.unwrap();
    assert_eq!(count(directory.path()), 1);
    let pictures = std::mem::take(&mut *pictures.lock().unwrap());
    assert_eq!(
        pictures.iter().map(|(moment, _)| *moment).collect::<Vec<_>>(),
        [Moment::Before, Moment::After]
    );
    for (_, picture) in pictures {
        assert_eq!(fs::read_to_string(picture.path().join("account.pem")).unwrap(), old_pem);
        let again = open(&ca, picture.path()).await.unwrap();
        assert_eq!(again.acme_private_key_pem(), account.acme_private_key_pem());
        assert_eq!((again.url(), count(picture.path())), (account.url(), 1));
    }
    // A key that the CA never heard of.
    fs::write(directory.path().join("account.pem.new"), key().to_pem().expose()).unwrap();
    let again = open(&ca, directory.path()).await.unwrap();
    assert_eq!(again.acme_private_key_pem(), account.acme_private_key_pem());
    assert_eq!((count(directory.path()), ca.counts().accounts), (1, 1));
}

#[tokio::test]
async fn lost_answer_is_settled_now_or_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = open(&ca, directory.path()).await.unwrap();
    ca.fault(Fault::on(Operation::KeyChange, Action::LoseResponse).times(2));
    account.change_key(key()).await.unwrap();
    ca.fault(Fault::on(Operation::NewAccount, Action::Drop).always());
    let error = account.change_key(key()).await.unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::KeyUnsettled(_))), "{error:?}");
    ca.clear_faults();
    let again = open(&ca, directory.path()).await.unwrap();
    assert_ne!(again.acme_private_key_pem(), account.acme_private_key_pem());
    assert_eq!(again.read().await.unwrap().url, account.url());
}

/// A change that was begun is not left half done.
#[tokio::test]
async fn change_goes_on_when_its_future_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = open(&ca, directory.path()).await.unwrap();
    let old_pem = account.acme_private_key_pem();
    let new_key = key();
    let new_pem = new_key.to_pem().expose().to_owned();
    {
        let mut change = Box::pin(account.change_key(new_key));
        let begun = std::future::poll_fn(|context| {
            std::task::Poll::Ready(change.as_mut().poll(context).is_pending())
        });
        assert!(begun.await);
    }
    world::until(|| count(directory.path()) == 1 && account.acme_private_key_pem() != old_pem).await;
    assert_eq!(fs::read_to_string(directory.path().join("account.pem")).unwrap(), new_pem);
    account.read().await.unwrap();
}

#[tokio::test]
async fn issuance_goes_on_while_the_key_is_changed() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..4 {
        let account = account.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..3 {
                let request = IssueRequest::new([format!("{task}-{number}.example")]);
                account.issue(&request, &mut Desk::default()).await.unwrap();
            }
        }));
    }
    for _ in 0..4 {
        account.change_key(key()).await.unwrap();
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ca.counts().orders_finalized, 12);
}
