//! Giving an account another key.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use acme_lib::persist::{FilePersist, MemoryPersist, Persist, PersistKey, PersistKind};
use acme_lib::{Account, AccountKey, Error, IssueRequest, ProblemKind, proto};
use acme_testca::{Action, Fault, Operation, ProblemFault, TestCa};
use tempfile::TempDir;

use crate::issue::Desk;
use crate::world;

fn key() -> AccountKey {
    AccountKey::generate(proto::Algorithm::Es256).unwrap()
}

/// A CA that takes a picture of a directory before and after each keyChange: what a process that is
/// killed at that instant leaves behind.
fn photographing(directory: &Path) -> (TestCa, Arc<Mutex<Vec<TempDir>>>) {
    let pictures = Arc::new(Mutex::new(Vec::new()));
    let (album, directory) = (pictures.clone(), directory.to_path_buf());
    let hook = move |event: &acme_testca::Event| {
        if event.operation == Operation::KeyChange {
            album.lock().unwrap().push(copy(&directory));
        }
    };
    (world::gentle().on_request(hook).start().unwrap(), pictures)
}

fn copy(directory: &Path) -> TempDir {
    let picture = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), picture.path().join(entry.file_name())).unwrap();
    }
    picture
}

fn open(ca: &TestCa, directory: &Path) -> acme_lib::Result<Account> {
    world::builder(ca).key_file(directory.join("account.pem")).open()
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn the_key_in_a_file_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = open(&ca, directory.path()).unwrap();
    let (url, new_key) = (account.url(), key());
    let pem = new_key.to_pem().expose().to_owned();
    account.change_key(new_key).unwrap();
    assert_eq!(account.acme_private_key_pem(), pem);
    assert_eq!(fs::read_to_string(directory.path().join("account.pem")).unwrap(), pem);
    assert_eq!((count(directory.path()), account.url()), (1, url.clone()));
    world::certificate(&account, "a.example", &[]);
    let requests = ca.requests().len();
    assert_eq!(open(&ca, directory.path()).unwrap().url(), url);
    // The directory, a nonce, and the account: nothing is left to be settled.
    assert_eq!((ca.requests().len() - requests, ca.counts().accounts), (3, 1));
}

/// Before the CA hears of the change, and after it has carried it out.
#[test]
fn killed_at_any_instant_the_account_of_a_key_file_is_opened_again() {
    for settled_by_known_url in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (ca, pictures) = photographing(directory.path());
        let account = open(&ca, directory.path()).unwrap();
        let (url, old_pem) = (account.url(), account.acme_private_key_pem());
        account.change_key(key()).unwrap();
        let pictures = std::mem::take(&mut *pictures.lock().unwrap());
        assert_eq!(pictures.len(), 2);
        for picture in pictures {
            // The CA has changed the key by now; the process knows nothing of it.
            assert_eq!(fs::read_to_string(picture.path().join("account.pem")).unwrap(), old_pem);
            let builder = world::builder(&ca).key_file(picture.path().join("account.pem"));
            let builder = if settled_by_known_url { builder.known_url(&url) } else { builder };
            let again = builder.open().unwrap();
            assert_eq!((again.url(), count(picture.path())), (url.clone(), 1));
            assert_eq!(again.acme_private_key_pem(), account.acme_private_key_pem());
            again.read().unwrap();
            again.change_key(key()).unwrap();
            account.read().unwrap_err();
            // For the next picture.
            again.change_key(AccountKey::from_pem(account.acme_private_key_pem()).unwrap()).unwrap();
        }
        assert_eq!(ca.counts().accounts, 1);
    }
}

/// The request never arrived: the key beside the file is none of the account's.
#[test]
fn killed_before_the_ca_hears_of_it_the_old_key_stays() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = open(&ca, directory.path()).unwrap();
    fs::write(directory.path().join("account.pem.new"), key().to_pem().expose()).unwrap();
    // The CA can't be asked: nothing is decided.
    ca.fault(Fault::on(Operation::NewAccount, Action::Drop).always());
    open(&ca, directory.path()).unwrap_err();
    assert_eq!(count(directory.path()), 2);
    ca.clear_faults();
    let again = open(&ca, directory.path()).unwrap();
    assert_eq!(again.acme_private_key_pem(), account.acme_private_key_pem());
    assert_eq!((count(directory.path()), ca.counts().accounts), (1, 1));
}

#[test]
fn killed_at_any_instant_the_account_of_a_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let (ca, pictures) = photographing(directory.path());
    let of = |path: &Path| world::directory(&ca, FilePersist::new(path)).account(world::EMAIL).unwrap();
    let account = of(directory.path());
    account.change_key(key()).unwrap();
    let pem = account.acme_private_key_pem();
    for picture in std::mem::take(&mut *pictures.lock().unwrap()) {
        let again = of(picture.path());
        assert_eq!((again.url(), again.acme_private_key_pem()), (account.url(), pem.clone()));
        // The new key is in its place, and the account is opened without a question.
        let requests = ca.requests().len();
        of(picture.path()).read().unwrap();
        assert_eq!(world::operations(&ca, requests).len(), 4);
    }
    assert_eq!((of(directory.path()).acme_private_key_pem(), ca.counts().accounts), (pem, 1));
}

