//! Opening accounts without a store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Barrier, Mutex};

use acme_lib::{Account, AccountKey, DirectoryUrl, Error, ProblemKind, RevocationReason, proto};
use acme_testca::{Action, Config, Fault, Moment, Operation, TestCa};
use tempfile::TempDir;

use crate::world;

fn key_file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("account.pem");
    (directory, path)
}

fn with_terms() -> TestCa {
    let mut config = Config::gentle();
    (config.always_valid, config.terms_of_service) = (true, Some("https://ca.test/terms".into()));
    TestCa::builder().config(config).start().unwrap()
}

#[test]
fn the_key_is_in_its_file_before_the_ca_hears_of_it() {
    let (_directory, path) = key_file();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (watched, log) = (path.clone(), seen.clone());
    let ca = world::gentle()
        .on_request(move |event| {
            if event.operation == Operation::NewAccount && event.moment == Moment::Before {
                log.lock()
                    .unwrap()
                    .push(fs::metadata(&watched).map(|found| found.permissions().mode() & 0o777).ok());
            }
        })
        .start()
        .unwrap();
    let account = world::builder(&ca).key_file(&path).open().unwrap();
    assert_eq!(*seen.lock().unwrap(), [Some(0o600)]);
    assert_eq!(fs::read_to_string(&path).unwrap(), account.acme_private_key_pem());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "something is left beside the file");
    // Again, and it is the same account.
    let again = world::builder(&ca).key_file(&path).open().unwrap();
    assert_eq!((again.url(), ca.counts().accounts), (account.url(), 1));
}

