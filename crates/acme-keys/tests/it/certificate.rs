use acme_keys::{CertificateInfo, CertificateKey, Error, KeyType};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, SerialNumber};

use crate::openssl;

fn key_pair(key: &CertificateKey) -> KeyPair {
    KeyPair::from_pem(key.to_pem().expose()).unwrap()
}

#[test]
fn leaf_says_what_its_issuer_wrote() {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "Root, of \"tests\"");
    let issuer = Issuer::new(ca, &ca_key);
    let mut leaf = CertificateParams::new(["Example.com".to_owned(), "*.example.com".to_owned()]).unwrap();
    leaf.subject_alt_names.push(SanType::IpAddress("192.0.2.1".parse().unwrap()));
    leaf.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
    leaf.subject_alt_names.push(SanType::URI("https://example.com/".try_into().unwrap()));
    leaf.serial_number = Some(SerialNumber::from_slice(&[0x87, 0x65, 0x43, 0x21]));
    leaf.use_authority_key_identifier_extension = true;
    leaf.not_before = rcgen::date_time_ymd(2026, 11, 24);
    leaf.not_after = rcgen::date_time_ymd(2050, 1, 1);
    let pem = leaf.signed_by(&key_pair(&key), &issuer).unwrap().pem();

    let info = CertificateInfo::from_pem(&pem).unwrap();

    let names: Vec<_> = info.names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
    assert_eq!(info.serial, [0, 0x87, 0x65, 0x43, 0x21]);
    assert_eq!(info.serial_hex(), "87654321");
    assert_eq!(info.not_before, "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(info.not_after, "2050-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let text = openssl::text("x509 -noout -ext authorityKeyIdentifier", pem.as_bytes());
    let key_id: Vec<_> = info.authority_key_id.iter().flatten().map(|octet| format!("{octet:02X}")).collect();
    assert!(text.contains(&key_id.join(":")), "{text}");
    assert_eq!(key_id.len(), 20);
    assert_eq!(info.issuer, r#"CN=Root\, of \"tests\""#);
    assert!(info.matches(&key));
    assert!(!info.matches(&CertificateKey::generate(KeyType::EcdsaP256).unwrap()));
}

#[test]
fn certificates_of_openssl_are_read_with_every_key() {
    for (arguments, key_type) in [
        ("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256", KeyType::EcdsaP256),
        ("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384", KeyType::EcdsaP384),
        ("req -x509 -newkey rsa:2048", KeyType::Rsa2048),
    ] {
        let text = openssl::run(
            &format!(
                "{arguments} -noenc -keyout - -subj /O=Example/CN=example.org -addext subjectAltName=DNS:example.org"
            ),
            b"",
        );
        let key = CertificateKey::from_pem(&text).unwrap();
        let info = CertificateInfo::from_pem(&text).unwrap();
        assert_eq!(key.key_type(), key_type);
        assert!(info.matches(&key));
        assert_eq!(info.names, ["example.org".parse().unwrap()]);
        assert_eq!(info.subject, "CN=example.org,O=Example");
        let serial = openssl::text("x509 -noout -serial", &text);
        assert_eq!(serial.trim(), format!("serial={}", info.serial_hex()));
    }
}

#[test]
fn certificate_without_extensions_is_read() {
    let config = openssl::file(b"[req]\ndistinguished_name=dn\n[dn]\n");
    let arguments = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /dev/null -subj / -config {}",
        config.path().display()
    );
    let info = CertificateInfo::from_pem(openssl::run(&arguments, b"")).unwrap();
    assert_eq!((info.names.len(), info.authority_key_id, info.subject.as_str()), (0, None, ""));
}

#[test]
fn certificate_of_rfc_9773_is_read_despite_its_year() {
    let info = CertificateInfo::from_pem(include_str!("../data/rfc9773-appendix-a.pem")).unwrap();
    assert_eq!(info.not_before, "0001-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(info.serial, [0x00, 0x87, 0x65, 0x43, 0x21]);
    let key_id = info.authority_key_id.unwrap();
    assert_eq!(key_id[..4], [0x69, 0x88, 0x5b, 0x6b]);
    assert_eq!(info.issuer, "CN=Example CA");
    assert_eq!(info.subject, "CN=example.com");
}

#[test]
fn damaged_certificate_is_an_error_wherever_it_is_cut_or_bent() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let der = certificate.der().to_vec();
    for length in 0..der.len() {
        let error = CertificateInfo::from_der(&der[..length]).unwrap_err();
        assert!(matches!(error, Error::Der { .. }));
    }
    for position in 0..der.len() {
        let mut bent = der.clone();
        bent[position] ^= 0xff;
        // Some bits are not looked at; none may bring the reader down.
        let _ = CertificateInfo::from_der(&bent);
    }
}
