//! The library's one call against Pebble.

use std::sync::{Arc, Mutex};

use acme_conformance::pebble::{self, Pebble, Settings};
use acme_lib::{Account, DirectoryUrl, Http01, IssueRequest, KeyType, RevocationReason};

fn account(pebble: &Pebble) -> Account {
    Account::builder(DirectoryUrl::Other(&pebble.directory_url()))
        .agree_to_terms()
        .root_pem(pebble.root_pem().unwrap())
        .open()
        .unwrap()
}

#[test]
fn a_certificate_is_issued_and_revoked() {
    with_solver(|pebble, solver| {
        let account = account(pebble);
        let request = IssueRequest::new(["example.test"]);
        let certificate = account.issue(&request, solver).unwrap();
        assert!(certificate.renew_after() > certificate.info().not_before);
        account.revoke_certificate(&certificate, RevocationReason::Superseded).unwrap();
    });
}

#[test]
fn every_key_type_is_taken() {
    with_solver(|pebble, solver| {
        let account = account(pebble);
        for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Rsa2048] {
            let request = IssueRequest::new(["example.test"]).key_type(key_type);
            assert!(account.issue(&request, solver).is_ok(), "{key_type}");
        }
    });
}

#[test]
fn an_order_of_ten_names_is_issued() {
    with_solver(|pebble, solver| {
        let names: Vec<String> = (0..10).map(|n| format!("n{n}.example.test")).collect();
        let certificate = account(pebble).issue(&IssueRequest::new(names), solver).unwrap();
        assert_eq!(certificate.info().names.len(), 10);
    });
}

#[test]
fn a_wrong_response_ends_in_the_reason() {
    with_solver(|pebble, _| {
        // A solver on another port than the one that Pebble asks.
        let mut elsewhere = Http01::bind("127.0.0.1:0").unwrap();
        let request = IssueRequest::new(["example.test"]);
        let error = account(pebble).issue(&request, &mut elsewhere).unwrap_err();
        let refusal = error.as_acme().and_then(|error| error.refusal().cloned()).unwrap();
        assert_eq!(refusal.identifier, Some("example.test".parse().unwrap()));
        assert!(!error.is_temporary());
    });
}

fn with_solver(test: fn(&Pebble, &mut Http01)) {
    let solver = Http01::bind("127.0.0.1:0").unwrap();
    let settings = Settings { http_port: solver.local_addr().port(), nonce_reject: None };
    let solver = Arc::new(Mutex::new(solver));
    pebble::with(&settings, move |pebble| test(pebble, &mut solver.lock().unwrap()));
}
