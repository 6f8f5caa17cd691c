//! dns-account-01, and dns-persist-01 in three revisions.

use std::slice::from_ref;

use acme_testca::{Config, DnsPersist, Validation};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::client::{Client, InProcess, Key, b64, challenge, client, gentle, registered, start, urls};

fn with(revision: DnsPersist) -> Config {
    let mut config = gentle();
    config.always_valid = false;
    config.dns_account = true;
    config.dns_persist = Some(revision);
    config
}

fn offered(client: &mut Client<InProcess>, name: &str, kind: &str) -> (String, Value) {
    let (_, order) = client.order(&[name]);
    let url = urls(&order["authorizations"]).remove(0);
    let authorization = client.read(&url);
    (url, challenge(&authorization, kind))
}

/// Answers a challenge; gives the authorization's URL and the validation asked for.
fn asked(client: &mut Client<InProcess>, name: &str, kind: &str) -> (String, Validation) {
    let (url, challenge) = offered(client, name, kind);
    assert_eq!(client.post(challenge["url"].as_str().unwrap(), "{}").status, 200);
    (url, client.transport.ca.poll_validation().unwrap())
}

/// What a TXT record makes of a validation: until when it holds, or the type of the problem.
fn check(validation: &Validation, texts: &[String]) -> Result<Option<i64>, String> {
    let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
    match validation.check_texts(&texts) {
        Ok(until) => Ok(until.map(|until| until.as_second())),
        Err(problem) => Err(problem.kind.rsplit(':').next().unwrap().to_owned()),
    }
}

/// The hashed URI of revision 02, computed by hand.
fn hashed(domain: &str, key: &Key, account: &str) -> String {
    let mut input = vec![domain.len() as u8];
    for part in [domain, &key.thumbprint(), account] {
        input.extend(part.as_bytes());
    }
    format!("https://testca.test/account-hash/sha-256/{}", b64(digest(&SHA256, &input)))
}

#[test]
fn dns_account_01_has_a_record_of_its_own_for_each_account() {
    let mut client = registered(with(DnsPersist::Draft00));
    for name in ["a.example", "*.a.example"] {
        let (url, validation) = asked(&mut client, name, "dns-account-01");
        let owner = validation.record_name().unwrap();
        let (label, rest) = owner.split_once('.').unwrap();
        assert_eq!((label.len(), rest), (17, "_acme-challenge.a.example"), "{label}");
        assert!(label[1..].bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'2'..=b'7')), "{label}");
        let key_authorization = format!("{}.{}", validation.token, client.key.thumbprint());
        let value = b64(digest(&SHA256, key_authorization.as_bytes()));
        assert_eq!(check(&validation, &["other".to_owned(), value]), Ok(None));
        assert_eq!(check(&validation, &[]), Err("incorrectResponse".to_owned()));
        client.transport.ca.validated(validation.id, Ok(()), start());
        assert_eq!(client.read(&url)["status"], "valid");
    }
}

#[test]
fn persistent_challenges_hold_what_their_revision_says() {
    for (revision, member, has_uri) in [
        (DnsPersist::Draft00, "issuer-domain-names", false),
        (DnsPersist::Draft01, "issuer-domain-names", true),
        (DnsPersist::Draft02, "issuerDomainNames", false),
    ] {
        let mut config = with(revision);
        config.caa_identities = vec!["ca1.example".to_owned()];
        let mut client = registered(config);
        let (_, challenge) = offered(&mut client, "a.example", "dns-persist-01");
        assert_eq!(challenge[member], json!(["ca1.example"]));
        assert!(challenge.get("token").is_none());
        assert_eq!(challenge.get("accounturi"), has_uri.then(|| json!(client.kid)).as_ref());
        let meta = client.get("/directory").json()["meta"].clone();
        let is_last = revision == DnsPersist::Draft02;
        assert_eq!(meta.get("accountHashPrefix").is_some(), is_last);
        assert_eq!(meta.get("issuerDomainNames").is_some(), is_last);
    }
}

