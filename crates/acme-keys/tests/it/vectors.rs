//! What the RFCs print, byte for byte.

use acme_keys::{AccountKey, HmacAlgorithm, HmacKey, sha256};
use acme_proto::{Algorithm, Jwk, Mac, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const RSA: &str = include_str!("../data/rfc7517-a2-rsa.pem");
const EC: &str = include_str!("../data/rfc7515-a3-ec.pem");
const EC_NO_PUBLIC: &str = include_str!("../data/rfc7515-a3-ec-no-public.pem");
const ED25519: &str = include_str!("../data/rfc8037-a1-ed25519.pem");

fn thumbprint(key: &AccountKey) -> String {
    URL_SAFE_NO_PAD.encode(sha256(key.jwk().to_json().as_bytes()))
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let cases = [
        (RSA, Algorithm::Rs256, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (EC, Algorithm::Es256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"),
        (ED25519, Algorithm::EdDsa, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ];
    for (pem, algorithm, expected) in cases {
        let key = AccountKey::from_pem(pem).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(thumbprint(&key), expected);
    }
}

#[test]
fn missing_public_half_is_computed() {
    let expected = Jwk::Ec {
        curve: "P-256",
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
    };
    assert_eq!(AccountKey::from_pem(EC_NO_PUBLIC).unwrap().jwk(), &expected);
    assert_eq!(AccountKey::from_pem(EC).unwrap().jwk(), &expected);
}

#[test]
fn eddsa_signature_of_a_new_account_request() {
    let protected = concat!(
        r#"{"alg":"EdDSA","jwk":{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},"#,
        r#""nonce":"oFvnlFP1wIhRlYS2jTaXbA","url":"https://example.com/acme/new-account"}"#,
    );
    let payload = r#"{"termsOfServiceAgreed":true}"#;
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(protected), URL_SAFE_NO_PAD.encode(payload));
    let signature = AccountKey::from_pem(ED25519).unwrap().sign(input.as_bytes()).unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.encode(signature),
        "5O1Vok1fXYpVmhXQkQoRjrB_PkN3spWccSCJAlh-aSUSeN4zL4WldeQEdVi9OP9jDmIjS-xbNyUHzMkVTA9zDQ"
    );
}

#[test]
fn rsa_signature_is_deterministic_pkcs1() {
    let key = AccountKey::from_pem(RSA).unwrap();
    let signature = key.sign(b"message").unwrap();
    let private = crate::openssl::file(RSA.as_bytes());
    let arguments = format!("dgst -sha256 -sign {}", private.path().display());
    assert_eq!(signature, crate::openssl::run(&arguments, b"message"));
}

#[test]
fn hs256_of_an_external_account_binding() {
    let protected = r#"{"alg":"HS256","kid":"kid-1","url":"https://localhost:14000/sign-me-up"}"#;
    let payload = AccountKey::from_pem(EC).unwrap().jwk().to_json();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(protected), URL_SAFE_NO_PAD.encode(payload));
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let key = HmacKey::from_text(HmacAlgorithm::Hs256, key).unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())),
        "JerwpBYp3xRnaRwF0vv3m5APeHVVv3mUOj5VJ_9KHcs"
    );
}

#[test]
fn every_hmac_is_that_of_openssl() {
    let cases = [
        (HmacAlgorithm::Hs256, "HS256", "-sha256"),
        (HmacAlgorithm::Hs384, "HS384", "-sha384"),
        (HmacAlgorithm::Hs512, "HS512", "-sha512"),
    ];
    for (algorithm, name, option) in cases {
        let key = HmacKey::from_bytes(algorithm, b"Jefe");
        let arguments = format!("dgst {option} -mac HMAC -macopt key:Jefe -binary");
        assert_eq!(key.algorithm(), name);
        assert_eq!(key.sign(b"what do ya want"), crate::openssl::run(&arguments, b"what do ya want"));
    }
}

#[test]
fn mac_key_is_read_in_every_dialect_of_base64() {
    let bytes = [0xfb, 0xef, 0xff, 0x01];
    let reference = HmacKey::from_bytes(HmacAlgorithm::Hs256, &bytes).sign(b"m");
    for text in ["--__AQ", "--__AQ==", "++//AQ", "++//AQ==", "  --__AQ\n"] {
        let key = HmacKey::from_text(HmacAlgorithm::Hs256, text).unwrap();
        assert_eq!(key.sign(b"m"), reference, "{text}");
    }
    for text in ["", " ", "-", "a b", "++__AQ", "ключ"] {
        let error = HmacKey::from_text(HmacAlgorithm::Hs256, text).unwrap_err();
        assert_eq!(error.to_string(), "the MAC key is not base64url text", "{text}");
    }
}

/// Somebody encoded what was encoded.
#[test]
fn mac_key_that_was_encoded_twice_is_told() {
    let read = |text: &str| HmacKey::from_text(HmacAlgorithm::Hs256, text).unwrap().seems_encoded_twice();
    let once = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    assert!(!read(once));
    for inner in [once.to_owned(), format!("{once}\n"), STANDARD.encode([0xfb; 32])] {
        for text in [STANDARD.encode(&inner), URL_SAFE_NO_PAD.encode(&inner)] {
            assert!(read(&text), "{text}");
        }
    }
    // Too short to tell.
    assert!(!read(&STANDARD.encode("secretsecret")));
}
