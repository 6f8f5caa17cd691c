//! The names and types that programs written for acme-lib 0.9 use, and what holds for all of ours.

use std::fmt::Debug;
use std::path::Path;

use acme_lib::api::{ApiAccount, ApiAuth, ApiChallenge, ApiDirectory, ApiOrder};
use acme_lib::order::{Auth, CertOrder, Challenge, CsrOrder, Dns, Http, NewOrder, TlsAlpn};
use acme_lib::persist::{FilePersist, MemoryPersist, Persist, PersistKey, PersistKind};
use acme_lib::{
    Account, AccountBuilder, Certificate, Directory, DirectoryBuilder, DirectoryUrl, Error, Event, Interrupt,
    IssueRequest, Issued, PrivateKey, Result, RevocationReason, create_p256_key, create_p384_key,
    create_rsa_key,
};

use crate::world;

type Store = MemoryPersist;

/// Each item of the step-by-step API with its type; that it compiles is the test.
#[test]
#[expect(clippy::type_complexity, reason = "the types are what is tested")]
fn the_step_by_step_api_is_whole() {
    let _: fn(Store, DirectoryUrl<'_>) -> Result<Directory<Store>> = Directory::from_url;
    let _: fn(&Directory<Store>, &str) -> Result<Account<Store>> = Directory::account;
    let _: fn(&Directory<Store>, &str, Option<Vec<String>>) -> Result<Account<Store>> =
        Directory::account_with_realm;
    let _: fn(&Directory<Store>) -> &ApiDirectory = Directory::api_directory;
    let _ =
        [DirectoryUrl::LetsEncrypt, DirectoryUrl::LetsEncryptStaging, DirectoryUrl::Other("https://ca.test")];

    let _: fn(&Account<Store>, &str, &[&str]) -> Result<NewOrder<Store>> = Account::new_order;
    let _: fn(&Account<Store>, &str) -> Result<Option<Certificate>> = Account::certificate;
    let _: fn(&Account<Store>, &Certificate, RevocationReason) -> Result<()> = Account::revoke_certificate;
    let _: fn(&Account<Store>) -> String = Account::acme_private_key_pem;
    let _: fn(&Account<Store>) -> &ApiAccount = Account::api_account;

    let _: fn(&NewOrder<Store>) -> bool = NewOrder::is_validated;
    let _: fn(&NewOrder<Store>) -> Option<CsrOrder<Store>> = NewOrder::confirm_validations;
    let _: fn(&mut NewOrder<Store>) -> Result<()> = NewOrder::refresh;
    let _: fn(&NewOrder<Store>) -> Result<Vec<Auth<Store>>> = NewOrder::authorizations;
    let _: fn(&NewOrder<Store>) -> &ApiOrder = NewOrder::api_order;

    let _: fn(&Auth<Store>) -> &str = Auth::domain_name;
    let _: fn(&Auth<Store>) -> bool = Auth::need_challenge;
    let _: fn(&Auth<Store>) -> Challenge<Store, Http> = Auth::http_challenge;
    let _: fn(&Auth<Store>) -> Challenge<Store, Dns> = Auth::dns_challenge;
    let _: fn(&Auth<Store>) -> Challenge<Store, TlsAlpn> = Auth::tls_alpn_challenge;
    let _: fn(&Auth<Store>) -> &ApiAuth = Auth::api_auth;

    let _: fn(&Challenge<Store, Http>) -> &str = Challenge::http_token;
    let _: fn(&Challenge<Store, Http>) -> String = Challenge::http_proof;
    let _: fn(&Challenge<Store, Dns>) -> String = Challenge::dns_proof;
    let _: fn(&Challenge<Store, TlsAlpn>) -> [u8; 32] = Challenge::tls_alpn_proof;
    let _: fn(&Challenge<Store, Http>) -> bool = Challenge::need_validate;
    let _: fn(Challenge<Store, Dns>, u64) -> Result<()> = Challenge::validate;
    let _: fn(&Challenge<Store, TlsAlpn>) -> &ApiChallenge = Challenge::api_challenge;

    let _: fn(CsrOrder<Store>, &str, u64) -> Result<CertOrder<Store>> = CsrOrder::finalize;
    let _: fn(CsrOrder<Store>, PrivateKey, u64) -> Result<CertOrder<Store>> = CsrOrder::finalize_pkey;
    let _: fn(&CsrOrder<Store>) -> &ApiOrder = CsrOrder::api_order;
    let _: fn(CertOrder<Store>) -> Result<Certificate> = CertOrder::download_and_save_cert;
    let _: fn(&CertOrder<Store>) -> &ApiOrder = CertOrder::api_order;

    let _: fn(&Certificate) -> &str = Certificate::private_key;
    let _: fn(&Certificate) -> Vec<u8> = Certificate::private_key_der;
    let _: fn(&Certificate) -> &str = Certificate::certificate;
    let _: fn(&Certificate) -> Vec<u8> = Certificate::certificate_der;
    let _: fn(&Certificate) -> i64 = Certificate::valid_days_left;

    let _: fn(u32) -> PrivateKey = create_rsa_key;
    let _: [fn() -> PrivateKey; 2] = [create_p256_key, create_p384_key];
    let _: fn() -> MemoryPersist = MemoryPersist::new;
    let _: [FilePersist; 2] = [FilePersist::new("."), FilePersist::new(Path::new("."))];
}

#[test]
fn the_kinds_and_reasons_are_those_of_the_old_library() {
    let key = PersistKey { realm: 7, kind: PersistKind::Certificate, key: "a.example" };
    let PersistKey { realm: 7, kind, key: "a.example" } = key else { panic!("{key:?}") };
    // Users match on them without a wildcard arm.
    match kind {
        PersistKind::Certificate => {}
        PersistKind::PrivateKey | PersistKind::AccountPrivateKey => panic!("{kind:?}"),
    }
    let reasons = [
        RevocationReason::Unspecified,
        RevocationReason::KeyCompromise,
        RevocationReason::CACompromise,
        RevocationReason::AffiliationChanged,
        RevocationReason::Superseded,
        RevocationReason::CessationOfOperation,
        RevocationReason::CertificateHold,
        RevocationReason::RemoveFromCRL,
        RevocationReason::PrivilegeWithdrawn,
        RevocationReason::AACompromise,
    ];
    assert_eq!(reasons.map(|reason| reason as usize), [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]);
}

/// `?` works on the caller's own failures, in a function that returns our error.
#[test]
fn the_callers_failures_become_errors() {
    fn io() -> std::result::Result<(), Error> {
        std::fs::read("/does/not/exist")?;
        Ok(())
    }
    fn text() -> Result<()> {
        Err("a text")?;
        Ok(())
    }
    fn owned() -> Result<()> {
        Err(String::from("another"))?;
        Ok(())
    }
    assert!(matches!(io(), Err(Error::Io(_))));
    assert_eq!(text().unwrap_err().to_string(), "a text");
    assert!(matches!(owned(), Err(Error::Other(text)) if text == "another"));
}

#[test]
fn a_program_can_bring_a_store_of_its_own() {
    #[derive(Clone)]
    struct Mine;
    impl Persist for Mine {
        fn put(&self, _: &PersistKey<'_>, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn get(&self, _: &PersistKey<'_>) -> Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }
    let ca = world::gentle().start().unwrap();
    let account = world::directory(&ca, Mine).account(world::EMAIL).unwrap();
    world::certificate(&account, "a.example", &[]);
}

#[test]
fn what_is_shared_between_threads_may_be() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Account>();
    shared::<Account<FilePersist>>();
    shared::<AccountBuilder>();
    shared::<Directory<FilePersist>>();
    shared::<DirectoryBuilder<FilePersist>>();
    shared::<Certificate>();
    shared::<PrivateKey>();
    shared::<Interrupt>();
    shared::<IssueRequest>();
    shared::<Issued>();
    shared::<Error>();
    shared::<NewOrder<FilePersist>>();
    shared::<Auth<FilePersist>>();
    shared::<Challenge<FilePersist, Http>>();
    sent::<CsrOrder<FilePersist>>();
    sent::<CertOrder<FilePersist>>();
}

