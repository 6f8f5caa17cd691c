//! Orders by delegation (RFC 9115).

use acme_testca::{AutoRenewal, Config, Delegation};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, Key, csr, gentle, registered};

const NAME: &str = "abc.ido.example";

fn with_delegation() -> Config {
    let mut config = gentle();
    config.delegation = true;
    config.certificate_get = true;
    config
}

fn delegated(client: &mut Client<InProcess>, terms: Delegation) -> String {
    let kid = client.kid.clone().unwrap();
    client.transport.ca.delegate(&kid, terms).unwrap()
}

fn order(client: &mut Client<InProcess>, delegation: &str, more: &[(&str, Value)]) -> Answer {
    let mut payload = json!({"identifiers": [{"type": "dns", "value": NAME}], "delegation": delegation});
    for (name, value) in more {
        payload[*name] = value.clone();
    }
    let url = client.url("/new-order");
    client.post(&url, &payload.to_string())
}

#[test]
fn delegations_are_listed_and_read_by_their_account() {
    let mut client = registered(with_delegation());
    let meta = client.get("/directory").json()["meta"].clone();
    assert_eq!(meta, json!({"delegation-enabled": true, "allow-certificate-get": true}));
    let terms = Delegation::of_names([NAME]).alias("abc.ido.example.", "abc.ndc.example.");
    let made: Vec<String> = (0..4).map(|_| delegated(&mut client, terms.clone())).collect();
    let kid = client.kid.clone().unwrap();
    let list = client.read(&kid)["delegations"].as_str().unwrap().to_owned();
    let page = client.post(&list, "");
    let mut listed = crate::client::urls(&page.json()["delegations"]);
    assert_eq!(listed.len(), 3);
    let next = page
        .all("link")
        .into_iter()
        .find_map(|link| link.strip_suffix(">;rel=\"next\"")?.strip_prefix('<').map(str::to_owned))
        .unwrap();
    listed.extend(crate::client::urls(&client.read(&next)["delegations"]));
    listed.sort();
    let mut expected = made.clone();
    expected.sort();
    assert_eq!(listed, expected);
    let delegation = client.read(&made[0]);
    assert_eq!(delegation["cname-map"], json!({"abc.ido.example.": "abc.ndc.example."}));
    assert_eq!(delegation["csr-template"]["extensions"]["subjectAltName"]["DNS"], json!([NAME]));
    let (mut stranger, ..) = client.with_key(Key::p256());
    stranger.register();
    assert_eq!(stranger.post(&list, "").problem(), "unauthorized");
    assert_eq!(stranger.post(&made[0], "").status, 404);
    let refused = order(&mut stranger, &made[0], &[]);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "unknownDelegation"));
}

#[test]
fn order_is_ready_at_once_and_its_certificate_open_to_all() {
    let mut client = registered(with_delegation());
    let delegation = delegated(&mut client, Delegation::of_names([NAME]));
    let answer = order(&mut client, &delegation, &[("allow-certificate-get", json!(true))]);
    let made = answer.json();
    assert_eq!((answer.status, made["status"].as_str()), (201, Some("ready")));
    assert_eq!(made["authorizations"], json!([]));
    assert_eq!(made["delegation"], json!(delegation));
    assert_eq!(made["allow-certificate-get"], true);
    let valid = client.try_finalize(&made, &csr(&[NAME]).1).json();
    let url = valid["certificate"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&client.base).unwrap().to_owned();
    assert_eq!(client.get(&path).text(), client.post(&url, "").text());

    let closed = order(&mut client, &delegation, &[]).json();
    assert!(closed.get("allow-certificate-get").is_none());
    let valid = client.try_finalize(&closed, &csr(&[NAME]).1).json();
    let path = valid["certificate"].as_str().unwrap().strip_prefix(&client.base).unwrap().to_owned();
    assert_eq!(client.get(&path).status, 405);
}

#[test]
fn order_is_invalid_where_certificates_are_not_open() {
    let mut config = with_delegation();
    config.certificate_get = false;
    let mut client = registered(config);
    let delegation = delegated(&mut client, Delegation::of_names([NAME]));
    let made = order(&mut client, &delegation, &[("allow-certificate-get", json!(true))]).json();
    assert_eq!((&made["status"], &made["allow-certificate-get"]), (&json!("invalid"), &json!(false)));
    assert!(made["error"]["detail"].as_str().unwrap().contains("RFC 9115 section 2.3.5"));
}