/// A lost response must not cost the account, nor a crash right after it.
#[test]
fn a_lost_response_costs_no_second_account() {
    let (_directory, path) = key_file();
    let ca = world::gentle().fault(Fault::on(Operation::NewAccount, Action::LoseResponse)).start().unwrap();
    world::builder(&ca).key_file(&path).open().unwrap();
    ca.fault(Fault::on(Operation::NewAccount, Action::LoseResponse).times(3));
    let error = world::builder(&ca).key_file(&path).open().unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    ca.clear_faults();
    world::builder(&ca).key_file(&path).open().unwrap();
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn of_two_that_make_the_key_one_wins() {
    for _ in 0..20 {
        let (_directory, path) = key_file();
        let ca = world::gentle().start().unwrap();
        let start = Barrier::new(4);
        let urls: Vec<String> = std::thread::scope(|scope| {
            let open = || {
                let builder = world::builder(&ca).key_file(&path);
                start.wait();
                builder.open().unwrap().url()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(urls.iter().all(|url| *url == urls[0]), "{urls:?}");
        assert_eq!(ca.counts().accounts, 1);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn terms_that_were_not_agreed_to_are_named() {
    let ca = with_terms();
    let error = world::builder(&ca).open().unwrap_err();
    assert!(error.to_string().contains("https://ca.test/terms"), "{error}");
    assert!(matches!(error.as_acme(), Some(proto::Error::Misuse(proto::Misuse::TermsNotAgreed(_)))));
    assert!(!error.is_temporary());
    assert_eq!((ca.counts().accounts, world::count(&ca, Operation::NewAccount)), (0, 0));
    world::builder(&ca).agree_to_terms().open().unwrap();
    assert_eq!(ca.counts().accounts, 1);
}

/// That the step-by-step API agrees without asking is its contract.
#[test]
fn the_steps_agree_to_the_terms() {
    let ca = with_terms();
    world::account(&ca);
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn only_existing_makes_no_account() {
    let ca = with_terms();
    let (_directory, path) = key_file();
    let error = world::builder(&ca).key_file(&path).only_existing().open().unwrap_err();
    assert_eq!(world::refusal(&error).problem.kind, ProblemKind::AccountDoesNotExist);
    assert_eq!(ca.counts().accounts, 0);
    let made = world::builder(&ca).key_file(&path).agree_to_terms().open().unwrap();
    // No terms are asked for where the account is there.
    let found = world::builder(&ca).key_file(&path).only_existing().open().unwrap();
    assert_eq!(found.url(), made.url());
}

#[test]
fn an_account_whose_url_is_known_is_not_asked_for() {
    let ca = world::gentle().start().unwrap();
    let (_directory, path) = key_file();
    let url = world::builder(&ca).key_file(&path).open().unwrap().url();
    let requests = ca.requests().len();
    let account = world::builder(&ca).key_file(&path).known_url(&url).open().unwrap();
    assert_eq!(ca.requests().len(), requests);
    assert_eq!(account.read().unwrap().url, url);
    let error = world::builder(&ca).key_file(&path).known_url("not a URL").open().unwrap_err();
    assert!(error.to_string().contains("not a URL"), "{error}");
}

#[test]
fn a_key_from_elsewhere_is_used() {
    for algorithm in
        [proto::Algorithm::Es256, proto::Algorithm::Es384, proto::Algorithm::EdDsa, proto::Algorithm::Rs256]
    {
        let ca = world::gentle().start().unwrap();
        let key = AccountKey::generate(algorithm).unwrap();
        let pem = key.to_pem().expose().to_owned();
        let account = world::builder(&ca).key(key).open().unwrap();
        assert_eq!(account.acme_private_key_pem(), pem);
        let certificate = world::certificate(&account, "a.example", &[]);
        account.revoke_certificate(&certificate, RevocationReason::Unspecified).unwrap();
    }
}

#[test]
fn contacts_are_told_and_replaced() {
    let ca = world::gentle().start().unwrap();
    let contact = |name: &str| format!("mailto:{name}@example.com");
    let account = world::builder(&ca).contact([contact("a")]).open().unwrap();
    assert_eq!(account.api_account().contact, Some(vec![contact("a")]));
    assert_eq!(account.update_contact(&[contact("b")]).unwrap().contact, [contact("b")]);
    assert_eq!(account.read().unwrap().contact, [contact("b")]);
}

#[test]
fn a_contact_that_can_not_be_right_is_not_told() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let requests = ca.requests().len();
    let contact = "mailto:a@example.com,b@example.com".to_owned();
    for error in [
        account.update_contact(std::slice::from_ref(&contact)).unwrap_err(),
        world::builder(&ca).contact([contact]).open().unwrap_err(),
    ] {
        let misuse = proto::Error::Misuse(proto::Misuse::Contact {
            contact: "mailto:a@example.com,b@example.com".into(),
            source: proto::ContactError::SeveralAddresses,
        });
        assert_eq!(error.to_string(), misuse.to_string());
    }
    assert_eq!(ca.requests().len(), requests);
}

#[test]
fn a_deactivated_account_is_refused() {
    let ca = world::gentle().start().unwrap();
    let (_directory, path) = key_file();
    let open = || world::builder(&ca).key_file(&path).open();
    let account = open().unwrap();
    // The CA does it, and its answer is lost.
    ca.fault(Fault::on(Operation::Account, Action::LoseResponse));
    account.deactivate().unwrap();
    assert_eq!(world::count(&ca, Operation::Account), 2);
    for error in [account.read().unwrap_err(), account.deactivate().unwrap_err(), open().unwrap_err()] {
        assert_eq!(world::refusal(&error).problem.kind, ProblemKind::Unauthorized);
    }
}

/// Nobody asked for a certificate to be kept.
#[test]
fn an_account_without_a_store_keeps_nothing() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let request = acme_lib::IssueRequest::new(["a.example"]);
    account.issue(&request, &mut crate::issue::Desk::default()).unwrap();
    world::certificate(&account, "b.example", &[]);
    for name in ["a.example", "b.example"] {
        assert!(account.certificate(name).unwrap().is_none());
    }
}

#[test]
fn a_ca_that_is_not_trusted_is_an_error_of_the_transport() {
    let ca = world::gentle().start().unwrap();
    let other = world::gentle().start().unwrap();
    let url = DirectoryUrl::Other(ca.directory_url());
    let error = Account::builder(url).root_pem(other.root_pem()).open().unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Transport { .. })), "{error:?}");
    assert!(!error.is_temporary());
    let error = Account::builder(url).root_pem("no PEM").open().unwrap_err();
    assert!(matches!(error, Error::Http(_)), "{error:?}");
}

#[test]
fn a_directory_without_https_is_refused() {
    let ca = world::gentle().plain_http().start().unwrap();
    let error = world::builder(&ca).open().unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Misuse(proto::Misuse::Url(_)))), "{error:?}");
    assert_eq!(ca.requests().len(), 0);
}

#[test]
fn a_key_file_that_can_not_be_used_is_named() {
    let (directory, path) = key_file();
    let ca = world::gentle().start().unwrap();
    for content in ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        fs::write(&path, content).unwrap();
        let error = world::builder(&ca).key_file(&path).open().unwrap_err();
        assert!(matches!(&error, Error::KeyFile { path: named, .. } if *named == path), "{error:?}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let missing = directory.path().join("missing/account.pem");
    for path in [directory.path(), &missing] {
        let error = world::builder(&ca).key_file(path).open().unwrap_err();
        assert!(matches!(&error, Error::KeyFile { path: named, .. } if named == path), "{error:?}");
    }
    assert_eq!(ca.requests().len(), 0);
}
