//! Account keys of ML-DSA, with the crypto library's own verifier as witness.

use acme_keys::{AccountKey, CertificateKey, Error, KeyFile, external_key, sha256};
use acme_proto::{Algorithm, Jwk, Signer};
use aws_lc_rs::encoding::{AsDer, AsRawBytes};
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

struct Case {
    algorithm: Algorithm,
    name: &'static str,
    signing: &'static PqdsaSigningAlgorithm,
    verification: &'static PqdsaVerificationAlgorithm,
    public_length: usize,
    signature_length: usize,
    /// The last octet of its object identifier, 2.16.840.1.101.3.4.3.
    arc: u8,
}

const CASES: [Case; 3] = [
    Case {
        algorithm: Algorithm::MlDsa44,
        name: "ML-DSA-44",
        signing: &ML_DSA_44_SIGNING,
        verification: &ML_DSA_44,
        public_length: 1312,
        signature_length: 2420,
        arc: 17,
    },
    Case {
        algorithm: Algorithm::MlDsa65,
        name: "ML-DSA-65",
        signing: &ML_DSA_65_SIGNING,
        verification: &ML_DSA_65,
        public_length: 1952,
        signature_length: 3309,
        arc: 18,
    },
    Case {
        algorithm: Algorithm::MlDsa87,
        name: "ML-DSA-87",
        signing: &ML_DSA_87_SIGNING,
        verification: &ML_DSA_87,
        public_length: 2592,
        signature_length: 4627,
        arc: 19,
    },
];

/// The public key in a JWK, and what the JWK says of it.
fn public_of(key: &AccountKey) -> (Algorithm, Vec<u8>) {
    let Jwk::Akp { algorithm, public } = key.jwk() else { panic!("not an AKP key") };
    (*algorithm, URL_SAFE_NO_PAD.decode(public).unwrap())
}

#[test]
fn pem_round_trip_keeps_the_key_and_its_seed() {
    for case in CASES {
        let key = AccountKey::generate(case.algorithm).unwrap();
        let pem = key.to_pem();
        let again = AccountKey::from_pem(pem.expose()).unwrap();
        assert_eq!((key.algorithm(), again.algorithm()), (case.algorithm, case.algorithm));
        assert_eq!((again.jwk(), again.to_pem()), (key.jwk(), pem.clone()));
        // The seed of 32 octets and its frame, not the key of thousands that comes of it.
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(pem.expose().len() < 150, "{}", pem.expose().len());
    }
}

#[test]
fn seed_is_what_pkcs_8_holds() {
    for case in CASES {
        let seed = [7; 32];
        let key = AccountKey::from_pem(pem(&pkcs8(case.arc, &tlv(0x80, &seed)))).unwrap();
        let expected = PqdsaKeyPair::from_seed(case.signing, &seed).unwrap();
        assert_eq!(public_of(&key), (case.algorithm, expected.public_key().as_ref().to_vec()));
        let der = pkcs8(case.arc, &tlv(0x80, &seed));
        assert_eq!(key.to_pem().expose().replace('\n', ""), pem(&der).replace('\n', ""));
    }
}

/// The thumbprint is the `kid` of the key of RFC 9964 whose seed is 32 zero octets.
#[test]
fn thumbprint_is_that_of_rfc_9964() {
    let key = AccountKey::from_der(&pkcs8(17, &tlv(0x80, &[0; 32]))).unwrap();
    let thumbprint = URL_SAFE_NO_PAD.encode(sha256(key.jwk().to_json().as_bytes()));
    assert_eq!(thumbprint, "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o");
}

#[test]
fn jwk_has_its_members_in_the_order_of_thumbprints() {
    for case in CASES {
        let key = AccountKey::generate(case.algorithm).unwrap();
        let (algorithm, public) = public_of(&key);
        assert_eq!((algorithm, public.len()), (case.algorithm, case.public_length));
        let expected =
            format!(r#"{{"alg":"{}","kty":"AKP","pub":"{}"}}"#, case.name, URL_SAFE_NO_PAD.encode(&public));
        assert_eq!(key.jwk().to_json(), expected);
    }
}

#[test]
fn public_key_is_the_subject_public_key_info_of_the_library() {
    for case in CASES {
        let key = AccountKey::from_der(&pkcs8(case.arc, &tlv(0x80, &[3; 32]))).unwrap();
        let pair = PqdsaKeyPair::from_seed(case.signing, &[3; 32]).unwrap();
        assert_eq!(key.public_key_der(), pair.public_key().as_der().unwrap().as_ref());
        let external = external_key("elsewhere", key.public_key_der()).unwrap();
        assert_eq!((external.algorithm, &external.jwk), (case.algorithm, key.jwk()));
    }
}

#[test]
fn signatures_are_raw_and_verified_by_the_library() {
    for case in CASES {
        let key = AccountKey::generate(case.algorithm).unwrap();
        let signature = key.sign(b"message").unwrap();
        assert_eq!(signature.len(), case.signature_length);
        let verifier = UnparsedPublicKey::new(case.verification, public_of(&key).1);
        verifier.verify(b"message", &signature).unwrap();
        assert!(verifier.verify(b"massage", &signature).is_err());
    }
}

#[test]
fn key_without_its_seed_is_named() {
    for case in CASES {
        let pair = PqdsaKeyPair::from_seed(case.signing, &[5; 32]).unwrap();
        let expanded = tlv(0x04, pair.private_key().as_raw_bytes().unwrap().as_ref());
        let error = AccountKey::from_der(&pkcs8(case.arc, &expanded)).unwrap_err();
        let Error::UnsupportedKey { found } = &error else { panic!("{error:?}") };
        assert_eq!(*found, format!("{} without its seed", case.name));
    }
}

#[test]
fn seed_of_another_length_is_refused() {
    for length in [0, 31, 33] {
        let error = AccountKey::from_der(&pkcs8(17, &tlv(0x80, &vec![0; length]))).unwrap_err();
        assert!(matches!(error, Error::KeyRejected(_)), "{length}: {error:?}");
    }
}

#[test]
fn no_certificate_is_asked_for_with_such_a_key() {
    for case in CASES {
        let pem = AccountKey::generate(case.algorithm).unwrap().to_pem();
        let error = CertificateKey::from_pem(pem.expose()).unwrap_err();
        let Error::UnsupportedKey { found } = &error else { panic!("{error:?}") };
        assert_eq!(found, case.name);
    }
}

#[test]
fn key_file_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = KeyFile::new(directory.path().join("account.pem"));
    file.read_or_make().unwrap();
    let key = AccountKey::generate(Algorithm::MlDsa65).unwrap();
    file.begin_change(&key).unwrap().commit().unwrap();
    assert_eq!(file.read_or_make().unwrap().jwk(), key.jwk());
}

/// A key as PKCS#8 (RFC 5958) with one of the forms of RFC 9881, section 6.
fn pkcs8(arc: u8, private_key: &[u8]) -> Vec<u8> {
    let oid = tlv(0x06, &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, arc]);
    let content = [tlv(0x02, &[0]), tlv(0x30, &oid), tlv(0x04, private_key)].concat();
    tlv(0x30, &content)
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    let head = match (length, value.len()) {
        ([_, low], 0..128) => vec![tag, low],
        ([high, low], _) => vec![tag, 0x82, high, low],
    };
    [head, value.to_vec()].concat()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}
