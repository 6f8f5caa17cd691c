use acme_keys::{CertificateKey, CertificateSigningRequest, Error, KeyType};
use acme_proto::Identifier;
use rcgen::{CertificateParams, CertificateSigningRequestParams, DnType, KeyPair, SanType};

use crate::openssl;

fn names(names: &[&str]) -> Vec<Identifier> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn openssl_and_rcgen_verify_our_requests_of_every_key_type() {
    let names = names(&["example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
    for key_type in KeyType::ALL {
        let key = CertificateKey::generate(key_type).unwrap();
        let csr = CertificateSigningRequest::new(&names, &key).unwrap();
        let text = openssl::text("req -verify -noout -text", csr.to_pem().as_bytes());
        assert!(
            text.contains(
                "DNS:example.com, DNS:*.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1"
            ),
            "{text}"
        );
        assert!(text.contains("Subject: \n"), "{text}");
        let public = openssl::run("req -noout -pubkey -outform DER", csr.to_pem().as_bytes());
        let public = openssl::run("pkey -pubin -outform DER", &public);
        assert_eq!(public, csr.public_key_der());

        let parsed = CertificateSigningRequestParams::from_der(&csr.der().to_vec().into()).unwrap();
        assert_eq!(parsed.params.subject_alt_names.len(), names.len());

        let again = CertificateSigningRequest::from_pem(csr.to_pem()).unwrap();
        assert_eq!(again, csr);
    }
}

#[test]
fn hundred_names_keep_their_order() {
    let names: Vec<Identifier> =
        (0..100).rev().map(|i| format!("host{i}.example.com").parse().unwrap()).collect();
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let csr = CertificateSigningRequest::new(&names, &key).unwrap();
    assert_eq!(CertificateSigningRequest::from_der(csr.der()).unwrap().names(), names);
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    assert!(matches!(CertificateSigningRequest::new(&[], &key), Err(Error::NoNames)));
    let other = Identifier::Other { kind: "onion".into(), value: "x".into() };
    let error = CertificateSigningRequest::new(std::slice::from_ref(&other), &key).unwrap_err();
    assert!(matches!(error, Error::Identifier(name) if name == other));
    let umlaut = Identifier::Dns("bücher.example".into());
    assert!(matches!(CertificateSigningRequest::new(&[umlaut], &key), Err(Error::Der { .. })));
}

#[test]
fn requests_of_others_are_read_with_every_signature() {
    let cases = [
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha512",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-521 -sha512",
        "-newkey rsa:2048 -sha256",
        "-newkey rsa:2048 -sha384",
        "-newkey rsa:2048 -sha512",
        "-newkey ed25519",
    ];
    for case in cases {
        let arguments = format!(
            "req -new -noenc -keyout /dev/null -subj /CN=WWW.Example.org \
             -addext subjectAltName=DNS:example.org,IP:192.0.2.7,email:a@example.org {case}"
        );
        let csr = CertificateSigningRequest::from_pem(openssl::run(&arguments, b""));
        let csr = csr.unwrap_or_else(|error| panic!("{case}: {error:?}"));
        assert_eq!(csr.names(), names(&["example.org", "192.0.2.7", "www.example.org"]), "{case}");
    }
}

#[test]
fn common_name_alone_is_a_name_and_repeated_it_is_none() {
    let new = "req -new -noenc -keyout /dev/null -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj";
    let alone = openssl::run(&format!("{new} /CN=example.org"), b"");
    assert_eq!(CertificateSigningRequest::from_pem(alone).unwrap().names(), names(&["example.org"]));
    let person = openssl::run(&format!("{new} /CN=Jane_Doe"), b"");
    assert_eq!(CertificateSigningRequest::from_pem(person).unwrap().names(), []);

    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["a.test".to_owned(), "b.test".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "b.test");
    params.subject_alt_names.push(SanType::IpAddress("::1".parse().unwrap()));
    let csr = params.serialize_request(&key).unwrap();
    let csr = CertificateSigningRequest::from_der(csr.der()).unwrap();
    assert_eq!(csr.names(), names(&["a.test", "b.test", "::1"]));
    assert_eq!(csr.public_key_der(), rcgen::PublicKeyData::subject_public_key_info(&key));
}

#[test]
fn wrong_signature_is_refused_wherever_it_is_bent() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let csr = CertificateSigningRequest::new(&names(&["example.com"]), &key).unwrap();
    for position in 0..csr.der().len() {
        let mut der = csr.der().to_vec();
        der[position] ^= 1;
        assert!(CertificateSigningRequest::from_der(&der).is_err(), "octet {position}");
    }
    let mut der = csr.der().to_vec();
    let name = der.windows(7).position(|window| window == b"example").unwrap();
    der[name] = b'f';
    assert!(matches!(CertificateSigningRequest::from_der(&der), Err(Error::CsrSignature)));
}

#[test]
fn signature_that_cannot_be_checked_is_named() {
    let arguments =
        "req -new -noenc -keyout /dev/null -newkey rsa:2048 -sigopt rsa_padding_mode:pss -subj /CN=a.test";
    let error = CertificateSigningRequest::from_pem(openssl::run(arguments, b"")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the certificate signing request is signed with id-RSASSA-PSS, which can't be checked"
    );
}

/// A key that signs something else than it is shown is found out before any CA.
#[test]
fn request_of_a_signer_is_checked() {
    use acme_keys::AccountKey;
    use acme_proto::{Algorithm, Jwk, SignError, Signer};

    #[derive(Debug)]
    struct Forger(AccountKey);

    impl Signer for Forger {
        fn algorithm(&self) -> Algorithm {
            self.0.algorithm()
        }
        fn jwk(&self) -> &Jwk {
            self.0.jwk()
        }
        fn public_key_der(&self) -> &[u8] {
            self.0.public_key_der()
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            self.0.sign(b"something else")
        }
    }

    let names = ["a.example".parse().unwrap()];
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        let key = AccountKey::generate(algorithm).unwrap();
        let csr = CertificateSigningRequest::signed_by(&names, &key).unwrap();
        assert_eq!((csr.names(), csr.public_key_der()), (&names[..], key.public_key_der()));
        let error = CertificateSigningRequest::signed_by(&names, &Forger(key)).unwrap_err();
        assert!(matches!(error, Error::CsrSignature), "{error}");
    }
    let ed25519 = AccountKey::generate(Algorithm::EdDsa).unwrap();
    let error = CertificateSigningRequest::signed_by(&names, &ed25519).unwrap_err();
    assert!(matches!(error, Error::UnsupportedKey { .. }), "{error}");
    assert!(matches!(CertificateSigningRequest::signed_by(&[], &ed25519), Err(Error::NoNames)));
}
