//! Accounts: one call for each operation.

use acme_testca::{Action, Config, Fault, MacKey, Operation, Problem, TestCa};
use acme_tokio::proto::{AccountStatus, Order};
use acme_tokio::{
    Account, AccountKey, Error, HmacAlgorithm, HmacKey, IssueRequest, ProblemKind, RevocationReason, proto,
};

use crate::world::{self, Desk};

#[test]
fn its_futures_can_be_spawned() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Account>();
    // Never polled: that it compiles is the test.
    drop(is_send(async {
        let account = is_send(Account::builder(acme_tokio::DirectoryUrl::LetsEncrypt).open()).await?;
        let (request, mut desk) = (IssueRequest::new(["a.example"]), Desk::default());
        let (mut journal, interrupt) = (world::Notebook::default(), acme_tokio::Interrupt::new());
        let mut observer = |_: &acme_tokio::Event<'_>| {};
        let certificate = is_send(account.issue(&request, &mut desk)).await?;
        let issuance = account.issuance(&request).journal(&mut journal).observe(&mut observer);
        is_send(issuance.interrupt(&interrupt).run(&mut desk)).await?;
        let locked = std::sync::Arc::new(tokio::sync::Mutex::new(desk.clone()));
        is_send(account.issuance(&request).run_locked(&locked)).await?;
        is_send(account.issuance(&request).run_for_chain(&mut desk)).await?;
        is_send(account.revoke_certificate(&certificate, RevocationReason::Superseded)).await?;
        is_send(account.revoke_pem("", RevocationReason::Superseded)).await?;
        is_send(account.update_contact(&[])).await?;
        is_send(account.read()).await?;
        is_send(account.change_key(AccountKey::from_pem("")?)).await?;
        is_send(account.pre_authorize("a.example", &mut desk)).await?;
        is_send(account.authorization("")).await?;
        is_send(account.deactivate_authorization("")).await?;
        is_send(account.orders()).await?;
        is_send(account.deactivate()).await?;
        Ok::<(), Error>(())
    }));
}

#[tokio::test]
async fn account_is_made_once_and_found_again() {
    let ca = world::gentle().start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("account.pem");
    let open = || world::builder(&ca).agree_to_terms().key_file(&path).open();
    let (first, second) = tokio::join!(open(), open());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.url(), second.url());
    assert_eq!(ca.counts().accounts, 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first.acme_private_key_pem());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A key that is damaged is an error, and no reason for a new one.
    std::fs::write(&path, "damaged").unwrap();
    assert!(matches!(open().await, Err(Error::KeyFile { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "damaged");
}

#[tokio::test]
async fn account_that_is_known_costs_no_request() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let key = AccountKey::from_pem(account.acme_private_key_pem()).unwrap();
    let requests = ca.requests().len();
    let same = world::builder(&ca).key(key).known_url(account.url()).open().await.unwrap();
    assert_eq!(ca.requests().len(), requests);
    assert_eq!(same.read().await.unwrap().status, AccountStatus::Valid);
}

#[tokio::test]
async fn each_operation_is_one_call() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let contact = ["mailto:admin@example.com".to_owned()];
    assert_eq!(account.update_contact(&contact).await.unwrap().contact, contact);
    assert_eq!(account.read().await.unwrap().contact, contact);
    let request = IssueRequest::new(["a.example"]);
    let issued = account.issuance(&request).run(&mut Desk::default()).await.unwrap();
    assert_eq!(account.call(Order::read(&issued.order_url)).await.unwrap().identifiers.len(), 1);
    account.revoke_certificate(&issued.certificate, RevocationReason::Superseded).await.unwrap();
    // That it was revoked before is no error.
    account.revoke_pem(issued.certificate.certificate(), RevocationReason::Superseded).await.unwrap();
    assert_eq!(ca.issued()[0].revoked.map(|(_, reason)| reason), Some(4));
    assert!(account.revoke_pem("", RevocationReason::Unspecified).await.is_err());
}

#[tokio::test]
async fn lost_response_does_not_use_a_binding_up() {
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let mut config = Config::gentle();
    config.external_accounts.insert("kid-1".into(), MacKey::from_base64url(key).unwrap());
    (config.external_account_required, config.external_account_single_use) = (true, true);
    let ca = TestCa::builder().config(config).start().unwrap();
    let error = world::builder(&ca).open().await.unwrap_err();
    let Some(proto::Error::Misuse(misuse)) = error.as_acme() else { panic!("{error:?}") };
    assert_eq!(*misuse, proto::Misuse::ExternalAccountRequired);
    let key = HmacKey::from_text(HmacAlgorithm::Hs512, key).unwrap();
    ca.fault(Fault::on(Operation::NewAccount, Action::LoseResponse).nth(2));
    world::builder(&ca).external_account("kid-1", key).open().await.unwrap();
    assert_eq!(ca.counts().accounts, 1);
}

#[tokio::test]
async fn deactivated_account_is_refused() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let contact = ["mailto:a@example.com?subject=x".to_owned()];
    assert!(matches!(
        account.update_contact(&contact).await.unwrap_err().as_acme(),
        Some(proto::Error::Misuse(proto::Misuse::Contact { .. }))
    ));
    ca.fault(Fault::on(Operation::Account, Action::LoseResponse));
    account.deactivate().await.unwrap();
    let error = account.read().await.unwrap_err();
    let refusal = error.as_acme().and_then(proto::Error::refusal).unwrap();
    assert_eq!(refusal.problem.kind, ProblemKind::Unauthorized);
}

#[tokio::test]
async fn refusal_is_handed_on_whole() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let problem = acme_testca::ProblemFault::from(Problem::new("rateLimited", 429, "too many"));
    ca.fault(Fault::on(Operation::NewOrder, Action::Problem(problem.retry_after("3600"))));
    let error = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).await.unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.retry_after().map(|time| time.as_secs()), Some(3600));
    let refusal = error.as_acme().and_then(proto::Error::refusal).unwrap();
    assert_eq!(refusal.problem.kind, ProblemKind::RateLimited);
}

#[tokio::test]
async fn ca_that_is_not_there_or_not_trusted_is_an_error_of_the_network() {
    let ca = TestCa::start().unwrap();
    let other = TestCa::start().unwrap();
    let url = acme_tokio::DirectoryUrl::Other(ca.directory_url());
    let error = Account::builder(url).root_pem(other.root_pem()).open().await.unwrap_err();
    assert!(matches!(error.as_acme(), Some(proto::Error::Transport { .. })), "{error:?}");
    let builder = Account::builder(acme_tokio::DirectoryUrl::Other("http://127.0.0.1:1/"));
    assert!(builder.root_pem(ca.root_pem()).open().await.is_err());
    let builder = Account::builder(url).proxy("http://user:secret@127.0.0.1:1");
    assert!(!format!("{builder:?}").contains("secret"));
    assert!(matches!(Account::builder(url).root_pem("").open().await, Err(Error::Http(_))));
}
