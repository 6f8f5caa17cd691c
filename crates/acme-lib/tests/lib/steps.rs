//! The step-by-step API from the directory to the certificate.

use acme_lib::order::{CsrOrder, NewOrder};
use acme_lib::persist::{MemoryPersist, Persist, PersistKey, PersistKind};
use acme_lib::{
    ChallengeType, Http01, PrivateKey, RevocationReason, Solver as _, create_p256_key, create_p384_key,
    create_rsa_key,
};
use acme_testca::{Config, Operation, TestCa};

use crate::world::{self, EMAIL};

/// The loop of the example, as it has always been: the first authorization, again and again.
fn example_loop<P: Persist>(mut order: NewOrder<P>, solver: &mut Http01) -> CsrOrder<P> {
    let mut rounds = 0;
    loop {
        if let Some(order) = order.confirm_validations() {
            break order;
        }
        rounds += 1;
        assert!(rounds < 20, "the loop has no end");
        let auths = order.authorizations().unwrap();
        let chall = auths[0].http_challenge();
        assert!(chall.http_proof().starts_with(chall.http_token()));
        assert!(solver.present(std::slice::from_ref(chall.response()))[0].is_ok());
        chall.validate(1).unwrap();
        order.refresh().unwrap();
    }
}

fn hostile() -> (Http01, TestCa) {
    let solver = Http01::bind("127.0.0.1:0").unwrap();
    let ca = TestCa::builder().http_port(solver.local_addr().port()).start().unwrap();
    (solver, ca)
}

#[test]
fn the_example_ends_in_a_certificate() {
    let (mut solver, ca) = hostile();
    let account = world::account(&ca);
    let order = account.new_order("example.com", &[]).unwrap();
    assert!(!order.is_validated());
    let order = example_loop(order, &mut solver);
    let order = order.finalize_pkey(create_p384_key(), 1).unwrap();
    let certificate = order.download_and_save_cert().unwrap();
    assert_eq!(certificate.certificate_der(), ca.issued()[0].der);
    assert_eq!(account.certificate("example.com").unwrap(), Some(certificate));
}

#[test]
fn the_example_ends_with_several_names_too() {
    let (mut solver, ca) = hostile();
    let account = world::account(&ca);
    for _ in 0..3 {
        // From the second order on some names are proved already.
        let order = account.new_order("example.com", &["www.example.com", "a.example.com"]).unwrap();
        let order = example_loop(order, &mut solver);
        let order = order.finalize(&create_p256_key().to_pem(), 1).unwrap();
        let certificate = order.download_and_save_cert().unwrap();
        assert_eq!(certificate.info().names.len(), 3);
    }
    assert_eq!(ca.counts().orders_finalized, 3);
}

#[test]
fn a_wildcard_is_proved_by_dns() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let mut order = account.new_order("*.example.com", &[]).unwrap();
    let authorizations = order.authorizations().unwrap();
    assert_eq!(authorizations.len(), 1);
    assert_eq!(authorizations[0].domain_name(), "example.com");
    assert_eq!(authorizations[0].api_auth().wildcard, Some(true));
    let challenge = authorizations[0].dns_challenge();
    assert_eq!(challenge.dns_proof().len(), 43);
    challenge.validate(1).unwrap();
    order.refresh().unwrap();
    let order = order.confirm_validations().unwrap();
    let certificate = order.finalize_pkey(create_rsa_key(2048), 1).unwrap().download_and_save_cert().unwrap();
    assert_eq!(certificate.info().names, ["*.example.com".parse().unwrap()]);
    assert_eq!(account.certificate("*.example.com").unwrap(), Some(certificate));
}

#[test]
fn a_challenge_that_is_not_offered_is_none() {
    let ca = world::gentle().start().unwrap();
    let order = world::account(&ca).new_order("*.example.com", &[]).unwrap();
    let authorizations = order.authorizations().unwrap();
    assert!(authorizations[0].challenge(ChallengeType::Http01).is_none());
    assert!(authorizations[0].challenge(ChallengeType::Other("dns-account-01".into())).is_none());
    assert!(authorizations[0].challenge(ChallengeType::Dns01).is_some());
}

#[test]
#[should_panic(expected = "the CA offers no http-01 for example.com")]
fn the_old_accessor_panics_where_a_challenge_is_not_offered() {
    let ca = world::gentle().start().unwrap();
    let order = world::account(&ca).new_order("*.example.com", &[]).unwrap();
    let _ = order.authorizations().unwrap()[0].http_challenge();
}

#[test]
#[should_panic(expected = "not 1024")]
fn a_key_of_a_size_that_no_ca_takes_panics() {
    let _ = create_rsa_key(1024);
}

