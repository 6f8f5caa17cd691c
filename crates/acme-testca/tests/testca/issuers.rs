//! Lists of revoked certificates, and new intermediates and roots while the CA runs.

use acme_testca::{AlternateChains, Ca, Config, Rollover};
use x509_cert::{
    Certificate,
    crl::CertificateList,
    der::{Decode, Encode},
    ext::pkix::{AuthorityKeyIdentifier, CrlDistributionPoints, CrlReason, SubjectKeyIdentifier},
};

use crate::{
    certificates::verify_by_rustls,
    client::{Client, InProcess, Issued, ders, gentle, registered, start},
};

/// Where a certificate says that the list is.
fn list_url(issued: &Issued) -> String {
    let leaf = Certificate::from_der(&issued.leaf()).unwrap();
    let (_, points) = leaf.tbs_certificate().get_extension::<CrlDistributionPoints>().unwrap().unwrap();
    let der = points.to_der().unwrap();
    let start = der.windows(8).position(|octets| octets == b"https://").unwrap();
    String::from_utf8(der[start..].to_vec()).unwrap()
}

fn fetch(client: &mut Client<InProcess>, url: &str) -> CertificateList {
    let answer = client.send(http::Method::GET, url, &[], Vec::new()).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pkix-crl")));
    CertificateList::from_der(&answer.body).unwrap()
}

/// The serial numbers on a list and their reasons.
fn entries(list: &CertificateList) -> Vec<(String, Option<CrlReason>)> {
    let entries = list.tbs_cert_list.revoked_certificates.iter().flatten();
    entries
        .map(|entry| {
            let serial = entry.serial_number.as_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
            let mut extensions = entry.crl_entry_extensions.iter().flatten();
            let reason = extensions.next().map(|one| CrlReason::from_der(one.extn_value.as_bytes()).unwrap());
            (serial, reason)
        })
        .collect()
}

/// Whether the list is signed by the issuer, and names it as certificates do.
fn assert_signed_by(list: &CertificateList, issuer_der: &[u8]) {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    let issuer = Certificate::from_der(issuer_der).unwrap();
    let issuer = issuer.tbs_certificate();
    let key = issuer.subject_public_key_info().subject_public_key.raw_bytes();
    let body = list.tbs_cert_list.to_der().unwrap();
    let signature = list.signature.raw_bytes();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&body, signature).unwrap();
    assert_eq!(list.tbs_cert_list.issuer, *issuer.subject());
    let (_, subject_key) = issuer.get_extension::<SubjectKeyIdentifier>().unwrap().unwrap();
    let extensions = list.tbs_cert_list.crl_extensions.iter().flatten();
    let named = extensions.filter_map(|one| AuthorityKeyIdentifier::from_der(one.extn_value.as_bytes()).ok());
    assert!(named.into_iter().any(|one| one.key_identifier == Some(subject_key.0.clone())));
}

#[test]
fn revoked_certificates_are_listed_with_their_reason() {
    let mut client = registered(gentle());
    let [first, second, third] = ["a.example", "b.example", "c.example"].map(|name| client.issue(&[name]));
    let url = list_url(&first);
    assert_eq!(url, client.url("/crl/0"));
    assert_eq!(entries(&fetch(&mut client, &url)), []);
    assert_eq!(client.revoke(&second.leaf(), Some(1)).status, 200);
    assert_eq!(client.revoke(&third.leaf(), None).status, 200);
    let serials: Vec<String> = client.transport.ca.issued().into_iter().map(|one| one.serial).collect();
    let list = fetch(&mut client, &url);
    let mut listed = entries(&list);
    listed.sort();
    let mut expected = vec![(serials[1].clone(), Some(CrlReason::KeyCompromise)), (serials[2].clone(), None)];
    expected.sort();
    assert_eq!(listed, expected, "RFC 5280 section 5.3.1: unspecified is left out");
    assert_signed_by(&list, &ders(&first.chain)[1]);
    let update = list.tbs_cert_list.this_update.to_unix_duration().as_secs();
    assert_eq!(update, start().as_second() as u64);
    assert_eq!(client.get("/crl/1").status, 404);
    assert_eq!(client.get("/crl/x").status, 404);
    client.transport.ca.advance(std::time::Duration::from_secs(91 * 24 * 3600));
    assert_eq!(entries(&fetch(&mut client, &url)), [], "expired ones are forgotten");
}

