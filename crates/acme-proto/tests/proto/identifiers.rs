//! Identifiers: strict for what people give, lenient for what a CA sends.

use acme_proto::{Identifier, IdentifierError};
use serde_json::json;

fn parsed(text: &str) -> Result<String, IdentifierError> {
    text.parse::<Identifier>().map(|identifier| format!("{}:{identifier}", identifier.kind()))
}

#[test]
fn names_are_brought_into_one_form() {
    for (text, wanted) in [
        ("example.com", "dns:example.com"),
        ("EXAMPLE.Com", "dns:example.com"),
        ("example.com.", "dns:example.com"),
        ("*.Example.com", "dns:*.example.com"),
        ("xn--bcher-kva.example", "dns:xn--bcher-kva.example"),
        ("localhost", "dns:localhost"),
        ("a-b.3com.example", "dns:a-b.3com.example"),
        ("192.0.2.1", "ip:192.0.2.1"),
        ("2001:DB8:0:0::1", "ip:2001:db8::1"),
        ("[2001:db8::1]", "ip:2001:db8::1"),
        ("::1", "ip:::1"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn names_that_can_not_be_certified_are_refused() {
    let hyphen = |label: &str| IdentifierError::Hyphen { label: label.into() };
    for (text, error) in [
        ("", IdentifierError::Empty),
        (".", IdentifierError::EmptyLabel),
        (".example.com", IdentifierError::EmptyLabel),
        ("a..example.com", IdentifierError::EmptyLabel),
        ("example.com..", IdentifierError::EmptyLabel),
        ("256.1.1.1", IdentifierError::Number),
        ("example.123", IdentifierError::Number),
        ("*", IdentifierError::Wildcard),
        ("*.", IdentifierError::Wildcard),
        ("*.*.example.com", IdentifierError::Wildcard),
        ("a.*.example.com", IdentifierError::Wildcard),
        ("a*.example.com", IdentifierError::Wildcard),
        ("*example.com", IdentifierError::Wildcard),
        ("-a.example.com", hyphen("-a")),
        ("a-.example.com", hyphen("a-")),
        ("_a.example.com", IdentifierError::Character('_')),
        ("a b.example.com", IdentifierError::Character(' ')),
        (" example.com", IdentifierError::Character(' ')),
        ("example.com\n", IdentifierError::Character('\n')),
        ("example.com/x", IdentifierError::Character('/')),
        ("https://example.com", IdentifierError::Character(':')),
        ("example.com:443", IdentifierError::Character(':')),
        ("a@example.com", IdentifierError::Character('@')),
        ("b\u{fc}cher.example", IdentifierError::NotAscii),
        ("[192.0.2.1", IdentifierError::Character('[')),
        ("[[2001:db8::1]]", IdentifierError::Character('[')),
        ("2001:db8::1]", IdentifierError::Character(':')),
        ("[example.com]", IdentifierError::Character('[')),
    ] {
        assert_eq!(parsed(text), Err(error), "{text}");
    }
}

#[test]
fn lengths_are_bounded() {
    let label = "a".repeat(Identifier::MAX_LABEL);
    assert!(parsed(&format!("{label}.example")).is_ok());
    let long = format!("a{label}");
    assert_eq!(parsed(&format!("{long}.example")), Err(IdentifierError::LongLabel { label: long }));
    let name = "a.".repeat(126) + "a";
    assert_eq!(name.len(), Identifier::MAX_NAME);
    assert!(parsed(&name).is_ok() && parsed(&format!("{name}.")).is_ok());
    assert_eq!(parsed(&format!("a{name}")), Err(IdentifierError::TooLong { length: 254 }));
}

#[test]
fn errors_say_what_to_do() {
    let text = |name: &str| name.parse::<Identifier>().unwrap_err().to_string();
    assert_eq!(text("a_b.example"), "'_' is not allowed in a DNS name");
    assert_eq!(text("\u{fc}.example"), "the name is not in ASCII; its A-label form (xn--\u{2026}) is needed");
    assert_eq!(text("a.*.b"), "a wildcard has to be the whole first label, once, as in *.example.com");
    let long = text(&format!("{}.example", "a".repeat(64)));
    assert!(long.ends_with("has 64 characters, 63 are allowed"), "{long}");
}

#[test]
fn what_a_ca_sends_is_read_leniently() {
    let read = |value| Identifier::from_json(&value).map(|identifier| identifier.to_string());
    assert_eq!(read(json!({"type": "dns", "value": "Example.COM."})).as_deref(), Some("example.com"));
    assert_eq!(read(json!({"type": "dns", "value": "_x.*.y"})).as_deref(), Some("_x.*.y"));
    assert_eq!(read(json!({"type": "ip", "value": "2001:0db8::0001"})).as_deref(), Some("2001:db8::1"));
    assert_eq!(read(json!({"type": "ip", "value": "nowhere"})).as_deref(), Some("nowhere"));
    assert_eq!(read(json!({"type": "TNAuthList", "value": "F83n"})).as_deref(), Some("F83n"));
    for value in [
        json!(null),
        json!("a"),
        json!({"type": "dns"}),
        json!({"value": "a"}),
        json!({"type": 1, "value": "a"}),
    ] {
        assert_eq!(read(value), None);
    }
}

#[test]
fn base_and_wildcard_are_told_apart() {
    let wildcard: Identifier = "*.example.com".parse().unwrap();
    assert!(wildcard.is_wildcard() && !wildcard.base().is_wildcard());
    assert_eq!(wildcard.base().to_string(), "example.com");
}

#[test]
fn identifiers_survive_being_written() {
    for text in ["*.example.com", "192.0.2.1", "2001:db8::1"] {
        let identifier: Identifier = text.parse().unwrap();
        let json = serde_json::to_value(&identifier).unwrap();
        assert_eq!(json, json!({"type": identifier.kind(), "value": text}));
        assert_eq!(serde_json::from_value::<Identifier>(json).unwrap(), identifier);
    }
    let other = json!({"type": "email", "value": "a@b.c"});
    let read: Identifier = serde_json::from_value(other.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), other);
}
