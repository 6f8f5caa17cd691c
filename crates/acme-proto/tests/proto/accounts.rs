//! Accounts: found or made, with terms and an external account.

use std::sync::Arc;

use acme_proto::{
    Account, AccountStatus, ContactError, Delivery, Error, Misuse, OpenAccount, Operation, ProblemKind,
    Registration, Thumbprint,
};
use serde_json::{Value, json};

use super::ca::{ACCOUNT, Action, Canned};
use super::sha256::sha256;
use super::world::{ToySigner, World};

fn open(registration: Registration) -> OpenAccount {
    OpenAccount::new(Arc::new(ToySigner::account()), registration)
}

/// The payload of the last newAccount.
fn payload(world: &World) -> Value {
    let line = world.transcript().lines().rfind(|line| line.starts_with("newAccount")).unwrap();
    serde_json::from_str(line.split_once("/new-account ").unwrap().1).unwrap()
}

#[test]
fn account_is_made_and_found_again() {
    let mut world = World::cold();
    let made = world.run(&mut open(Registration::new().contact(["mailto:a@b.example".to_string()]))).unwrap();
    assert_eq!((made.url.as_str(), made.status), (ACCOUNT, AccountStatus::Valid));
    assert_eq!(payload(&world), json!({"contact": ["mailto:a@b.example"]}));
    assert_eq!(world.session.account_url(), Some(ACCOUNT));
    let mut world = World::warm();
    let found = world.run(&mut open(Registration::only_existing())).unwrap();
    assert_eq!(found.url, ACCOUNT);
    assert_eq!(payload(&world), json!({"onlyReturnExisting": true}));
}

#[test]
fn account_that_is_not_there_is_not_made() {
    let mut world = World::cold();
    let error = world.run(&mut open(Registration::only_existing())).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.kind, ProblemKind::AccountDoesNotExist);
    assert_eq!((world.ca.accounts, world.session.account_url()), (0, None));
}

#[test]
fn terms_have_to_be_agreed_to_where_there_are_any() {
    let mut world = World::cold();
    world.ca.terms = Some("https://ca.test/terms");
    let error = world.run(&mut open(Registration::new())).unwrap_err();
    let Error::Misuse(misuse) = &error else { panic!("{error}") };
    assert_eq!(*misuse, Misuse::TermsNotAgreed("https://ca.test/terms".into()));
    assert_eq!(world.count("newAccount"), 0);
    world.run(&mut open(Registration::new().agree_to_terms())).unwrap();
    assert_eq!(payload(&world), json!({"termsOfServiceAgreed": true}));
}

#[test]
fn lost_new_account_is_repeated_with_the_same_key() {
    let mut world = World::cold();
    world.ca.fail(Operation::NewAccount, Action::Lost);
    world.run(&mut open(Registration::new())).unwrap();
    assert_eq!((world.count("newAccount"), world.ca.accounts), (2, 1));
}

#[test]
fn account_without_a_body_is_known_by_its_location() {
    for body in ["", "null", "<html>"] {
        let mut world = World::cold();
        world.ca.answer(Operation::NewAccount, Canned::new(201, body).header("location", "/acct/1"));
        assert_eq!(world.run(&mut open(Registration::new())).unwrap().url, ACCOUNT);
    }
    let mut world = World::cold();
    world.ca.answer(Operation::NewAccount, Canned::new(201, "{}"));
    let error = world.run(&mut open(Registration::new())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CA broke the protocol in its response to newAccount: the header Location is missing"
    );
}

#[test]
fn status_of_an_account_is_read() {
    for (status, wanted) in [
        (json!("deactivated"), AccountStatus::Deactivated),
        (json!("revoked"), AccountStatus::Revoked),
        (json!("dormant"), AccountStatus::Other("dormant".into())),
        (json!(7), AccountStatus::Valid),
    ] {
        let mut world = World::warm();
        let document = json!({"status": status, "contact": [7, "mailto:x"], "orders": "orders?cursor=1"});
        world.ca.answer(Operation::Account, Canned::new(200, document.to_string()));
        let account = world.run(&mut Account::read()).unwrap();
        assert_eq!((account.status, account.contact), (wanted, vec!["mailto:x".to_string()]));
        assert_eq!(account.orders.as_deref(), Some("https://ca.test/acct/orders?cursor=1"));
    }
}

#[test]
fn contacts_are_replaced() {
    let mut world = World::warm();
    world.run(&mut Account::update_contact(&["mailto:\"x\"@y.example".to_string()]).unwrap()).unwrap();
    assert_eq!(world.transcript(), r#"account /acct/1 {"contact":["mailto:\"x\"@y.example"]}"#);
}

/// What is not repeatable is not repeated: nobody knows whether it was carried out.
#[test]
fn lost_update_is_not_repeated() {
    let mut world = World::warm();
    world.ca.fail(Operation::Account, Action::Lost);
    let error = world.run(&mut Account::update_contact(&[]).unwrap()).unwrap_err();
    let Error::Transport { source, .. } = &error else { panic!("{error}") };
    assert_eq!((source.delivery, world.count("account")), (Delivery::Unknown, 1));
    world.ca.fail(Operation::Account, Action::NotSent);
    world.run(&mut Account::update_contact(&[]).unwrap()).unwrap();
}

#[test]
fn contact_that_no_ca_may_take_is_refused_before_any_request() {
    for (contact, wanted) in [
        ("mailto:a@b.example?subject=x", ContactError::HeaderFields),
        ("mailto:a@b.example,c@d.example", ContactError::SeveralAddresses),
        ("MAILTO:a@b.example,", ContactError::SeveralAddresses),
        ("mailto:", ContactError::NoAddress),
        ("a@b.example", ContactError::NotUrl),
        ("", ContactError::NotUrl),
        ("1:x", ContactError::NotUrl),
    ] {
        let mut world = World::cold();
        let contacts = ["mailto:fine@b.example".to_string(), contact.to_string()];
        for error in [
            world.run(&mut open(Registration::new().contact(contacts.clone()))).unwrap_err(),
            Account::update_contact(&contacts).unwrap_err(),
        ] {
            let Error::Misuse(Misuse::Contact { contact: named, source }) = &error else { panic!("{error}") };
            assert_eq!((named.as_str(), *source), (contact, wanted));
        }
        assert_eq!(world.exchanges, 0);
    }
    for contact in ["mailto:%22a,b%22@c.example".replace(',', "%2C"), "tel:+1,2?3".to_string()] {
        drop(Account::update_contact(&[contact]).unwrap());
    }
}

/// The key and the thumbprint of RFC 7638, section 3.1.
#[test]
fn thumbprint_is_that_of_the_rfc() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
             FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY\
             b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0L\
             s1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = acme_proto::Jwk::Rsa { e: "AQAB".into(), n: n.into() };
    let thumbprint = Thumbprint::new(&jwk, sha256);
    assert_eq!(thumbprint.as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(thumbprint.key_authorization("token"), "token.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn account_url_has_to_be_absolute_and_https() {
    let mut world = World::cold();
    for url in ["", "/acct/1", "http://ca.test/acct/1"] {
        let outcome = world.session.sign_in(url, Arc::new(ToySigner::account()));
        assert!(matches!(outcome, Err(Error::Misuse(Misuse::Url(_)))), "{url}");
    }
}