/// A store has no way to forget: a key that was not taken stands there, and does no harm.
#[test]
fn refused_change_leaves_a_store_that_opens() {
    let persist = MemoryPersist::new();
    let ca = world::gentle().start().unwrap();
    let account = world::directory(&ca, persist.clone()).account(world::EMAIL).unwrap();
    let pem = account.acme_private_key_pem();
    refuse_once(&ca, "badPublicKey", 400);
    let error = account.change_key(key()).unwrap_err();
    assert_eq!(world::refusal(&error).problem.kind, ProblemKind::BadPublicKey);
    assert_eq!(account.acme_private_key_pem(), pem);
    let requests = ca.requests().len();
    world::directory(&ca, persist.clone()).account(world::EMAIL).unwrap();
    assert_eq!(world::operations(&ca, requests).len(), 3);
    // Both stand where the key for a host of this name would not be looked for.
    let account_key = PersistKey::new(world::EMAIL, PersistKind::AccountPrivateKey, "acme_account_new");
    assert_eq!(persist.get(&account_key).unwrap(), Some(pem.into_bytes()));
    let host_key = PersistKey::new(world::EMAIL, PersistKind::PrivateKey, "acme.account.new");
    assert_eq!(persist.get(&host_key).unwrap(), None);
}

fn refuse_once(ca: &TestCa, kind: &str, status: u16) {
    let problem = acme_testca::Problem::new(kind, status, "as scripted");
    ca.fault(Fault::on(Operation::KeyChange, Action::Problem(ProblemFault::from(problem))));
}

#[test]
fn refused_change_leaves_the_old_key_in_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = open(&ca, directory.path()).unwrap();
    refuse_once(&ca, "unauthorized", 403);
    account.change_key(key()).unwrap_err();
    assert_eq!(count(directory.path()), 1);
    account.read().unwrap();
    account.change_key(key()).unwrap();
}

#[test]
fn lost_answer_is_settled() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = open(&ca, directory.path()).unwrap();
    ca.fault(Fault::on(Operation::KeyChange, Action::LoseResponse));
    account.change_key(key()).unwrap();
    ca.fault(Fault::on(Operation::KeyChange, Action::Drop));
    account.change_key(key()).unwrap();
    assert_eq!(world::count(&ca, Operation::KeyChange), 3);
    assert_eq!(open(&ca, directory.path()).unwrap().url(), account.url());
}

/// The answer is lost, and then the CA: both keys are kept until it can be asked.
#[test]
fn change_that_is_not_settled_is_settled_at_the_next_start() {
    for is_carried_out in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let ca = world::gentle().start().unwrap();
        let account = open(&ca, directory.path()).unwrap();
        let action = if is_carried_out { Action::LoseResponse } else { Action::Drop };
        ca.fault(Fault::on(Operation::KeyChange, action));
        ca.fault(Fault::on(Operation::NewAccount, Action::Drop).always());
        let error = account.change_key(key()).unwrap_err();
        assert!(matches!(error.as_acme(), Some(proto::Error::KeyUnsettled(_))), "{error:?}");
        assert_eq!(count(directory.path()), 2);
        let error = account.change_key(key()).unwrap_err();
        assert!(matches!(error, Error::KeyFile { .. }), "{error:?}");
        ca.clear_faults();
        let again = open(&ca, directory.path()).unwrap();
        let is_changed = again.acme_private_key_pem() != account.acme_private_key_pem();
        assert_eq!((is_changed, count(directory.path())), (is_carried_out, 1));
        again.read().unwrap();
    }
}

#[test]
fn key_of_another_account_is_named() {
    let ca = world::gentle().start().unwrap();
    let taken = world::builder(&ca).open().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let error = account.change_key(AccountKey::from_pem(taken.acme_private_key_pem()).unwrap()).unwrap_err();
    let Some(proto::Error::KeyInUse(in_use)) = error.as_acme() else { panic!("{error:?}") };
    assert_eq!(in_use.account_url, taken.url());
    account.read().unwrap();
}

#[test]
fn key_that_the_caller_keeps_is_found_with_both() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let (old, new) = (account.acme_private_key_pem(), key().to_pem().expose().to_owned());
    let read = |pem: &str| AccountKey::from_pem(pem).unwrap();
    let open = || world::builder(&ca).key(read(&old)).pending_key(read(&new)).known_url(account.url()).open();
    assert_eq!(open().unwrap().acme_private_key_pem(), old);
    account.change_key(read(&new)).unwrap();
    assert_eq!(open().unwrap().acme_private_key_pem(), new);
    assert_eq!(ca.counts().accounts, 1);
}

/// Certificates are issued on other threads, one after the other, while the key is changed.
#[test]
fn issuance_goes_on_while_the_key_is_changed() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let account = account.clone();
            scope.spawn(move || {
                for number in 0..4 {
                    let name = format!("{thread}-{number}.example");
                    account.issue(&IssueRequest::new([name]), &mut Desk::default()).unwrap();
                }
            });
        }
        for _ in 0..4 {
            account.change_key(key()).unwrap();
        }
    });
    assert_eq!((ca.issued().len(), ca.counts().orders_finalized), (12, 12));
}

#[test]
fn ca_without_key_change_is_not_asked() {
    let mut config = acme_testca::Config::gentle();
    config.key_change = false;
    let ca = TestCa::builder().config(config).start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let account = open(&ca, directory.path()).unwrap();
    let requests = ca.requests().len();
    let error = account.change_key(key()).unwrap_err();
    let Some(proto::Error::Misuse(misuse)) = error.as_acme() else { panic!("{error:?}") };
    assert_eq!(*misuse, proto::Misuse::NotOffered(proto::Operation::KeyChange));
    assert_eq!((ca.requests().len(), count(directory.path())), (requests, 1));
}
