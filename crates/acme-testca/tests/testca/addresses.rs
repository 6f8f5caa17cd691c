//! Identifiers that are IP addresses (RFC 8738).

use serde_json::{Value, json};
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::{
    certificates::verify_by_rustls,
    client::{Answer, Client, Transport, challenge, csr, csr_with, gentle, registered, urls},
};

fn try_order<T: Transport>(client: &mut Client<T>, identifiers: &[(&str, &str)]) -> Answer {
    let list: Vec<Value> =
        identifiers.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
    let url = client.url("/new-order");
    client.post(&url, &json!({"identifiers": list}).to_string())
}

#[test]
fn certificate_has_addresses_and_names() {
    let mut client = registered(gentle());
    let identifiers = [("ip", "192.0.2.1"), ("ip", "2001:db8::1"), ("dns", "a.example")];
    let answer = try_order(&mut client, &identifiers);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let order = answer.json();
    assert_eq!(order["identifiers"][1], json!({"type": "ip", "value": "2001:db8::1"}));
    client.answer_all(&order, "http-01");
    let names = ["192.0.2.1", "2001:db8::1", "a.example"];
    let valid = client.try_finalize(&order, &csr(&names).1);
    assert_eq!(valid.status, 200, "{}", valid.text());
    let chain = client.post(valid.json()["certificate"].as_str().unwrap(), "").text();
    let root = client.transport.ca.root_pem();
    for name in names {
        verify_by_rustls(&root, &chain, name).unwrap();
    }
    verify_by_rustls(&root, &chain, "192.0.2.2").unwrap_err();
    let issued = client.transport.ca.issued().remove(0);
    let leaf = Certificate::from_der(&issued.der).unwrap();
    let (_, san) = leaf.tbs_certificate().get_extension::<SubjectAltName>().unwrap().unwrap();
    assert_eq!(san.0.iter().filter(|name| matches!(name, GeneralName::IpAddress(_))).count(), 2);
    assert_eq!(issued.names, names);
}

#[test]
fn dns_01_is_not_offered_for_an_address() {
    let mut client = registered(gentle());
    let order = try_order(&mut client, &[("ip", "192.0.2.1")]).json();
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert_eq!(authorization["identifier"], json!({"type": "ip", "value": "192.0.2.1"}));
    let kinds: Vec<_> =
        authorization["challenges"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["http-01", "tls-alpn-01"]);
}

#[test]
fn addresses_are_in_canonical_form() {
    let mut client = registered(gentle());
    for value in [
        "2001:DB8::1",
        "2001:db8:0:0:0:0:0:1",
        "2001:0db8::1",
        "[2001:db8::1]",
        "192.0.2.01",
        "192.0.2",
        "192.0.2.1/32",
        "a.example",
        "*.192.0.2.1",
        "",
    ] {
        let answer = try_order(&mut client, &[("ip", value)]);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "rejectedIdentifier"), "{value}");
        assert!(answer.detail().contains("RFC 8738 section 3"), "{}", answer.detail());
    }
    assert_eq!(try_order(&mut client, &[("dns", "192.0.2.1")]).problem(), "rejectedIdentifier");
}

#[test]
fn csr_must_have_addresses_as_addresses() {
    let mut client = registered(gentle());
    let order = try_order(&mut client, &[("ip", "192.0.2.1")]).json();
    client.answer_all(&order, "http-01");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut as_name = rcgen::CertificateParams::new(Vec::new()).unwrap();
    as_name.subject_alt_names = vec![rcgen::SanType::DnsName("192.0.2.1".try_into().unwrap())];
    for bad in [
        as_name.serialize_request(&key).unwrap().der().to_vec(),
        csr_with(&key, &["192.0.2.2"], None),
        csr_with(&key, &["192.0.2.1"], Some("192.0.2.1")),
    ] {
        assert_eq!(client.try_finalize(&order, &bad).problem(), "badCSR");
    }
    let good = csr_with(&key, &["192.0.2.1"], None);
    assert_eq!(client.try_finalize(&order, &good).json()["status"], "valid");
}

#[test]
fn validation_asks_for_the_reverse_name() {
    let mut config = gentle();
    config.always_valid = false;
    let mut client = registered(config);
    for (kind, value, server_name) in [
        ("ip", "192.0.2.1", "1.2.0.192.in-addr.arpa"),
        ("ip", "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ("dns", "a.example", "a.example"),
    ] {
        let order = try_order(&mut client, &[(kind, value)]).json();
        let authorization = client.read(&urls(&order["authorizations"])[0]);
        client.post(challenge(&authorization, "tls-alpn-01")["url"].as_str().unwrap(), "{}");
        let validation = client.transport.ca.poll_validation().unwrap();
        assert_eq!((validation.name.as_str(), validation.server_name().as_str()), (value, server_name));
        assert_eq!(validation.identifier.kind, kind);
    }
}

#[test]
fn revocation_by_authorizations_knows_addresses() {
    let mut client = registered(gentle());
    let order = try_order(&mut client, &[("ip", "192.0.2.1")]).json();
    client.answer_all(&order, "http-01");
    client.try_finalize(&order, &csr(&["192.0.2.1"]).1);
    let der = client.transport.ca.issued().remove(0).der;
    let (mut other, ..) = client.with_key(crate::client::Key::p256());
    other.register();
    assert_eq!(other.revoke(&der, None).problem(), "unauthorized");
    let order = try_order(&mut other, &[("ip", "192.0.2.1")]).json();
    other.answer_all(&order, "tls-alpn-01");
    assert_eq!(other.revoke(&der, None).status, 200);
}

#[test]
fn ca_can_do_without_addresses() {
    let mut config = gentle();
    config.ip_identifiers = false;
    let mut client = registered(config);
    let answer = try_order(&mut client, &[("ip", "192.0.2.1")]);
    assert_eq!((answer.status, answer.problem().as_str()), (400, "unsupportedIdentifier"));
}
