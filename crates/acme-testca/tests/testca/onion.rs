//! Certificates for onion services (RFC 9799).

use acme_testca::{Config, Problem};
use aws_lc_rs::{
    digest::{SHA3_256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, b64, challenge, csr, gentle, registered, start, urls};

/// The key of an onion service.
struct Service {
    key: Ed25519KeyPair,
    name: String,
}

impl Service {
    fn new() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let public = key.public_key().as_ref();
        let checksum = digest(&SHA3_256, &[b".onion checksum", public, &[3]].concat());
        let octets = [public, &checksum.as_ref()[..2], &[3]].concat();
        let bits: String = octets.iter().map(|octet| format!("{octet:08b}")).collect();
        let digit = |place: usize| {
            let value = usize::from_str_radix(&bits[place..place + 5], 2).unwrap();
            b"abcdefghijklmnopqrstuvwxyz234567"[value] as char
        };
        let label: String = (0..280).step_by(5).map(digit).collect();
        Self { name: format!("{label}.onion"), key }
    }

    /// A CSR with two nonces, in DER by hand.
    fn csr(&self, ca_nonce: &[u8], own_nonce: &[u8]) -> Vec<u8> {
        let algorithm = tlv(0x30, &tlv(0x06, &[0x2b, 0x65, 0x70]));
        let bits = [&[0], self.key.public_key().as_ref()].concat();
        let spki = tlv(0x30, &[algorithm.clone(), tlv(0x03, &bits)].concat());
        let attribute = |last: u8, nonce: &[u8]| {
            let oid = tlv(0x06, &[0x67, 0x81, 0x0c, last]);
            tlv(0x30, &[oid, tlv(0x31, &tlv(0x04, nonce))].concat())
        };
        let mut attributes = attribute(41, ca_nonce);
        if !own_nonce.is_empty() {
            attributes.extend(attribute(42, own_nonce));
        }
        let info = [tlv(0x02, &[0]), tlv(0x30, &[]), spki, tlv(0xa0, &attributes)].concat();
        let info = tlv(0x30, &info);
        let signature = [&[0], self.key.sign(&info).as_ref()].concat();
        tlv(0x30, &[info, algorithm, tlv(0x03, &signature)].concat())
    }

    fn caa(&self, caa: Option<&str>, expiry: i64) -> Value {
        let signed = format!("onion-caa|{expiry}|{}", caa.unwrap_or_default());
        let signature = b64(self.key.sign(signed.as_bytes()));
        json!({&self.name: {"caa": caa, "expiry": expiry, "signature": signature}})
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, content.to_vec()].concat()
}

fn with_onion() -> Config {
    let mut config = gentle();
    config.onion = true;
    config.always_valid = false;
    config
}

/// An order, and the challenge for its name.
fn offered(client: &mut Client<InProcess>, name: &str) -> (String, Value, Value) {
    let (url, order) = client.order(&[name]);
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    (url, order, challenge(&authorization, "onion-csr-01"))
}

fn answer(client: &mut Client<InProcess>, offered: &Value, csr: &[u8]) -> Answer {
    client.post(offered["url"].as_str().unwrap(), &json!({"csr": b64(csr)}).to_string())
}

fn nonce(offered: &Value) -> Vec<u8> {
    assert!(offered.get("token").is_none());
    let nonce = BASE64_STANDARD.decode(offered["nonce"].as_str().unwrap()).unwrap();
    assert!(nonce.len() >= 8, "64 bits");
    nonce
}

#[test]
fn csr_by_the_key_of_the_service_authorizes_it_and_all_below() {
    let service = Service::new();
    let mut client = registered(with_onion());
    for name in [service.name.clone(), format!("*.{}", service.name), format!("www.{}", service.name)] {
        let (url, order, offered) = offered(&mut client, &name);
        let signed = service.csr(&nonce(&offered), b"eight octets or more");
        assert_eq!(answer(&mut client, &offered, &signed).json()["status"], "valid");
        assert_eq!(client.read(&url)["status"], "ready");
        let valid = client.try_finalize(&order, &csr(&[&name]).1);
        assert_eq!(valid.json()["status"], "valid", "{}", valid.text());
    }
}

#[test]
fn dns_is_not_asked_about_onion_services() {
    let service = Service::new();
    let mut config = with_onion();
    config.dns_account = true;
    config.dns_persist = Some(acme_testca::DnsPersist::Draft01);
    let mut client = registered(config);
    let kinds = |client: &mut Client<InProcess>, name: &str| {
        let (_, order) = client.order(&[name]);
        let authorization = client.read(&urls(&order["authorizations"])[0]);
        let challenges = authorization["challenges"].as_array().unwrap().clone();
        challenges.into_iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&mut client, &service.name), ["http-01", "tls-alpn-01", "onion-csr-01"]);
    assert_eq!(kinds(&mut client, &format!("*.{}", service.name)), ["onion-csr-01"]);
}