#[test]
fn the_proofs_are_those_of_the_rfcs() {
    let ca = world::gentle().start().unwrap();
    let order = world::account(&ca).new_order("example.com", &[]).unwrap();
    let authorization = order.authorizations().unwrap().remove(0);
    let http = authorization.http_challenge();
    let (token, thumbprint) =
        http.http_proof().split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(token, http.http_token());
    assert_eq!(thumbprint.len(), 43);
    let dns = authorization.dns_challenge();
    let expected = acme_keys::sha256(dns.response().key_authorization().as_bytes());
    assert_eq!(dns.dns_proof(), base64(&expected));
    let tls = authorization.tls_alpn_challenge();
    assert_eq!(tls.tls_alpn_proof(), acme_keys::sha256(tls.response().key_authorization().as_bytes()));
    assert!(http.need_validate() && dns.need_validate() && tls.need_validate());
}

fn base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets)
}

/// A CA may return the identifiers in another order (RFC 8555, section 7.4).
#[test]
fn a_certificate_is_kept_under_the_name_that_the_caller_gave_first() {
    for seed in 0..6 {
        let mut config = Config::gentle();
        (config.reorder_identifiers, config.always_valid, config.seed) = (true, true, seed);
        let ca = TestCa::builder().config(config).start().unwrap();
        let account = world::account(&ca);
        let certificate = world::certificate(&account, "example.com", &["*.example.com", "a.example.com"]);
        assert_eq!(account.certificate("example.com").unwrap(), Some(certificate), "seed {seed}");
        assert_eq!(account.certificate("*.example.com").unwrap(), None);
        assert_eq!(account.certificate("a.example.com").unwrap(), None);
    }
}

#[test]
fn names_given_twice_count_once() {
    let ca = world::gentle().start().unwrap();
    let order = world::account(&ca).new_order("Example.com", &["example.com.", "www.example.com"]).unwrap();
    assert_eq!(order.api_order().domains(), ["example.com", "www.example.com"]);
}

#[test]
fn a_name_that_no_ca_certifies_is_refused_before_any_request() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let requests = ca.requests().len();
    for name in ["", "a..b", "a/b", "bücher.example", "a_b.example", "*.*.example", "../../etc/passwd"] {
        let error = account.new_order(name, &[]).unwrap_err();
        assert!(error.to_string().contains("can't be certified"), "{name}: {error}");
    }
    assert_eq!(ca.requests().len(), requests);
}

#[test]
fn accounts_and_certificates_are_kept_by_realm() {
    let ca = world::gentle().start().unwrap();
    let persist = MemoryPersist::new();
    let directory = world::directory(&ca, persist.clone());
    let one = directory.account_with_realm("one", None).unwrap();
    let two = directory.account_with_realm("two", Some(vec!["mailto:two@example.com".into()])).unwrap();
    assert_eq!(ca.counts().accounts, 2);
    assert_eq!(one.api_account().contact, None);
    assert_eq!(two.api_account().contact.as_deref(), Some(&["mailto:two@example.com".to_owned()][..]));
    let certificate = world::certificate(&one, "example.com", &[]);
    assert_eq!(two.certificate("example.com").unwrap(), None);
    // Opened again, it is the same account.
    let again = directory.account_with_realm("one", None).unwrap();
    assert_eq!((again.url(), again.acme_private_key_pem()), (one.url(), one.acme_private_key_pem()));
    assert_eq!(again.certificate("example.com").unwrap(), Some(certificate));
    assert_eq!(ca.counts().accounts, 2);
}

#[test]
fn a_persist_gets_the_three_kinds() {
    let ca = world::gentle().start().unwrap();
    let persist = MemoryPersist::new();
    let account = world::directory(&ca, persist.clone()).account(EMAIL).unwrap();
    let certificate = world::certificate(&account, "example.com", &[]);
    let kept = |kind, key| persist.get(&PersistKey::new(EMAIL, kind, key)).unwrap();
    let key = kept(PersistKind::AccountPrivateKey, "acme_account").unwrap();
    assert_eq!(key, account.acme_private_key_pem().into_bytes());
    let key = kept(PersistKind::PrivateKey, "example.com").unwrap();
    assert_eq!(key, certificate.private_key().as_bytes());
    let chain = kept(PersistKind::Certificate, "example.com").unwrap();
    assert_eq!(chain, certificate.certificate().as_bytes());
    assert_eq!(kept(PersistKind::Certificate, "example.org"), None);
}

#[test]
fn a_revoked_certificate_can_be_revoked_again() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let certificate = world::certificate(&account, "example.com", &[]);
    account.revoke_certificate(&certificate, RevocationReason::KeyCompromise).unwrap();
    assert_eq!(ca.issued()[0].revoked.map(|(_, reason)| reason), Some(1));
    account.revoke_certificate(&certificate, RevocationReason::Superseded).unwrap();
    assert_eq!(ca.counts().revoked, 1);
    // What is kept stays as it is.
    assert_eq!(account.certificate("example.com").unwrap(), Some(certificate));
}

