//! What is behind the feature `preview`: accounts with keys of ML-DSA (RFC 9964).

use acme_lib::{AccountKey, Http01, IssueRequest, ProblemKind, RevocationReason, proto};
use acme_testca::{Config, TestCa, TestCaBuilder};
use proto::{Algorithm, Signer};

use crate::issue::Desk;
use crate::world;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];

fn taking() -> TestCaBuilder {
    let mut config = Config::gentle();
    config.ml_dsa = true;
    TestCa::builder().config(config)
}

/// The CA validates for real, so that the thumbprint is right; a newAccount of ML-DSA-87 has 11 kB.
#[test]
fn account_of_ml_dsa_orders_gets_and_revokes_a_certificate() {
    for algorithm in ALGORITHMS {
        let mut solver = Http01::bind("127.0.0.1:0").unwrap();
        let ca = taking().http_port(solver.local_addr().port()).start().unwrap();
        let account = world::builder(&ca).key(AccountKey::generate(algorithm).unwrap()).open().unwrap();
        let certificate = account.issue(&IssueRequest::new(["example.test"]), &mut solver).unwrap();
        assert_eq!(certificate.certificate_der(), ca.issued()[0].der);
        account.revoke_certificate(&certificate, RevocationReason::Superseded).unwrap();
        assert_eq!(ca.issued()[0].revoked.unwrap().1, 4);
    }
}

/// The request holds a request of the new key, and has 20 kB.
#[test]
fn account_changes_to_ml_dsa_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let ca = taking().always_valid().start().unwrap();
    let open = || world::builder(&ca).key_file(directory.path().join("account.pem")).open().unwrap();
    let account = open();
    for algorithm in ALGORITHMS.into_iter().chain([Algorithm::Es256]) {
        account.change_key(AccountKey::generate(algorithm).unwrap()).unwrap();
        let again = open();
        assert_eq!(AccountKey::from_pem(again.acme_private_key_pem()).unwrap().algorithm(), algorithm);
        again.issue(&IssueRequest::new(["example.test"]), &mut Desk::default()).unwrap();
    }
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn ca_that_does_not_take_it_says_so() {
    let ca = world::gentle().start().unwrap();
    let key = AccountKey::generate(Algorithm::MlDsa44).unwrap();
    let error = world::builder(&ca).key(key).open().unwrap_err();
    assert_eq!(world::refusal(&error).problem.kind, ProblemKind::BadSignatureAlgorithm);
}
