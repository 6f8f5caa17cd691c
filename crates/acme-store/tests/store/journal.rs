//! Orders in flight and the challenges that are in place.

use std::collections::BTreeMap;

use acme_proto::{Challenge, ChallengeType, StoreError};
use acme_store::{ChallengeMethod, ChallengeMethods, Error, Journal, Store};

use super::support::{Fixture, at, chain, challenge, checkpoint, key_pem, name, publication};

fn tokens(store: &Store) -> Vec<String> {
    store.presented().unwrap().into_iter().map(|presented| presented.challenge.token).collect()
}

#[test]
fn a_checkpoint_is_found_by_the_next_process() {
    let fixture = Fixture::published(0);
    let journal: Journal = fixture.store.journal(&name());
    assert_eq!(*journal.certificate(), name());
    let saved: Result<(), StoreError> = journal.save(&checkpoint(&[]));
    saved.unwrap();
    journal.save(&checkpoint(&["one"])).unwrap();
    let found = fixture.reopen().checkpoint(&name()).unwrap().unwrap();
    assert_eq!(found, checkpoint(&["one"]));
    assert_eq!(found.intent.private_key.unwrap().expose(), key_pem(0));
    fixture.store.clear_checkpoint(&name()).unwrap();
    assert!(fixture.store.checkpoint(&name()).unwrap().is_none());
}

#[test]
fn a_challenge_is_known_until_it_was_taken_away() {
    let fixture = Fixture::published(0);
    let journal = fixture.store.journal(&name());
    journal.save(&checkpoint(&["one", "two"])).unwrap();
    journal.save(&checkpoint(&["three"])).unwrap();
    journal.withdrawn(&[challenge("two")]).unwrap();
    assert_eq!(tokens(&fixture.reopen()), ["one", "three"]);
    fixture.store.publish(&name(), &publication(1), at(1)).unwrap();
    assert!(fixture.store.checkpoint(&name()).unwrap().is_none());
    fixture.store.delete_certificate(&name()).unwrap();
    assert_eq!(tokens(&fixture.reopen()), ["one", "three"]);
    journal.withdrawn(&[challenge("one"), challenge("three")]).unwrap();
    assert!(tokens(&fixture.store).is_empty());
}

#[test]
fn a_challenge_is_listed_with_the_place_where_it_was_put() {
    let fixture = Fixture::published(0);
    let first = ChallengeMethod::Webroot { dir: "/srv/first".into() };
    let mut settings = fixture.store.certificate(&name()).unwrap().unwrap().settings;
    settings.challenge = first.clone().into();
    fixture.store.update_settings(&name(), &settings).unwrap();
    fixture.store.save_checkpoint(&name(), &checkpoint(&["one"])).unwrap();
    settings.challenge = ChallengeMethod::Webroot { dir: "/srv/second".into() }.into();
    fixture.store.update_settings(&name(), &settings).unwrap();
    let presented = fixture.store.presented().unwrap();
    assert_eq!((presented.len(), &presented[0].method), (1, &first));
    assert_eq!(presented[0].certificate, name());
    assert_eq!(presented[0].challenge, challenge("one"));
}

#[test]
fn a_challenge_is_listed_with_the_method_of_its_name_and_type() {
    let fixture = Fixture::published(0);
    let webroot = ChallengeMethod::Webroot { dir: "/srv".into() };
    let tls = ChallengeMethod::TlsAlpn { listen: Vec::new() };
    let dns = ChallengeMethod::Dns { provider: "cloudflare".into(), files: BTreeMap::new() };
    let mut settings = fixture.store.certificate(&name()).unwrap().unwrap().settings;
    settings.challenge = ChallengeMethods::new([webroot.clone(), tls.clone()]).unwrap();
    settings.challenges = BTreeMap::from([("*.example.com".into(), dns.clone().into())]);
    fixture.store.update_settings(&name(), &settings).unwrap();
    let (by_file, mut by_tls, mut by_record) = (challenge("one"), challenge("three"), challenge("two"));
    by_tls.kind = ChallengeType::TlsAlpn01;
    (by_record.kind, by_record.wildcard) = (ChallengeType::Dns01, true);
    let mut checkpoint = checkpoint(&[]);
    checkpoint.presented = vec![by_file, by_tls, by_record];
    fixture.store.save_checkpoint(&name(), &checkpoint).unwrap();
    let presented = fixture.store.presented().unwrap();
    let methods: Vec<_> = presented.into_iter().map(|presented| presented.method).collect();
    assert_eq!(methods, [webroot, tls, dns]);
}

#[test]
fn a_response_of_another_account_key_is_another_challenge() {
    let fixture = Fixture::published(0);
    let mut rolled = serde_json::to_value(challenge("one")).unwrap();
    rolled["key_authorization"] = "one.other".into();
    let rolled: Challenge = serde_json::from_value(rolled).unwrap();
    let mut checkpoint = checkpoint(&["one"]);
    fixture.store.save_checkpoint(&name(), &checkpoint).unwrap();
    checkpoint.presented = vec![rolled.clone()];
    fixture.store.save_checkpoint(&name(), &checkpoint).unwrap();
    assert_eq!(fixture.store.presented().unwrap().len(), 2);
    fixture.store.challenges_withdrawn(&name(), &[rolled]).unwrap();
    assert_eq!(fixture.store.presented().unwrap()[0].challenge, challenge("one"));
}

#[test]
fn a_damaged_checkpoint_is_named_and_not_quoted() {
    let fixture = Fixture::published(0);
    fixture.store.save_checkpoint(&name(), &checkpoint(&[])).unwrap();
    fixture.sql("UPDATE checkpoints SET body = json_set(body, '$.intent', 'secret key')");
    let error = fixture.store.checkpoint(&name()).unwrap_err();
    assert!(matches!(error, Error::DamagedItem { .. }), "{error:?}");
    let text = chain(&error) + &format!("{error:?}");
    assert!(text.starts_with("the checkpoint of 'example.com' in "), "{text}");
    assert!(!text.contains("secret"), "{text}");
    fixture.store.clear_checkpoint(&name()).unwrap();
    assert!(fixture.store.checkpoint(&name()).unwrap().is_none());
}

#[test]
fn a_damaged_challenge_does_not_hide_the_others() {
    let fixture = Fixture::published(0);
    fixture.store.save_checkpoint(&name(), &checkpoint(&["one", "two"])).unwrap();
    fixture.sql("UPDATE challenges SET challenge = '{' WHERE url LIKE '%one'");
    assert_eq!(tokens(&fixture.store), ["two"]);
}

#[test]
fn a_checkpoint_that_can_not_be_saved_says_why() {
    let fixture = Fixture::new();
    let error = fixture.store.journal(&name()).save(&checkpoint(&[])).unwrap_err();
    assert!(!error.is_temporary());
    assert!(matches!(error.get_ref().downcast_ref(), Some(Error::NoSuchCertificate { .. })));
}
