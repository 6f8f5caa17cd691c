//! Names and settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use acme_store::{CaSettings, CertificateName, ChallengeMethod, ChallengeMethods, Settings};

use super::support::{DIRECTORY_URL, Fixture, at, identifier, name, settings};

fn dns(provider: &str) -> ChallengeMethod {
    let files = BTreeMap::from([("TOKEN".into(), "/etc/token".into())]);
    ChallengeMethod::Dns { provider: provider.into(), files }
}

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
    settings.challenge = ChallengeMethod::Http { listen: vec!["[::1]:5002".parse().unwrap()] }.into();
    let tls = ChallengeMethod::TlsAlpn { listen: Vec::new() };
    let several = ChallengeMethods::new([tls.clone(), webroot("/srv")]).unwrap();
    settings.challenges =
        BTreeMap::from([("example.com".into(), tls.into()), ("*.example.com".into(), several)]);
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
fn the_most_exact_pattern_that_can_prove_a_name_counts() {
    let mut settings = settings();
    settings.challenge = webroot("/default").into();
    settings.challenges = BTreeMap::from([
        ("a.example".into(), webroot("/a").into()),
        ("*.a.example".into(), webroot("/below").into()),
        ("*.b.a.example".into(), dns("b").into()),
        ("192.0.2.1".into(), dns("address").into()),
    ]);
    let chosen = |settings: &Settings, name| settings.challenge_for(&identifier(name)).first().to_string();
    for (name, expected) in [
        ("a.example", "webroot:/a"),
        ("x.a.example", "webroot:/below"),
        ("xa.example", "webroot:/default"),
        ("x.y.b.a.example", "dns:b"),
        ("*.b.a.example", "dns:b"),
        ("b.a.example", "webroot:/below"),
        ("b.example", "webroot:/default"),
        // What can't prove it is passed over.
        ("192.0.2.1", "webroot:/default"),
        // Nothing can: the first one is at fault.
        ("*.a.example", "webroot:/below"),
        ("*.example", "webroot:/default"),
    ] {
        assert_eq!(chosen(&settings, name), expected, "{name}");
    }
    settings.challenge = ChallengeMethods::new([webroot("/default"), dns("all")]).unwrap();
    assert_eq!(chosen(&settings, "*.a.example"), "webroot:/default");
    let wildcard = identifier("*.a.example");
    let methods: Vec<_> = settings.challenge_for(&wildcard).for_name(&wildcard).cloned().collect();
    assert_eq!(methods, [dns("all")]);
    settings.challenges.insert("a.example".into(), dns("base").into());
    assert_eq!(chosen(&settings, "*.a.example"), "dns:base");
}

#[test]
fn no_method_at_all_is_refused() {
    assert_eq!(ChallengeMethods::new([]), None);
    let error = serde_json::from_str::<ChallengeMethods>("[]").unwrap_err();
    assert!(error.to_string().contains("no method"), "{error}");
}

#[test]
fn an_update_says_what_changed() {
    let fixture = Fixture::new();
    fixture.store.create_certificate(&name(), &settings(), at(0)).unwrap();
    assert!(fixture.store.update_settings(&name(), &settings()).unwrap().is_empty());
    let mut other = settings();
    other.names.push(identifier("www.example.com"));
    other.ca.directory_url = "https://another.example/".into();
    other.challenge = webroot("/srv").into();
    other.challenges.insert("*.example.com".into(), dns("cloudflare").into());
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
            r#"challenge: Some("http") -> Some("webroot:/srv")"#,
            r#"challenges.*.example.com: None -> Some("dns:cloudflare with TOKEN from /etc/token")"#,
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
    assert_eq!(old.challenge, ChallengeMethod::Http { listen: Vec::new() }.into());
    assert_eq!(old.names, [identifier("example.com")]);
}
