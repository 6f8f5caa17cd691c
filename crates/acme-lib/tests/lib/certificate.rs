//! Certificates with their keys.

use std::time::Duration;

use acme_keys::CertificateKey;
use acme_lib::{Certificate, KeyType, PrivateKey, create_p256_key};
use acme_testca::{Ca, Config};
use jiff::{SignedDuration, Timestamp};

use crate::in_process::{BASE, World, account_key, names};
use crate::world;

const DAY: i64 = 24 * 3600;

/// A certificate that was issued at some time.
fn issued_at(at: Timestamp, lifetime: Duration) -> Certificate {
    let mut config = Config::gentle();
    (config.base_url, config.certificate_lifetime) = (BASE.to_owned(), lifetime);
    let mut world = World::with(Ca::new(config, at).unwrap(), at);
    let mut session = world.session();
    world.open(&mut session, &account_key()).unwrap();
    let issued = world.issue(&mut session, &names(1)).unwrap();
    let key = world.saved.unwrap().intent.private_key.unwrap();
    Certificate::from_pem(key.expose().to_owned(), issued.chain.to_pem()).unwrap()
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

/// The old library said 0, always.
#[test]
fn the_days_that_are_left_are_right() {
    let now = Timestamp::now();
    for (age_days, lifetime, expected) in [(0, 90, 89), (60, 90, 29), (90, 90, -1), (0, 6, 5)] {
        // The CA sets the beginning an hour back, so that of the last day an hour is gone.
        let at = now - SignedDuration::from_secs(age_days * DAY);
        let certificate = issued_at(at, days(lifetime));
        assert_eq!(certificate.valid_days_left(), expected, "{age_days} of {lifetime} days");
    }
}

#[test]
fn the_days_since_the_end_are_counted_down() {
    let certificate = issued_at("2020-01-01T00:00:00Z".parse().unwrap(), days(90));
    let left = certificate.info().not_after.as_second() - Timestamp::now().as_second();
    assert!(left < 0);
    assert_eq!(certificate.valid_days_left(), (left as f64 / DAY as f64).floor() as i64);
}

#[test]
fn a_certificate_is_renewed_after_two_thirds_or_half_of_a_short_life() {
    for (lifetime, expected) in [(90, 60.0), (47, 47.0 / 1.5), (10, 10.0 / 1.5), (9, 4.5), (6, 3.0)] {
        let certificate = issued_at(crate::in_process::start(), days(lifetime));
        let after = certificate.renew_after().duration_since(certificate.info().not_before);
        let difference = after.as_secs_f64() - expected * DAY as f64;
        assert!(difference.abs() < 10.0, "{lifetime} days: {after:?}");
    }
}

#[test]
fn the_encodings_are_of_one_key_and_one_chain() {
    let certificate = issued_at(crate::in_process::start(), days(90));
    let key = CertificateKey::from_pem(certificate.private_key()).unwrap();
    assert_eq!(certificate.private_key_der(), key.private_key_der().secret_der());
    assert_eq!(certificate.rustls_key(), key.private_key_der());
    assert_eq!(certificate.chain_der().len(), 2);
    assert_eq!(certificate.certificate_der(), certificate.chain_der()[0].as_ref());
    let chain = acme_keys::certificates_from_pem(certificate.certificate()).unwrap();
    assert_eq!(chain, certificate.chain_der());
    assert!(certificate.private_key().starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

#[test]
fn a_key_and_a_chain_that_do_not_belong_together_are_no_certificate() {
    let certificate = issued_at(crate::in_process::start(), days(90));
    let chain = certificate.certificate().to_owned();
    let error = Certificate::from_pem(create_p256_key().to_pem(), chain.clone()).unwrap_err();
    assert!(matches!(error, acme_keys::Error::KeyMismatch), "{error:?}");
    assert!(matches!(Certificate::from_pem(String::new(), chain), Err(acme_keys::Error::Pem { .. })));
    let key = certificate.private_key().to_owned();
    assert!(matches!(Certificate::from_pem(key, "no PEM".into()), Err(acme_keys::Error::Pem { .. })));
}

#[test]
fn keys_are_made_and_read_again() {
    for key_type in KeyType::ALL {
        let key = PrivateKey::generate(key_type).unwrap();
        assert_eq!(PrivateKey::from_pem(&key.to_pem()).unwrap().to_pem(), key.to_pem());
    }
    assert_ne!(create_p256_key().to_pem(), create_p256_key().to_pem());
}

#[test]
fn what_is_kept_is_read_without_the_ca() {
    let ca = world::gentle().start().unwrap();
    let account = world::account(&ca);
    let certificate = world::certificate(&account, "a.example", &[]);
    let requests = ca.requests().len();
    assert_eq!(account.certificate("a.example").unwrap(), Some(certificate));
    assert_eq!(account.certificate("b.example").unwrap(), None);
    assert_eq!(ca.requests().len(), requests);
}
