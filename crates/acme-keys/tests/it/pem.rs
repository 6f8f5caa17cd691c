use acme_keys::{
    AccountKey, CertificateInfo, CertificateKey, CertificateSigningRequest, Error, KeyType, PemFault,
    certificates_from_pem, certificates_to_pem,
};
use rcgen::{CertificateParams, KeyPair};

use crate::openssl;

fn fault(error: &Error) -> &PemFault {
    let Error::Pem { fault, .. } = error else { panic!("{error:?}") };
    fault
}

fn certificate(name: &str) -> rcgen::Certificate {
    let key = KeyPair::generate().unwrap();
    CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap()
}

#[test]
fn chain_is_read_and_written_in_order() {
    let text = format!("# leaf\r\n{}\n\n{}", certificate("a.test").pem(), certificate("b.test").pem());
    let chain = certificates_from_pem(&text).unwrap();
    assert_eq!(chain.len(), 2);
    let written = certificates_to_pem(&chain);
    assert_eq!(certificates_from_pem(&written).unwrap(), chain);
    let names: Vec<_> = CertificateInfo::chain_from_pem(&written)
        .unwrap()
        .iter()
        .map(|info| info.names[0].to_string())
        .collect();
    assert_eq!(names, ["a.test", "b.test"]);
}

#[test]
fn key_and_chain_may_share_a_file() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let combined = format!("{}{}", key.to_pem().expose(), certificate("a.test").pem());
    assert_eq!(CertificateKey::from_pem(&combined).unwrap().public_key_der(), key.public_key_der());
    assert_eq!(certificates_from_pem(&combined).unwrap().len(), 1);
}

#[test]
fn byte_order_mark_and_carriage_returns_do_no_harm() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let text = format!("\u{feff}{}", key.to_pem().expose().replace('\n', "\r\n"));
    assert!(CertificateKey::from_pem(text).is_ok());
}

#[test]
fn output_is_what_openssl_writes() {
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384] {
        let pem = CertificateKey::generate(key_type).unwrap().to_pem();
        assert_eq!(openssl::text("pkey", pem.expose().as_bytes()), pem.expose());
    }
    let pem = certificate("a.test").pem();
    let ours = certificates_to_pem(&certificates_from_pem(&pem).unwrap());
    assert_eq!(openssl::text("x509", pem.as_bytes()), ours);
}

#[test]
fn what_was_found_instead_is_said() {
    let certificate = certificate("a.test").pem();
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap().to_pem();
    let cases = [
        (AccountKey::from_pem(&certificate).unwrap_err(), "private key", "there is only CERTIFICATE"),
        (certificates_from_pem(key.expose()).unwrap_err(), "certificate", "there is only PRIVATE KEY"),
        (
            CertificateSigningRequest::from_pem(&certificate).unwrap_err(),
            "certificate signing request",
            "there is only CERTIFICATE",
        ),
        (AccountKey::from_pem("").unwrap_err(), "private key", "there is nothing"),
        (AccountKey::from_pem(" \n").unwrap_err(), "private key", "there is nothing"),
        (AccountKey::from_pem(b"\x30\x82").unwrap_err(), "private key", "there is no '-----BEGIN' line"),
    ];
    for (error, item, found) in cases {
        assert_eq!(error.to_string(), format!("{item} in PEM was expected, but {found}"));
    }
}

#[test]
fn damage_is_told_apart_without_the_contents() {
    let pem = CertificateKey::generate(KeyType::EcdsaP256).unwrap().to_pem();
    let pem = pem.expose();
    let secret = pem.lines().nth(1).unwrap();
    let cases = [
        (pem.replace("-----END PRIVATE KEY-----", ""), PemFault::Truncated { label: "PRIVATE KEY".into() }),
        (pem.replace("KEY-----\nM", "KEY---\nM"), PemFault::Boundary),
        (pem.replacen("\nM", "\n!", 1), PemFault::Base64),
    ];
    for (text, expected) in cases {
        let error = CertificateKey::from_pem(&text).unwrap_err();
        assert_eq!(fault(&error), &expected);
        assert!(!format!("{error} {error:?}").contains(&secret[4..]));
    }
}

#[test]
fn encrypted_keys_are_recognized() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap().to_pem();
    for arguments in ["pkcs8 -topk8 -passout pass:secret", "ec -aes128 -passout pass:secret"] {
        let encrypted = openssl::run(arguments, key.expose().as_bytes());
        let error = CertificateKey::from_pem(encrypted).unwrap_err();
        assert_eq!(fault(&error), &PemFault::Encrypted, "{arguments}");
    }
}
