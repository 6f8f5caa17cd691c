//! Names and settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use acme_store::{CaSettings, CertificateName, ChallengeMethod, Settings};

use super::support::{DIRECTORY_URL, Fixture, at, identifier, name, settings};

fn webroot(dir: &str) -> ChallengeMethod {
    ChallengeMethod::Webroot { dir: PathBuf::from(dir) }
}

#[test]
fn certificates_are_named_after_their_first_identifier() {
    for (first, expected) in [
        ("Example.com", "example.com"),
        ("*.example.com", "_.example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001-db8--1"),
    ] {
        assert_eq!(CertificateName::from_identifier(&identifier(first)).unwrap().as_str(), expected);
    }
}

#[test]
fn a_name_is_one_path_component() {
    for bad in ["", ".", "..", ".hidden", "a/b", "/etc", "nul\0", "line\nfeed", &"x".repeat(256)] {
        let error = CertificateName::new(bad).unwrap_err();
        assert!(error.to_string().contains("can't be the name of a certificate"), "{error}");
        assert!(serde_json::from_value::<CertificateName>(bad.into()).is_err());
    }
    assert!(CertificateName::new("x".repeat(CertificateName::MAX_LENGTH)).is_ok());
}

#[test]
fn all_settings_survive() {
    let fixture = Fixture::new();
    let mut settings = Settings::new(
        vec![identifier("example.com"), identifier("*.example.com"), identifier("2001:db8::1")],
        CaSettings::new(DIRECTORY_URL),
    );
    settings.ca.name = Some("dev".into());
    settings.ca.root_file = Some("/etc/root.pem".into());
    settings.ca.root_pem = Some("root".into());
    settings.account = "label".into();
    settings.challenge = ChallengeMethod::Http { listen: vec!["[::1]:5002".parse().unwrap()] };
    settings.challenges =
        BTreeMap::from([("example.com".into(), ChallengeMethod::TlsAlpn { listen: Vec::new() })]);
    settings.key_type = Some("rsa-2048".into());
    settings.profile = Some("shortlived".into());
    settings.preferred_profile = Some("tlsserver".into());
    settings.preferred_chain = Some("Root".into());
    settings.not_after = Some("30d".into());
    settings.csr = Some("/etc/request.pem".into());
    settings.reuse_key = true;
    settings.deploy_hook = Some("deploy".into());
    settings.reload = Some("reload".into());
    settings.key_group = Some("ssl-cert".into());
    fixture.store.create_certificate(&name(), &settings, at(0)).unwrap();
    assert_eq!(fixture.reopen().certificate(&name()).unwrap().unwrap().settings, settings);
}

#[test]
fn the_challenge_of_a_name_is_its_own_or_its_bases_or_the_default() {
    let mut settings = settings();
    settings.challenge = webroot("/default");
    settings.challenges =
        BTreeMap::from([("a.example".into(), webroot("/a")), ("*.a.example".into(), webroot("/wild"))]);
    for (name, expected) in [("a.example", "/a"), ("*.a.example", "/wild"), ("b.example", "/default")] {
        assert_eq!(*settings.challenge_for(&identifier(name)), webroot(expected));
    }
    settings.challenges.remove("*.a.example");
    assert_eq!(*settings.challenge_for(&identifier("*.a.example")), webroot("/a"));
}

#[test]
fn an_update_says_what_changed() {
    let fixture = Fixture::new();
    fixture.store.create_certificate(&name(), &settings(), at(0)).unwrap();
    assert!(fixture.store.update_settings(&name(), &settings()).unwrap().is_empty());
    let mut other = settings();
    other.names.push(identifier("www.example.com"));
    other.ca.directory_url = "https://another.example/".into();
    other.challenge = webroot("/srv");
    other.reuse_key = true;
    let changes = fixture.store.update_settings(&name(), &other).unwrap();
    let lines: Vec<String> = changes
        .iter()
        .map(|change| {
            format!("{}: {:?} -> {:?}", change.field, change.before.as_deref(), change.after.as_deref())
        })
        .collect();
    assert_eq!(
        lines,
        [
            r#"ca.directory_url: Some("https://ca.example/directory") -> Some("https://another.example/")"#,
            r#"challenge.dir: None -> Some("/srv")"#,
            r#"challenge.method: Some("http") -> Some("webroot")"#,
            r#"names: Some("example.com") -> Some("example.com, www.example.com")"#,
            r#"reuse_key: None -> Some("true")"#,
        ]
    );
    assert_eq!(fixture.reopen().certificate(&name()).unwrap().unwrap().settings, other);
}

#[test]
fn settings_of_another_version_are_kept() {
    let fixture = Fixture::new();
    fixture.store.create_certificate(&name(), &settings(), at(0)).unwrap();
    fixture.sql("UPDATE certificates SET settings = json_set(settings, '$.must_staple', json('true'))");
    let mut other = settings();
    other.reuse_key = true;
    fixture.store.update_settings(&name(), &other).unwrap();
    let stored =
        serde_json::to_value(&fixture.store.certificate(&name()).unwrap().unwrap().settings).unwrap();
    assert_eq!((&stored["must_staple"], &stored["reuse_key"]), (&true.into(), &true.into()));
}

#[test]
fn settings_of_an_older_version_are_completed() {
    let old: Settings =
        serde_json::from_str(r#"{"names": [{"type": "dns", "value": "example.com"}]}"#).unwrap();
    assert_eq!(old.challenge, ChallengeMethod::Http { listen: Vec::new() });
    assert_eq!(old.names, [identifier("example.com")]);
}