#[test]
fn every_step_of_the_verification_is_taken() {
    let service = Service::new();
    let other = Service::new();
    let mut client = registered(with_onion());
    for wrong in 0..6 {
        let (url, _, offered) = offered(&mut client, &service.name);
        let nonce = nonce(&offered);
        let mut broken = service.csr(&nonce, b"12345678");
        *broken.last_mut().unwrap() ^= 1;
        let signed = match wrong {
            0 => broken,
            1 => other.csr(&nonce, b"12345678"),
            2 => service.csr(b"another nonce", b"12345678"),
            3 => service.csr(&nonce, b""),
            4 => service.csr(&nonce, b"1234567"),
            _ => b"no csr".to_vec(),
        };
        let answer = answer(&mut client, &offered, &signed).json();
        assert_eq!(answer["status"], "invalid", "{wrong}");
        assert_eq!(answer["error"]["type"], "urn:ietf:params:acme:error:incorrectResponse");
        assert!(answer["error"]["detail"].as_str().unwrap().contains("RFC 9799 section 3.2"));
        assert_eq!(client.read(&url)["status"], "invalid");
    }
    let (_, _, offered) = offered(&mut client, &service.name);
    let empty = client.post(offered["url"].as_str().unwrap(), "{}");
    assert_eq!((empty.status, empty.problem().as_str()), (400, "malformed"));
}

#[test]
fn only_names_of_version_3_are_taken_and_only_where_there_are_any() {
    let mut client = registered(with_onion());
    for name in ["expyuzz4wqqyqhjn.onion", "a.onion"] {
        let refused = client.try_order(&[name]);
        assert_eq!(refused.problem(), "rejectedIdentifier");
        assert!(refused.text().contains("RFC 9799"));
    }
    let mut client = registered(gentle());
    let refused = client.try_order(&[&Service::new().name]);
    assert_eq!(refused.problem(), "rejectedIdentifier");
    assert!(refused.text().contains("RFC 7686"));
}

/// Finalizes an order for a service with CAA records.
fn finalize(client: &mut Client<InProcess>, service: &Service, caa: Option<Value>) -> Answer {
    let (_, order, offered) = offered(client, &service.name);
    let signed = service.csr(&nonce(&offered), b"12345678");
    answer(client, &offered, &signed);
    let mut payload = json!({"csr": b64(csr(&[&service.name]).1)});
    if let Some(caa) = caa {
        payload["onionCAA"] = caa;
    }
    client.post(order["finalize"].as_str().unwrap(), &payload.to_string())
}

#[test]
fn records_in_band_are_needed_verified_and_obeyed() {
    let service = Service::new();
    let mut config = with_onion();
    config.onion_caa_required = true;
    config.caa_identities = vec!["testca.invalid".to_owned()];
    let mut client = registered(config);
    assert_eq!(client.get("/directory").json()["meta"]["inBandOnionCAARequired"], true);
    let later = start().as_second() + 3600;
    let missing = finalize(&mut client, &service, None);
    assert_eq!((missing.status, missing.problem().as_str()), (403, "onionCAARequired"));
    let mut forged = service.caa(None, later);
    forged[&service.name]["expiry"] = json!(later + 1);
    let other = "caa 0 issue \"other.example\"\ncaa 0 iodef \"mailto:a@b.example\"";
    for bad in [
        forged,
        service.caa(None, start().as_second()),
        service.caa(Some("caa 128 tbs \"x\""), later),
        service.caa(Some("caa issue"), later),
        service.caa(Some(other), later),
        json!({&service.name: {"caa": 1, "expiry": later, "signature": ""}}),
    ] {
        let refused = finalize(&mut client, &service, Some(bad.clone()));
        assert_eq!((refused.status, refused.problem().as_str()), (403, "caa"), "{bad}");
    }
    let own = "caa 128 issue \"testca.invalid;validationmethods=onion-csr-01\"\n";
    for good in [service.caa(None, later), service.caa(Some(own), later)] {
        let valid = finalize(&mut client, &service, Some(good));
        assert_eq!(valid.json()["status"], "valid", "{}", valid.text());
    }
}

#[test]
fn web_servers_of_onion_services_are_validated_like_others() {
    let service = Service::new();
    let mut client = registered(with_onion());
    let (url, order) = client.order(&[&service.name]);
    client.answer_all(&order, "http-01");
    let validation = client.transport.ca.poll_validation().unwrap();
    assert_eq!(validation.name, service.name);
    client.transport.ca.validated(validation.id, Err(Problem::new("connection", 400, "no")), start());
    assert_eq!(client.read(&url)["status"], "invalid");
}
