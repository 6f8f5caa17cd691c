//! The certificate of tls-alpn-01, as `openssl` sees it.

use acme_keys::{ChallengeCertificate, Error, certificates_to_pem, sha256};
use acme_proto::Identifier;

use crate::openssl;

fn pem(name: &str) -> String {
    let certificate =
        ChallengeCertificate::new(&name.parse().unwrap(), &sha256(b"token.thumbprint")).unwrap();
    certificates_to_pem(&[certificate.certificate_der()])
}

#[test]
fn it_is_for_one_name_and_holds_the_digest_in_a_critical_extension() {
    let digest: String = sha256(b"token.thumbprint").iter().map(|octet| format!("{octet:02X}")).collect();
    for (name, expected) in [
        ("example.com", "DNS:example.com"),
        ("192.0.2.1", "IP Address:192.0.2.1"),
        ("2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1"),
    ] {
        let text = openssl::text("x509 -noout -text", pem(name).as_bytes());
        let after = |title: &str| text.split(title).nth(1).unwrap().lines().nth(1).unwrap().trim().to_owned();
        assert_eq!(after("X509v3 Subject Alternative Name:"), expected, "{text}");
        assert!(text.contains("1.3.6.1.5.5.7.1.31: critical"), "{text}");
        assert!(text.contains("Version: 3 (0x2)") && text.contains("Not After : Dec 31 23:59:59 2049 GMT"));
        let dump = openssl::text("asn1parse", pem(name).as_bytes());
        assert!(dump.contains(&format!("[HEX DUMP]:0420{digest}")), "{dump}");
    }
}

#[test]
fn it_is_signed_with_its_own_key() {
    let pem = pem("example.com");
    let file = openssl::file(pem.as_bytes());
    // The extension is critical and openssl does not know it: that it has to be told to pass over it.
    let path = file.path().display();
    let arguments = format!("verify -ignore_critical -check_ss_sig -CAfile {path} {path}");
    assert!(openssl::text(&arguments, b"").ends_with(": OK\n"));
}

#[test]
fn key_and_certificate_belong_together_and_differ_each_time() {
    let make = || ChallengeCertificate::new(&"example.com".parse().unwrap(), &[7; 32]).unwrap();
    let certificate = make();
    let public = openssl::run("x509 -inform DER -noout -pubkey", &certificate.certificate_der());
    assert_eq!(openssl::run("pkey -inform DER -pubout", certificate.private_key_der().secret_der()), public);
    assert_ne!(make().private_key_der().secret_der(), certificate.private_key_der().secret_der());
    assert_eq!(format!("{certificate:?}"), "ChallengeCertificate");
}

#[test]
fn a_name_of_another_type_is_refused() {
    let other = Identifier::Other { kind: "email".to_owned(), value: "a@example.com".to_owned() };
    assert!(
        matches!(ChallengeCertificate::new(&other, &[7; 32]), Err(Error::Identifier(name)) if name == other)
    );
}
