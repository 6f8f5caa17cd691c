//! What the RFCs print, byte for byte.

use std::sync::Arc;

use acme_keys::{
    AccountKey, CertificateInfo, ChallengeCertificate, HmacAlgorithm, HmacKey, TsigAlgorithm, TsigKey, sha256,
};
use acme_proto::{Algorithm, Authorization, Challenge, Flow, Input, Jwk, Mac, Session, Signer, Step};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;

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

/// A challenge of `a.example` as the account of this key responds to it.
fn respond(pem: &str, kind: &str) -> Challenge {
    let json = |text: String| http::Response::builder().header("replay-nonce", "n").body(text.into_bytes());
    let directory = r#"{"newNonce":"https://ca.example/nonce"}"#.to_string();
    let authorization = format!(
        r#"{{"status":"pending","identifier":{{"type":"dns","value":"a.example"}},
            "challenges":[{{"type":"{kind}","url":"https://ca.example/c","token":"{TOKEN}"}}]}}"#
    );
    let mut session = Session::new("https://ca.example/directory", "test/1", sha256, 1).unwrap();
    let key = AccountKey::from_pem(pem).unwrap();
    session.sign_in("https://ca.example/acct/123", Arc::new(key)).unwrap();
    let mut flow = Authorization::read("https://ca.example/authz/1");
    let mut step = flow.resume(&mut session, Input::Start, Timestamp::UNIX_EPOCH).unwrap();
    for body in [directory, authorization] {
        assert!(matches!(step, Step::Exchange(_)));
        let responses = Input::Responses(vec![Ok(json(body).unwrap())]);
        step = flow.resume(&mut session, responses, Timestamp::UNIX_EPOCH).unwrap();
    }
    let Step::Done(authorization) = step else { panic!("the authorization is not read") };
    let respondent = session.respondent().unwrap();
    Challenge::respond(&authorization, &authorization.challenges[0], &respondent).unwrap()
}

#[test]
fn records_of_dns_01() {
    for (pem, record) in [
        (RSA, "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8"),
        (EC, "ZaJgFtIV4WA0t2MzN7kbSk0sfRd2GZjaxRqaSTAK6lI"),
        (ED25519, "lAV291d372xyXVEZRY9j2FQ8g1TYpOaJr620CiahePA"),
    ] {
        assert_eq!(respond(pem, "dns-01").dns_value(), record);
    }
}

#[test]
fn extensions_of_tls_alpn_01() {
    const START: &str = "303106082b0601050507011f0101ff04220420";
    for (pem, digest) in [
        (EC, "65a26016d215e16034b7633337b91b4a4d2c7d17761998dac51a9a49300aea52"),
        (RSA, "653471d42925d7eb4cd39a39cda8b34d3034c94cb90067ab78c8123560ba2e5f"),
        (ED25519, "940576f75777ef6c725d5119458f63d8543c8354d8a4e689afadb40a26a178f0"),
    ] {
        let challenge = respond(pem, "tls-alpn-01");
        let certificate = ChallengeCertificate::new(&challenge.identifier, challenge.digest()).unwrap();
        let der = certificate
            .certificate_der()
            .iter()
            .fold(String::new(), |text, octet| text + &format!("{octet:02x}"));
        assert!(der.contains(&format!("{START}{digest}")), "{der}");
    }
}

#[test]
fn identifier_of_the_certificate_of_rfc_9773() {
    let info = CertificateInfo::from_pem(include_str!("../data/rfc9773-appendix-a.pem")).unwrap();
    assert_eq!(info.certificate_id().unwrap().as_str(), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
}

const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

/// RFC 2202, section 3, and RFC 4231, section 4.3.
#[test]
fn tsig_keys_sign_as_the_rfcs_do() {
    let cases = [
        ("hmac-sha1.", "7/zfauXrL6LSdBbV8YTfnCWafHk="),
        ("HMAC-SHA224", "ow4BCYvG279FaQ86fp5tD4u+oqOeYUgAj9BeRA=="),
        ("hmac-sha256", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
        ("hmac-sha384", "r0XS43ZIQDFhf3jStYprG5x+9GT1oBtH5C7Dc2MiRF6OIkDKXmnix4syOez6shZJ"),
        (
            "hmac-sha512",
            "Fkt6e/z4GeLjlfvnO1bgo4e9ZCIugx/WECcM1+olBVSXWL91wFqZSm0DT2X48Ob9yuqxo01Ka0tjbgcKOLznNw==",
        ),
    ];
    for (name, mac) in cases {
        let key = TsigKey::from_base64(name.parse().unwrap(), " SmVm\nZQ ").unwrap();
        let message = b"what do ya want for nothing?";
        let mac = STANDARD.decode(mac).unwrap();
        assert_eq!(key.sign(message), mac, "{name}");
        assert!(key.verifies(message, &mac), "{name}");
        assert!(!key.verifies(message, &mac[..mac.len() / 2]), "{name}");
        assert_eq!(format!("{key:?}"), "TsigKey");
    }
    assert!("hmac-md5.sig-alg.reg.int.".parse::<TsigAlgorithm>().is_err());
    assert!(TsigKey::from_base64(TsigAlgorithm::HmacSha256, "no base64!").is_err());
    assert!(TsigKey::from_base64(TsigAlgorithm::HmacSha256, "").is_err());
}
