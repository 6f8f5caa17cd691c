//! What CAs say about when to renew, and keys that are not to be used again.

use acme_store::Renewal;

use super::support::{Fixture, at, name, publication};

/// What a CA may say, drawn.
fn renewal() -> Renewal {
    let window = serde_json::json!({"start": at(100), "end": at(200)});
    let moment = serde_json::json!({"window": window, "at": at(150)});
    let mut renewal = Renewal::new(at(60));
    renewal.moment = serde_json::from_value(moment).unwrap();
    renewal.explanation_url = Some("https://ca.example/why".to_owned());
    renewal
}

#[test]
fn what_the_ca_said_is_kept_and_sets_when_it_is_due() {
    let fixture = Fixture::published(1);
    let record = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!(record.renewal, None);
    assert!(fixture.store.note_renewal(&name(), 1, &renewal(), Some(at(150))).unwrap());
    let record = fixture.reopen().certificate(&name()).unwrap().unwrap();
    assert_eq!((record.renewal, record.due), (Some(renewal()), Some(at(150))));
    assert!(fixture.store.note_renewal(&name(), 1, &Renewal::new(at(70)), None).unwrap());
    let record = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!((record.renewal, record.due), (Some(Renewal::new(at(70))), Some(at(150))));
}

#[test]
fn what_was_said_of_the_generation_before_is_not_kept() {
    let fixture = Fixture::published(1);
    fixture.store.note_renewal(&name(), 1, &renewal(), Some(at(150))).unwrap();
    fixture.store.publish(&name(), &publication(2), at(2)).unwrap();
    let published = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!(published.renewal, None);
    assert!(!fixture.store.note_renewal(&name(), 1, &renewal(), Some(at(150))).unwrap());
    assert_eq!(fixture.store.certificate(&name()).unwrap().unwrap(), published);
}

#[test]
fn what_can_not_be_read_damages_one_certificate_only() {
    let fixture = Fixture::published(1);
    fixture.sql("UPDATE certificates SET renewal = '{}'");
    let listing = fixture.store.certificates().unwrap();
    assert_eq!((listing.records.len(), listing.damaged.len()), (0, 1));
}

#[test]
fn a_compromised_key_is_remembered_for_good() {
    let fixture = Fixture::new();
    fixture.store.note_compromised_key([7; 32], at(0)).unwrap();
    fixture.store.note_compromised_key([7; 32], at(1)).unwrap();
    let store = fixture.reopen();
    assert!(store.is_compromised_key([7; 32]).unwrap());
    assert!(!store.is_compromised_key([8; 32]).unwrap());
}
