//! What an issuance is asked for: names, a CSR for them, and a key that is not the account's.

use std::sync::Arc;

use acme_proto::{Error, Identifier, Intent, Issue, Misuse, limits};

use super::ca::ACCOUNT;
use super::der::{csr, public_key};
use super::world::{CERTIFICATE_KEY, ToySigner, World, issue, many, names, texts};

fn misuse(intent: Intent) -> Misuse {
    let error = Issue::new(intent, Vec::new()).unwrap_err();
    let Error::Misuse(misuse) = error else { panic!("{error}") };
    assert!(!Error::from(misuse.clone()).is_temporary());
    misuse
}

#[test]
fn names_are_counted() {
    let most = many(limits::MAX_IDENTIFIERS);
    let _ = issue(&texts(&most));
    let identifiers = names(&texts(&many(limits::MAX_IDENTIFIERS + 1)));
    let request = csr(&identifiers, &public_key(CERTIFICATE_KEY));
    assert_eq!(misuse(Intent::new(identifiers, request, None)), Misuse::TooManyNames(1001));
    let request = csr(&[], &public_key(CERTIFICATE_KEY));
    assert_eq!(misuse(Intent::new(Vec::new(), request, None)), Misuse::TooManyNames(0));
}

#[test]
fn csr_has_to_be_for_exactly_these_names() {
    for (in_csr, got) in [
        (&["b.example"][..], "b.example"),
        (&["a.example", "b.example"], "a.example, b.example"),
        (&["*.a.example"], "*.a.example"),
        (&[], ""),
    ] {
        let request = csr(&names(in_csr), &public_key(CERTIFICATE_KEY));
        let wanted = Misuse::CsrNames { wanted: "a.example".into(), got: got.into() };
        assert_eq!(misuse(Intent::new(names(&["a.example"]), request, None)), wanted);
    }
}

#[test]
fn order_and_case_of_the_names_in_a_csr_do_not_matter() {
    let shuffled = [Identifier::Dns("B.Example".into()), Identifier::Dns("a.example".into())];
    let request = csr(&shuffled, &public_key(CERTIFICATE_KEY));
    assert!(Issue::new(Intent::new(names(&["a.example", "b.example"]), request, None), Vec::new()).is_ok());
}

#[test]
fn csr_that_can_not_be_read_is_refused() {
    let whole = csr(&names(&["a.example"]), &public_key(CERTIFICATE_KEY));
    for end in 0..whole.len() {
        assert_eq!(misuse(Intent::new(names(&["a.example"]), whole[..end].to_vec(), None)), Misuse::Csr);
    }
}

#[test]
fn key_of_the_account_is_not_certified() {
    let mut world = World::cold();
    let signer = ToySigner::account().with_public_key(public_key(CERTIFICATE_KEY));
    world.session.sign_in(ACCOUNT, Arc::new(signer)).unwrap();
    let error = world.issue(&["a.example"]).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::AccountKeyInCsr)), "{error}");
    assert_eq!(world.exchanges, 0);
}

#[test]
fn session_without_an_account_can_not_order() {
    let mut world = World::cold();
    let error = world.issue(&["a.example"]).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::NoAccount)), "{error}");
    assert_eq!(world.exchanges, 0);
}