#[test]
fn records_are_read_as_the_drafts_say() {
    for revision in [DnsPersist::Draft00, DnsPersist::Draft01, DnsPersist::Draft02] {
        let mut client = registered(with(revision));
        let kid = client.kid.clone().unwrap();
        let is_hashed = revision == DnsPersist::Draft02;
        let uri = if is_hashed { hashed("a.example", &client.key, &kid) } else { kid.clone() };
        let later = start().as_second() + 60;
        let (_, plain) = asked(&mut client, "a.example", "dns-persist-01");
        let (_, wild) = asked(&mut client, "*.a.example", "dns-persist-01");
        assert_eq!(plain.record_name().unwrap(), "_validation-persist.a.example");
        assert_eq!((plain.token.as_str(), plain.key_authorization.as_str()), ("", ""));
        let unauthorized = || Err("unauthorized".to_owned());
        let malformed = || Err("malformed".to_owned());
        for (text, of_plain, of_wild) in [
            (format!("testca.invalid; accounturi={uri}"), Ok(None), unauthorized()),
            (format!("TestCA.invalid;AccountURI={uri}; policy=wildcard"), Ok(None), Ok(None)),
            (format!("testca.invalid; accounturi={uri}; policy=Wildcard; new=1"), Ok(None), Ok(None)),
            (
                format!("testca.invalid; accounturi={uri}; policy=wildcard; persistUntil={later}"),
                Ok(Some(later)),
                Ok(Some(later)),
            ),
            (
                format!("testca.invalid; accounturi={uri}; policy=wildcard; persistUntil={}", later - 61),
                unauthorized(),
                unauthorized(),
            ),
            (
                format!("testca.invalid; accounturi={uri}; persistUntil=2027-01-01; policy=wildcard"),
                malformed(),
                malformed(),
            ),
            (format!("testca.invalid; accounturi={uri}; accounturi={uri}"), malformed(), malformed()),
            (format!("other.invalid; accounturi={uri}; policy=wildcard"), unauthorized(), unauthorized()),
            (format!("testca.invalid; accounturi={uri}x; policy=wildcard"), unauthorized(), unauthorized()),
            ("testca.invalid; policy=wildcard".to_owned(), malformed(), malformed()),
            (format!("testca.invalid; accounturi={uri};"), malformed(), malformed()),
            ("v=spf1 -all".to_owned(), unauthorized(), unauthorized()),
        ] {
            assert_eq!(check(&plain, from_ref(&text)), of_plain, "{revision:?} {text}");
            assert_eq!(check(&wild, from_ref(&text)), of_wild, "{revision:?} {text}");
        }
        let several = ["other.invalid; accounturi=x".to_owned(), format!("testca.invalid; accounturi={uri}")];
        assert_eq!(check(&plain, &several), Ok(None));
        assert_eq!(check(&plain, &[]), unauthorized());
    }
}

#[test]
fn hashed_records_are_for_one_domain_or_for_all_and_outlive_the_key() {
    let mut client = registered(with(DnsPersist::Draft02));
    let kid = client.kid.clone().unwrap();
    let record = |uri: String| vec![format!("testca.invalid; accounturi={uri}")];
    let (_, validation) = asked(&mut client, "a.example", "dns-persist-01");
    assert_eq!(check(&validation, &record(hashed("*", &client.key, &kid))), Ok(None));
    for wrong in
        [hashed("b.example", &client.key, &kid), hashed("a.example", &Key::p256(), &kid), kid.clone()]
    {
        assert_eq!(check(&validation, &record(wrong)), Err("unauthorized".to_owned()));
    }
    let new = Key::p256();
    let url = client.url("/key-change");
    let protected = json!({"alg": new.alg(), "jwk": new.jwk(), "url": url});
    let payload = json!({"account": kid, "oldKey": client.key.jwk()});
    let inner = new.jws(&protected, &payload.to_string());
    assert_eq!(client.post(&url, &inner.to_string()).status, 200);
    let (mut client, old, _) = client.with_key(new);
    client.kid = Some(kid.clone());
    let (_, validation) = asked(&mut client, "a.example", "dns-persist-01");
    assert_eq!(check(&validation, &record(hashed("a.example", &old, &kid))), Ok(None));
    assert_eq!(check(&validation, &record(hashed("a.example", &client.key, &kid))), Ok(None));
}

#[test]
fn authorization_lives_no_longer_than_the_record() {
    let mut client = registered(with(DnsPersist::Draft02));
    let (url, validation) = asked(&mut client, "a.example", "dns-persist-01");
    let until = "2026-11-25T00:00:00Z";
    client.transport.ca.validated_until(validation.id, until.parse().unwrap(), start());
    let authorization = client.read(&url);
    assert_eq!(
        (authorization["status"].as_str(), authorization["expires"].as_str()),
        (Some("valid"), Some(until))
    );
    let (url, validation) = asked(&mut client, "b.example", "dns-persist-01");
    client.transport.ca.advance(std::time::Duration::from_secs(24 * 3600));
    client.transport.ca.validated_until(validation.id, until.parse().unwrap(), start());
    assert_eq!(client.read(&url)["status"], "invalid", "it expired meanwhile");
}

#[test]
fn neither_is_offered_unless_asked_for_nor_for_addresses() {
    let mut config = with(DnsPersist::Draft01);
    config.strange_challenges = true;
    let mut client = registered(config);
    let url = client.url("/new-order");
    let wish = json!({"identifiers": [{"type": "ip", "value": "192.0.2.1"}]}).to_string();
    for (order, count) in [(client.post(&url, &wish).json(), 0), (client.order(&["a.example"]).1, 1)] {
        let authorization = client.read(&urls(&order["authorizations"])[0]);
        for kind in ["dns-account-01", "dns-persist-01"] {
            let challenges = authorization["challenges"].as_array().unwrap().iter();
            assert_eq!(challenges.filter(|one| one["type"] == kind).count(), count, "{authorization}");
        }
    }
    let mut gentle = client_of_gentle();
    let (_, order) = gentle.order(&["a.example"]);
    assert!(!gentle.read(&urls(&order["authorizations"])[0]).to_string().contains("dns-account-01"));
}

fn client_of_gentle() -> Client<InProcess> {
    let mut client = client(gentle());
    client.register();
    client
}
