//! Revoking a certificate: that it was revoked before is success.

use std::sync::Arc;

use acme_proto::{Error, Misuse, Operation, RevocationReason, Revoke};
use serde_json::json;

use super::ca::{Action, Canned};
use super::world::{ToySigner, World};

#[test]
fn certificate_is_revoked_by_the_account() {
    let mut world = World::warm();
    world.run(&mut Revoke::by_account(b"certificate", RevocationReason::Superseded)).unwrap();
    assert_eq!(world.transcript(), r#"revokeCert /revoke {"certificate":"Y2VydGlmaWNhdGU","reason":4}"#);
}

#[test]
fn certificate_is_revoked_by_its_own_key_without_an_account() {
    let mut world = World::cold();
    let key = Arc::new(ToySigner::account());
    world.run(&mut Revoke::by_certificate_key(b"certificate", RevocationReason::KeyCompromise, key)).unwrap();
    assert_eq!((world.count("revokeCert"), world.count("newAccount")), (1, 0));
}

#[test]
fn certificate_that_was_revoked_before_is_revoked() {
    let mut world = World::warm();
    for _ in 0..2 {
        world.run(&mut Revoke::by_account(b"certificate", RevocationReason::Unspecified)).unwrap();
    }
    world.ca.revoked = 0;
    world.ca.fail(Operation::RevokeCert, Action::Lost);
    world.run(&mut Revoke::by_account(b"certificate", RevocationReason::Unspecified)).unwrap();
}

#[test]
fn refused_revocation_is_an_error() {
    let mut world = World::warm();
    world.ca.answer(Operation::RevokeCert, Canned::problem(400, "badRevocationReason"));
    let error = world.run(&mut Revoke::by_account(b"x", RevocationReason::CertificateHold)).unwrap_err();
    assert_eq!(error.to_string(), "the CA refused revokeCert: badRevocationReason: as scripted");
}

#[test]
fn ca_without_revocation_is_named() {
    let mut world = World::cold();
    world.ca.directory.insert("revokeCert", json!(null));
    world.open_account();
    let error = world.run(&mut Revoke::by_account(b"x", RevocationReason::Unspecified)).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NotOffered(Operation::RevokeCert))), "{error}");
}