#[test]
fn a_certificate_is_revoked_by_its_text() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let certificate = world::certificate(&account, "example.com", &[]);
    let error = account.revoke_pem("no PEM", RevocationReason::Unspecified).unwrap_err();
    assert!(matches!(error, acme_lib::Error::Key(_)), "{error:?}");
    assert_eq!(world::count(&ca, Operation::Revoke), 0);
    account.revoke_pem(certificate.certificate(), RevocationReason::Unspecified).unwrap();
    assert_eq!(ca.counts().revoked, 1);
}

#[test]
fn a_certificate_is_revoked_with_its_own_key() {
    let ca = world::gentle().start().unwrap();
    let certificate = world::certificate(&world::account(&ca), "example.com", &[]);
    let directory = world::directory(&ca, MemoryPersist::new());
    let revoke = |key: &str| {
        directory.revoke_with_key(certificate.certificate(), key, RevocationReason::KeyCompromise)
    };
    let other = create_p256_key().to_pem();
    let acme_lib::Error::Key(error) = revoke(&other).unwrap_err() else { panic!("the key is no reason") };
    assert!(matches!(*error, acme_keys::Error::KeyMismatch));
    assert_eq!(world::count(&ca, Operation::Revoke), 0);
    revoke(certificate.private_key()).unwrap();
    assert_eq!(ca.issued()[0].revoked.map(|(_, reason)| reason), Some(1));
    assert_eq!(ca.counts().accounts, 1);
    // Once more is no error.
    revoke(certificate.private_key()).unwrap();
}

/// One in 128 signatures has a leading zero octet that must not be left out; the CA refuses
/// signatures of any other length than the algorithm's (RFC 7518, section 3.4).
#[test]
fn three_hundred_signatures_are_all_of_full_length() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    for _ in 0..300 {
        account.read().unwrap();
    }
    assert!(ca.requests().iter().all(|request| request.status.is_some_and(|status| status < 400)));
}

/// The same for the coordinates of the key itself.
#[test]
fn two_hundred_account_keys_are_all_taken() {
    let ca = world::gentle().start().unwrap();
    let directory = world::directory(&ca, MemoryPersist::new());
    for n in 0..200 {
        directory.account_with_realm(&format!("realm {n}"), None).unwrap();
    }
    assert_eq!(ca.counts().accounts, 200);
}

#[test]
fn the_debugging_accessors_say_what_the_ca_said() {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.terms_of_service = Some("https://ca.test/terms".into());
    let ca = TestCa::builder().config(config).start().unwrap();
    let directory = world::directory(&ca, MemoryPersist::new());
    assert!(directory.api_directory().newOrder.ends_with("/new-order"));
    assert!(directory.api_directory().revokeCert.ends_with("/revoke-cert"));
    let meta = directory.api_directory().meta.clone().unwrap();
    assert_eq!(meta.termsOfService.as_deref(), Some("https://ca.test/terms"));
    assert!(!meta.externalAccountRequired());
    let account = directory.account(EMAIL).unwrap();
    assert!(account.api_account().is_status_valid());
    let mut order = account.new_order("example.com", &[]).unwrap();
    assert!(order.api_order().is_status_pending());
    let authorization = order.authorizations().unwrap().remove(0);
    assert!(authorization.api_auth().is_status_pending());
    assert_eq!(authorization.api_auth().identifier.value, "example.com");
    assert!(authorization.api_auth().identifier.is_type_dns());
    let challenge = authorization.http_challenge();
    assert_eq!(challenge.api_challenge()._type, "http-01");
    assert_eq!(challenge.api_challenge().token, challenge.http_token());
    challenge.validate(1).unwrap();
    order.refresh().unwrap();
    assert!(order.api_order().is_status_ready());
    let order = order.confirm_validations().unwrap();
    assert!(order.api_order().is_status_ready());
    let order = order.finalize_pkey(create_p256_key(), 1).unwrap();
    assert!(order.api_order().is_status_valid());
    assert!(order.api_order().certificate.is_some());
    let json = serde_json::to_value(order.api_order()).unwrap();
    assert_eq!(json["status"], "valid");
}

/// RFC 8555, section 11.1: the CSR's key must not be the account's.
#[test]
fn the_account_key_is_no_key_for_a_certificate() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let order = world::prove(account.new_order("example.com", &[]).unwrap());
    let error = order.finalize(&account.acme_private_key_pem(), 1).unwrap_err();
    assert_eq!(error.to_string(), "the certificate's key is the account's key");
    assert_eq!(world::count(&ca, Operation::Finalize), 0);
}

#[test]
fn a_key_that_is_none_is_refused() {
    let ca = world::gentle().start().unwrap();
    let order = world::prove(world::account(&ca).new_order("example.com", &[]).unwrap());
    assert!(order.finalize("-----BEGIN NOTHING-----", 1).is_err());
    assert!(PrivateKey::from_pem("").is_err());
}
