//! The certificates, looked at by others' eyes: rustls' verifier, x509-cert and OpenSSL.

use std::{fs, process::Command, sync::Arc, time::Duration};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
    ext::pkix::KeyUsage,
};

use crate::client::{csr_with, ders, gentle, registered, start};

pub(crate) fn verify_by_rustls(root_pem: &str, chain: &str, name: &str) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ders(root_pem).remove(0))).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let chain: Vec<_> = ders(chain).into_iter().map(CertificateDer::from).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(start().as_second().try_into().unwrap()));
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], now).map(|_| ())
}

#[test]
fn chain_verifies_up_to_the_root() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example", "*.b.example"]);
    let root = client.transport.ca.root_pem();
    assert_eq!(ders(&issued.chain).len(), 2);
    verify_by_rustls(&root, &issued.chain, "a.example").unwrap();
    verify_by_rustls(&root, &issued.chain, "x.b.example").unwrap();
    verify_by_rustls(&root, &issued.chain, "b.example").unwrap_err();
    let other = acme_testca::Ca::new(gentle(), start()).unwrap();
    verify_by_rustls(&other.root_pem(), &issued.chain, "a.example").unwrap_err();
}

#[test]
fn chain_verifies_by_openssl() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let root = path("root.pem", &client.transport.ca.root_pem());
    let chain = path("chain.pem", &issued.chain);
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "a.example"])
        .args(["-attime", &start().as_second().to_string(), "-CAfile"])
        .arg(root)
        .arg("-untrusted")
        .arg(&chain)
        .arg(&chain)
        .output();
    // Where there is no OpenSSL, the tests beside this one have to do.
    if let Ok(output) = output {
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn leaf_is_what_public_cas_issue() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let leaf = Certificate::from_der(&issued.leaf()).unwrap();
    let body = leaf.tbs_certificate();
    assert_eq!(body.to_der().unwrap(), issued.leaf()[4..][..body.to_der().unwrap().len()]);
    assert!(body.subject().is_empty());
    assert!(body.issuer().to_string().contains("DO NOT TRUST"));
    let validity = body.validity();
    let not_before = validity.not_before.to_unix_duration().as_secs();
    assert_eq!(not_before, start().as_second() as u64 - 3600);
    assert_eq!(validity.not_after.to_unix_duration().as_secs() - not_before, 90 * 24 * 3600);
    let (critical, usage) = body.get_extension::<KeyUsage>().unwrap().unwrap();
    assert!(critical && usage.digital_signature() && !usage.key_encipherment() && !usage.key_cert_sign());
    let record = client.transport.ca.issued().remove(0);
    assert_eq!(record.serial.len(), 32);
    assert_eq!(body.serial_number().to_string().replace(':', "").to_lowercase(), record.serial);
    assert_eq!((record.der, record.names), (issued.leaf(), vec!["a.example".to_owned()]));
    assert_eq!(record.order, issued.order_url);
}

#[test]
fn p384_and_rsa_keys_are_certified() {
    let mut client = registered(gentle());
    let root = client.transport.ca.root_pem();
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let (_, order) = client.ready(&["a.example"]);
        let answer = client.try_finalize(&order, &csr_with(&key, &["a.example"], Some("a.example")));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let chain = client.post(answer.json()["certificate"].as_str().unwrap(), "").text();
        verify_by_rustls(&root, &chain, "a.example").unwrap();
    }
}

#[test]
fn root_says_that_it_is_not_to_be_trusted() {
    let ca = acme_testca::Ca::new(gentle(), start()).unwrap();
    let root = Certificate::from_der(&ders(&ca.root_pem())[0]).unwrap();
    let subject = root.tbs_certificate().subject().to_string();
    assert!(subject.contains("acme-testca root") && subject.contains("DO NOT TRUST"), "{subject}");
}