#[test]
fn delegated_certificates_renew_themselves() {
    let mut config = with_delegation();
    config.auto_renewal = Some(AutoRenewal::new());
    let mut client = registered(config);
    let delegation = delegated(&mut client, Delegation::of_names([NAME]));
    let renewal =
        json!({"end-date": "2026-12-06T08:00:00Z", "lifetime": 345_600, "allow-certificate-get": true});
    let made = order(&mut client, &delegation, &[("auto-renewal", renewal)]).json();
    let valid = client.try_finalize(&made, &csr(&[NAME]).1).json();
    let url = valid["star-certificate"].as_str().unwrap().strip_prefix(&client.base).unwrap().to_owned();
    assert_eq!(client.get(&url).status, 200);
}

#[test]
fn unknown_delegations_are_refused() {
    let mut client = registered(with_delegation());
    let delegation = delegated(&mut client, Delegation::of_names([NAME]));
    let made = order(&mut client, &delegation, &[]).json();
    assert!(client.transport.ca.withdraw_delegation(&delegation));
    assert!(!client.transport.ca.withdraw_delegation(&delegation));
    for unknown in [delegation.as_str(), "x", "https://testca.test/delegation/none"] {
        let refused = order(&mut client, unknown, &[]);
        assert_eq!((refused.status, refused.problem().as_str()), (403, "unknownDelegation"), "{unknown}");
    }
    assert_eq!(client.try_finalize(&made, &csr(&[NAME]).1).problem(), "unknownDelegation");
}

/// A CSR after changes to what rcgen makes of it.
fn csr_after(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    change(&mut params);
    params.serialize_request(key).unwrap().der().to_vec()
}

fn named(params: &mut CertificateParams, kind: DnType, value: &str) {
    params.distinguished_name.push(kind, value);
}

#[test]
fn csr_follows_the_template() {
    use rcgen::{ExtendedKeyUsagePurpose::ServerAuth, KeyUsagePurpose::DigitalSignature};
    let template = json!({
        "keyTypes": [{"PublicKeyType": "id-ecPublicKey", "namedCurve": "secp256r1"}],
        "subject": {"country": "CA", "organization": "**", "locality": "*"},
        "extensions": {
            "subjectAltName": {"DNS": [NAME]},
            "keyUsage": ["digitalSignature"],
            "extendedKeyUsage": ["serverAuth"],
        },
    });
    let mut client = registered(with_delegation());
    let delegation = delegated(&mut client, Delegation::new(template));
    let made = order(&mut client, &delegation, &[]).json();
    let key = KeyPair::generate().unwrap();
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let right = |params: &mut CertificateParams| {
        named(params, DnType::CountryName, "CA");
        named(params, DnType::OrganizationName, "whatever");
        params.key_usages = vec![DigitalSignature];
        params.extended_key_usages = vec![ServerAuth];
    };
    let wrong: [(&str, Vec<u8>); 6] = [
        ("key", csr_after(&p384, right)),
        ("no subject", csr_after(&key, |_| ())),
        (
            "other country",
            csr_after(&key, |params| {
                right(params);
                params.distinguished_name.remove(DnType::CountryName);
                named(params, DnType::CountryName, "DE");
            }),
        ),
        (
            "state",
            csr_after(&key, |params| {
                right(params);
                named(params, DnType::StateOrProvinceName, "Quebec");
            }),
        ),
        (
            "no usage",
            csr_after(&key, |params| {
                right(params);
                params.key_usages = Vec::new();
            }),
        ),
        (
            "more usages",
            csr_after(&key, |params| {
                right(params);
                params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
            }),
        ),
    ];
    for (what, csr) in wrong {
        let refused = client.try_finalize(&made, &csr);
        assert_eq!((refused.status, refused.problem().as_str()), (400, "badCSR"), "{what}");
        assert!(refused.detail().contains("RFC 9115 section 4"), "{what}: {}", refused.detail());
    }
    let good = csr_after(&key, |params| {
        right(params);
        named(params, DnType::LocalityName, "anywhere");
    });
    let valid = client.try_finalize(&made, &good);
    assert_eq!(valid.json()["status"], "valid", "{}", valid.text());
}

#[test]
fn ca_without_delegation_ignores_it() {
    let mut client = registered(gentle());
    let kid = client.kid.clone().unwrap();
    assert!(client.read(&kid).get("delegations").is_none());
    assert_eq!(client.post(&format!("{kid}/delegations"), "").status, 404);
    let made = order(&mut client, "https://testca.test/delegation/x", &[]).json();
    assert_eq!((&made["status"], made.get("delegation")), (&json!("pending"), None));
}
