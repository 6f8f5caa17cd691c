use acme_keys::{CertificateKey, Error, KeyType};
use acme_proto::{Algorithm, Signer};
use rustls_pki_types::PrivateKeyDer;

use crate::openssl;

#[test]
fn key_types_have_names_that_are_read_back() {
    let names = KeyType::ALL.map(|key_type| key_type.to_string());
    assert_eq!(names, ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"]);
    for key_type in KeyType::ALL {
        assert_eq!(key_type.to_string().parse(), Ok(key_type));
    }
    assert_eq!(
        "rsa".parse::<KeyType>().unwrap_err().to_string(),
        "'rsa' is no key type; there are ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096"
    );
}

#[test]
fn every_type_is_made_and_read_back_by_us_and_by_openssl() {
    for key_type in KeyType::ALL {
        let key = CertificateKey::generate(key_type).unwrap();
        assert_eq!(key.key_type(), key_type);
        let again = CertificateKey::from_pem(key.to_pem().expose()).unwrap();
        assert_eq!(again.key_type(), key_type);
        assert_eq!(again.public_key_der(), key.public_key_der());
        let public = openssl::run("pkey -pubout -outform DER", key.to_pem().expose().as_bytes());
        assert_eq!(public, key.public_key_der());
    }
}

#[test]
fn private_key_for_rustls_is_pkcs8() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let PrivateKeyDer::Pkcs8(der) = key.private_key_der() else { panic!("not PKCS#8") };
    let again = CertificateKey::from_der(der.secret_pkcs8_der()).unwrap();
    assert_eq!(again.public_key_der(), key.public_key_der());
    rcgen::KeyPair::from_der_and_sign_algo(&key.private_key_der(), &rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
}

#[test]
fn signer_of_a_certificate_key_is_the_same_key() {
    for (key_type, algorithm) in [
        (KeyType::EcdsaP256, Algorithm::Es256),
        (KeyType::EcdsaP384, Algorithm::Es384),
        (KeyType::Rsa2048, Algorithm::Rs256),
    ] {
        let key = CertificateKey::generate(key_type).unwrap();
        let signer = key.to_signer().unwrap();
        assert_eq!(signer.algorithm(), algorithm);
        assert_eq!(signer.public_key_der(), key.public_key_der());
    }
}

#[test]
fn keys_that_no_ca_certifies_are_named() {
    for (arguments, expected) in
        [("genpkey -algorithm ED25519", "Ed25519"), ("genrsa 2560", "RSA with 2560 bits")]
    {
        let error = CertificateKey::from_pem(openssl::run(arguments, b"")).unwrap_err();
        assert_eq!(error.to_string(), format!("a private key of type {expected} is not supported here"));
    }
}

#[test]
fn damaged_der_is_an_error_wherever_it_is_cut() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let der = key.private_key_der();
    let der = der.secret_der();
    for length in 0..der.len() {
        let error = CertificateKey::from_der(&der[..length]).unwrap_err();
        assert!(matches!(error, Error::Der { .. } | Error::KeyRejected(_)), "{length}: {error:?}");
    }
}
