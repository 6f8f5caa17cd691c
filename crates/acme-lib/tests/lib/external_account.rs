//! Accounts that are bound to one outside ACME.

use acme_lib::{Account, AccountBuilder, HmacAlgorithm, HmacKey, ProblemKind, proto};
use acme_testca::{Action, Config, Fault, MacKey, Operation, TestCa};
use tempfile::TempDir;

use crate::world;

const KID: &str = "kid-1";
/// The sample key of Pebble, as CAs hand keys out.
const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A CA whose external accounts are good for one use.
fn strict() -> TestCa {
    let mut config = Config::gentle();
    config.external_accounts.insert(KID.into(), MacKey::from_base64url(MAC_KEY).unwrap());
    (config.external_account_required, config.external_account_single_use) = (true, true);
    TestCa::builder().config(config).start().unwrap()
}

fn key(algorithm: HmacAlgorithm) -> HmacKey {
    HmacKey::from_text(algorithm, MAC_KEY).unwrap()
}

fn with_key_file(ca: &TestCa, directory: &TempDir) -> AccountBuilder {
    world::builder(ca).key_file(directory.path().join("account.pem"))
}

fn open_bound(ca: &TestCa, directory: &TempDir) -> acme_lib::Result<Account> {
    with_key_file(ca, directory).external_account(KID, key(HmacAlgorithm::Hs256)).open()
}

#[test]
fn every_mac_algorithm_binds_an_account() {
    for algorithm in [HmacAlgorithm::Hs256, HmacAlgorithm::Hs384, HmacAlgorithm::Hs512] {
        let ca = strict();
        world::builder(&ca).external_account(KID, key(algorithm)).open().unwrap();
        assert_eq!(ca.counts().accounts, 1);
        // The next account would need a binding of its own.
        let error = world::builder(&ca).external_account(KID, key(algorithm)).open().unwrap_err();
        assert_eq!(world::refusal(&error).problem.kind, ProblemKind::Unauthorized);
    }
}

#[test]
fn lost_response_does_not_use_the_binding_up() {
    let directory = tempfile::tempdir().unwrap();
    let ca = strict();
    ca.fault(Fault::on(Operation::NewAccount, Action::LoseResponse).nth(2));
    let made = open_bound(&ca, &directory).unwrap();
    // Nor does another process.
    let found = open_bound(&ca, &directory).unwrap();
    assert_eq!((found.url(), ca.counts().accounts), (made.url(), 1));
    assert_eq!(with_key_file(&ca, &directory).open().unwrap().url(), made.url());
}

/// The first process hears nothing any more once its request is out.
#[test]
fn process_that_ended_too_early_does_not_use_the_binding_up() {
    let directory = tempfile::tempdir().unwrap();
    let ca = strict();
    ca.fault(Fault::on(Operation::NewAccount, Action::LoseResponse).nth(2));
    ca.fault(Fault::on(Operation::NewAccount, Action::Drop).nth(3).always());
    let error = open_bound(&ca, &directory).unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    ca.clear_faults();
    open_bound(&ca, &directory).unwrap();
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn want_of_a_binding_is_told_before_an_account_is_asked_for() {
    let ca = strict();
    let error = world::builder(&ca).open().unwrap_err();
    let Some(proto::Error::Misuse(misuse)) = error.as_acme() else { panic!("{error:?}") };
    assert_eq!(*misuse, proto::Misuse::ExternalAccountRequired);
    assert_eq!(ca.counts().accounts, 0);
}

#[test]
fn wrong_mac_key_is_refused() {
    let ca = strict();
    let wrong = HmacKey::from_bytes(HmacAlgorithm::Hs256, MAC_KEY.as_bytes());
    assert!(wrong.seems_encoded_twice());
    let error = world::builder(&ca).external_account(KID, wrong).open().unwrap_err();
    assert_eq!(world::refusal(&error).operation, proto::Operation::NewAccount);
    assert_eq!(ca.counts().accounts, 0);
}
