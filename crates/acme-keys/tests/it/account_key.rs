use acme_keys::{AccountKey, CertificateKey, Error, KeyType};
use acme_proto::{Algorithm, Jwk, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::openssl;

const ALGORITHMS: [Algorithm; 4] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256];

#[test]
fn pem_round_trip_keeps_the_key() {
    for algorithm in ALGORITHMS {
        let key = AccountKey::generate(algorithm).unwrap();
        let again = AccountKey::from_pem(key.to_pem().expose()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(again.algorithm(), algorithm);
        assert_eq!(again.jwk(), key.jwk());
        assert_eq!(again.to_pem(), key.to_pem());
    }
}

#[test]
fn openssl_reads_our_keys_and_agrees_on_the_public_key() {
    for algorithm in ALGORITHMS {
        let key = AccountKey::generate(algorithm).unwrap();
        let public = openssl::run("pkey -pubout -outform DER", key.to_pem().expose().as_bytes());
        assert_eq!(key.public_key_der(), public, "{algorithm:?}");
    }
}

#[test]
fn keys_of_openssl_are_read_in_every_encoding() {
    let cases = [
        ("genpkey -algorithm ED25519", Algorithm::EdDsa),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", Algorithm::Es256),
        ("ecparam -genkey -name prime256v1", Algorithm::Es256),
        ("ecparam -genkey -name prime256v1 -noout", Algorithm::Es256),
        ("ecparam -genkey -name prime256v1 -noout -param_enc explicit", Algorithm::Es256),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", Algorithm::Es384),
        ("ecparam -genkey -name secp384r1 -noout", Algorithm::Es384),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", Algorithm::Rs256),
        ("genrsa -traditional 2048", Algorithm::Rs256),
    ];
    for (arguments, algorithm) in cases {
        let pem = openssl::run(arguments, b"");
        let key = AccountKey::from_pem(&pem).unwrap_or_else(|error| panic!("{arguments}: {error:?}"));
        assert_eq!(key.algorithm(), algorithm, "{arguments}");
        let named = if arguments.ends_with("explicit") {
            openssl::run("pkey -ec_param_enc named_curve", &pem)
        } else {
            pem
        };
        assert_eq!(key.public_key_der(), openssl::run("pkey -pubout -outform DER", &named), "{arguments}");
    }
}

#[test]
fn openssl_verifies_our_signatures() {
    for (algorithm, digest, length) in [
        (Algorithm::Es256, "-sha256", 64),
        (Algorithm::Es384, "-sha384", 96),
        (Algorithm::Rs256, "-sha256", 256),
    ] {
        let key = AccountKey::generate(algorithm).unwrap();
        let public = openssl::file(&openssl::run("pkey -pubout", key.to_pem().expose().as_bytes()));
        // Enough of them that R or S begins with zero octets now and then.
        for round in 0..16_u8 {
            let signature = key.sign(&[round]).unwrap();
            assert_eq!(signature.len(), length);
            let der = if algorithm == Algorithm::Rs256 { signature } else { ecdsa_der(&signature) };
            let signature = openssl::file(&der);
            let arguments = format!(
                "dgst {digest} -verify {} -signature {}",
                public.path().display(),
                signature.path().display()
            );
            openssl::run(&arguments, &[round]);
        }
    }
}

/// One key in 128 has a coordinate that begins with a zero octet.
#[test]
fn coordinates_have_full_length() {
    for _ in 0..600 {
        let key = AccountKey::generate(Algorithm::Es256).unwrap();
        let Jwk::Ec { x, y, .. } = key.jwk() else { panic!("not an EC key") };
        for coordinate in [x, y] {
            assert_eq!(URL_SAFE_NO_PAD.decode(coordinate).unwrap().len(), 32);
        }
    }
}

#[test]
fn rsa_modulus_has_no_leading_zero() {
    let key = AccountKey::generate(Algorithm::Rs256).unwrap();
    let Jwk::Rsa { n, e } = key.jwk() else { panic!("not an RSA key") };
    let modulus = URL_SAFE_NO_PAD.decode(n).unwrap();
    assert_eq!(modulus.len(), 256);
    assert!(modulus[0] >= 0x80);
    assert_eq!(e, "AQAB");
}

#[test]
fn debug_prints_the_type_name_only() {
    let key = AccountKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(format!("{key:?}"), "AccountKey");
    assert_eq!(format!("{:?}", key.to_pem()), "SecretText");
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    assert_eq!(format!("{key:?}"), "CertificateKey");
}

#[test]
fn other_key_types_are_named() {
    let cases = [
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", "secp521r1"),
        ("ecparam -genkey -name secp256k1 -noout", "1.3.132.0.10"),
        ("genpkey -algorithm ED448", "id-Ed448"),
    ];
    for (arguments, expected) in cases {
        let error = AccountKey::from_pem(openssl::run(arguments, b"")).unwrap_err();
        let Error::UnsupportedKey { found } = &error else { panic!("{arguments}: {error:?}") };
        assert_eq!(found, expected);
    }
}

#[test]
fn small_rsa_key_is_refused() {
    let pem = openssl::run("genrsa -traditional 1024", b"");
    assert!(matches!(AccountKey::from_pem(&pem), Err(Error::KeyRejected(_))));
}

/// R and S as DER: a sequence of two integers.
fn ecdsa_der(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let content: Vec<u8> = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

fn integer(octets: &[u8]) -> Vec<u8> {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(0);
    let mut value = octets[start..].to_vec();
    if value[0] >= 0x80 {
        value.insert(0, 0);
    }
    [&[0x02, u8::try_from(value.len()).unwrap()], value.as_slice()].concat()
}
