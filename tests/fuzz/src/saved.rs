//! What people type, and what was stored.

use acme_proto::{ChallengeType, Checkpoint, Identifier, Issue};
use acme_store::Settings;

pub(crate) fn checkpoint(data: &[u8]) {
    let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(data) else { return };
    let again = serde_json::to_vec(&checkpoint).expect("JSON");
    assert_eq!(serde_json::from_slice::<Checkpoint>(&again).expect("the same"), checkpoint);
    for challenge in &checkpoint.presented {
        let _ = (challenge.http_path(), challenge.dns_name(), challenge.dns_value());
    }
    let names = checkpoint.intent.identifiers.iter();
    let choices = names.map(|name| (name.clone(), vec![ChallengeType::Http01])).collect();
    let _ = Issue::resume_from(checkpoint, choices);
}

pub(crate) fn identifier(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(identifier) = text.parse::<Identifier>() else { return };
    assert_eq!(identifier.to_string().parse::<Identifier>(), Ok(identifier.clone()));
    let json = serde_json::to_string(&identifier).expect("JSON");
    assert_eq!(serde_json::from_str::<Identifier>(&json).expect("the same"), identifier);
    assert!(!identifier.base().is_wildcard());
    assert!(identifier.to_string().len() <= Identifier::MAX_NAME + 2);
}

pub(crate) fn settings(data: &[u8]) {
    let Ok(settings) = serde_json::from_slice::<Settings>(data) else { return };
    let again = serde_json::to_vec(&settings).expect("JSON");
    let again: Settings = serde_json::from_slice(&again).expect("the same");
    assert_eq!(again, settings);
    assert!(settings.changes(&again).is_empty());
    let _ = settings.changes(&Settings::default());
    for name in &settings.names {
        let _ = settings.challenge_for(name);
    }
}