#[test]
fn what_is_returned_is_small() {
    assert!(size_of::<Error>() <= 48, "{}", size_of::<Error>());
    assert!(size_of::<Account>() <= 8);
    assert!(size_of::<PrivateKey>() <= 8);
    assert!(size_of::<Event<'_>>() <= 24, "{}", size_of::<Event<'_>>());
}

/// Keys and key authorizations never reach a log.
#[test]
fn debug_tells_no_secret() {
    let ca = world::gentle().start().unwrap();
    let directory = world::directory(&ca, MemoryPersist::new());
    let account = directory.account(world::EMAIL).unwrap();
    let certificate = world::certificate(&account, "a.example", &[]);
    let key = create_p256_key();
    let order = account.new_order("b.example", &[]).unwrap();
    let authorization = order.authorizations().unwrap().remove(0);
    let challenge = authorization.http_challenge();
    let mut secrets = vec![challenge.http_proof()];
    for pem in [account.acme_private_key_pem(), key.to_pem(), certificate.private_key().to_owned()] {
        secrets.push(pem.lines().nth(1).unwrap().to_owned());
    }
    let (request, builder) = (
        IssueRequest::new(["a.example"]).private_key(key.clone()),
        world::builder(&ca)
            .proxy("http://user:hunter2@127.0.0.1:1")
            .key(acme_lib::AccountKey::from_pem(account.acme_private_key_pem()).unwrap()),
    );
    secrets.push("hunter2".to_owned());
    let url = DirectoryUrl::Other(ca.directory_url());
    let directory_builder = Directory::builder(url).proxy("http://user:hunter2@127.0.0.1:1");
    let values: [&dyn Debug; 11] = [
        &account,
        &authorization,
        &builder,
        &certificate,
        &challenge,
        &directory,
        &directory_builder,
        &key,
        &order,
        &request,
        &MemoryPersist::new(),
    ];
    for value in values {
        let text = format!("{value:#?}");
        assert!(text.len() < 8000, "{text}");
        for secret in &secrets {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let mut seen = String::new();
    let mut observer = |event: &Event<'_>| seen += &format!("{event:?}");
    let request = IssueRequest::new(["c.example"]);
    let mut desk = crate::issue::Desk::default();
    let issued = account.issuance(&request).observe(&mut observer).run(&mut desk).unwrap();
    seen += &format!("{issued:?}");
    let line = issued.certificate.private_key().lines().nth(1).unwrap();
    assert!(!seen.contains(line) && !seen.contains("PRIVATE KEY"));
    let thumbprint = secrets[0].split_once('.').unwrap().1;
    assert!(!seen.contains(thumbprint), "{seen}");
}

/// What a library must not do: write to the terminal, and end the process on what a CA sent.
#[test]
fn the_source_prints_nothing_and_unwraps_nothing() {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            files += 1;
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let code = line.trim_start();
                let is_code = !code.starts_with("//");
                let is_forbidden = ["println!", "print!", "dbg!", ".unwrap()", ".expect("]
                    .iter()
                    .any(|word| code.contains(word));
                assert!(!(is_code && is_forbidden), "{}: {line}", path.display());
            }
        }
    }
    assert!(files > 10);
}