#[test]
fn ca_can_do_without_a_list() {
    let mut config = gentle();
    config.crl = false;
    let mut client = registered(config);
    let issued = client.issue(&["a.example"]);
    let leaf = Certificate::from_der(&issued.leaf()).unwrap();
    assert!(leaf.tbs_certificate().get_extension::<CrlDistributionPoints>().unwrap().is_none());
    assert_eq!(client.get("/crl/0").status, 404);
}

fn with_alternates() -> Config {
    let mut config = gentle();
    config.alternate_chains = AlternateChains::Absolute;
    config
}

#[test]
fn later_certificates_chain_to_the_new_intermediate() {
    let mut client = registered(with_alternates());
    let before = client.issue(&["a.example"]);
    client.transport.ca.roll_over(Rollover::Intermediate, start()).unwrap();
    let after = client.issue(&["a.example"]);
    let root = client.transport.ca.root_pem();
    assert_eq!(client.transport.ca.newest_root_pem(), root);
    assert_ne!(ders(&before.chain)[1], ders(&after.chain)[1]);
    for issued in [&before, &after] {
        assert_eq!(ders(&issued.chain).len(), 2);
        verify_by_rustls(&root, &issued.chain, "a.example").unwrap();
        let chain = client.post(&issued.certificate_url, "").text();
        assert_eq!(chain, issued.chain, "a chain stays what it was");
        let alternate = client.post(&format!("{}/1", issued.certificate_url), "").text();
        let other = client.transport.ca.other_root_pem().unwrap();
        verify_by_rustls(&other, &alternate, "a.example").unwrap();
    }
    for (issued, number) in client.transport.ca.issued().into_iter().zip(0..) {
        assert_eq!(client.get(&format!("/renewal-info/{}", issued.renewal_id)).status, 200);
        let list = fetch(&mut client, &format!("https://testca.test/crl/{number}"));
        let chain = if number == 0 { &before.chain } else { &after.chain };
        assert_signed_by(&list, &ders(chain)[1]);
    }
    assert_eq!(list_url(&after), client.url("/crl/1"));
    assert_eq!(client.revoke(&after.leaf(), None).status, 200);
    assert_eq!(entries(&fetch(&mut client, "https://testca.test/crl/0")), []);
    assert_eq!(entries(&fetch(&mut client, "https://testca.test/crl/1")).len(), 1);
}

#[test]
fn later_certificates_chain_to_the_new_root_and_by_it_to_the_old_one() {
    let mut client = registered(gentle());
    let before = client.issue(&["a.example"]);
    let old = client.transport.ca.root_pem();
    client.transport.ca.roll_over(Rollover::Root, start()).unwrap();
    client.transport.ca.roll_over(Rollover::Root, start()).unwrap();
    let new = client.transport.ca.newest_root_pem();
    assert_eq!(client.transport.ca.root_pem(), old);
    assert_ne!(new, old);
    let saved = client.transport.ca.save();
    let key = client.key;
    let kid = client.kid;
    let mut client = Client::new(InProcess::of(Ca::load(&saved, gentle()).unwrap()), key);
    client.kid = kid;
    let after = client.issue(&["a.example"]);
    assert_eq!(client.transport.ca.newest_root_pem(), new, "roots outlive the process");
    assert_eq!(ders(&after.chain).len(), 4);
    verify_by_rustls(&new, &after.chain, "a.example").unwrap();
    verify_by_rustls(&old, &after.chain, "a.example").unwrap();
    verify_by_rustls(&old, &before.chain, "a.example").unwrap();
    verify_by_rustls(&new, &before.chain, "a.example").unwrap_err();
}
