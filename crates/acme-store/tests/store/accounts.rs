//! Accounts.

use acme_proto::SecretText;
use acme_store::{Account, Error};

use super::support::{DIRECTORY_URL, Fixture, at};

fn account(label: &str, key: &str) -> Account {
    Account::new(DIRECTORY_URL, label, SecretText::new(key.into()), at(0))
}

#[test]
fn the_key_is_kept_before_the_url_is_known() {
    let fixture = Fixture::new();
    fixture.store.create_account(&account("", "key")).unwrap();
    let store = fixture.reopen();
    let found = store.account(DIRECTORY_URL, "").unwrap().unwrap();
    assert_eq!((found.key_pem.expose(), found.url), ("key", None));
    let updated = store
        .update_account(DIRECTORY_URL, "", |account| {
            account.url = Some("https://ca.example/account/1".into());
            account.contacts = vec!["mailto:a@example.com".into()];
            account.terms_agreed_at = Some(at(1));
            account.external_account = Some("kid".into());
            account.root_pem = Some("root".into());
        })
        .unwrap();
    assert_eq!(fixture.reopen().account(DIRECTORY_URL, "").unwrap().unwrap(), updated);
    assert_eq!(updated.key_pem.expose(), "key");
}

#[test]
fn the_first_key_wins() {
    let fixture = Fixture::new();
    assert_eq!(fixture.store.create_account(&account("", "first")).unwrap().key_pem.expose(), "first");
    assert_eq!(fixture.store.create_account(&account("", "second")).unwrap().key_pem.expose(), "first");
}

#[test]
fn labels_and_directories_tell_accounts_apart() {
    let fixture = Fixture::new();
    fixture.store.create_account(&account("b", "1")).unwrap();
    fixture.store.create_account(&account("", "2")).unwrap();
    let mut elsewhere = account("", "3");
    elsewhere.directory_url = "https://another.example/directory".into();
    fixture.store.create_account(&elsewhere).unwrap();
    let keys: Vec<String> =
        fixture.store.accounts().unwrap().iter().map(|account| account.key_pem.expose().into()).collect();
    assert_eq!(keys, ["3", "2", "1"]);
    assert!(fixture.store.account(DIRECTORY_URL, "c").unwrap().is_none());
}

#[test]
fn an_update_sees_what_another_process_stored() {
    let fixture = Fixture::new();
    fixture.store.create_account(&account("", "old")).unwrap();
    let other = fixture.reopen();
    other
        .update_account(DIRECTORY_URL, "", |account| {
            account.next_key_pem = Some(SecretText::new("new".into()))
        })
        .unwrap();
    fixture
        .store
        .update_account(DIRECTORY_URL, "", |account| {
            account.key_pem = account.next_key_pem.take().unwrap();
            account.label = "ignored".into();
        })
        .unwrap();
    let found = other.account(DIRECTORY_URL, "").unwrap().unwrap();
    assert_eq!((found.key_pem.expose(), found.next_key_pem), ("new", None));
}

#[test]
fn a_removed_account_is_gone() {
    let fixture = Fixture::new();
    fixture.store.create_account(&account("", "key")).unwrap();
    fixture.store.remove_account(DIRECTORY_URL, "").unwrap();
    assert!(fixture.store.accounts().unwrap().is_empty());
    assert!(matches!(fixture.store.remove_account(DIRECTORY_URL, ""), Err(Error::NoSuchAccount { .. })));
    let updated = fixture.store.update_account(DIRECTORY_URL, "", |_| {});
    assert_eq!(updated.unwrap_err().to_string(), format!("there is no account '' at {DIRECTORY_URL}"));
}

#[test]
fn debug_hides_the_keys() {
    let mut secret = account("", "hush");
    secret.next_key_pem = Some(SecretText::new("hush".into()));
    assert!(!format!("{secret:?}").contains("hush"));
}
