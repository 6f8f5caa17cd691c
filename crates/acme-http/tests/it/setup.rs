use acme_http::{Client, Error, RootPemFault};

use crate::server::Authority;

fn fault(pem: &str) -> RootPemFault {
    let error = Client::builder().root_pem(pem).build().unwrap_err();
    let Error::RootPem(fault) = error else { panic!("{error:?}") };
    fault
}

#[test]
fn damaged_roots_are_told_apart() {
    let pem = Authority::new().root_pem;
    assert_eq!(fault(""), RootPemFault::Absent);
    assert_eq!(fault("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), RootPemFault::Absent);
    assert_eq!(fault(&pem.replace("-----END CERTIFICATE-----", "")), RootPemFault::Truncated);
    assert_eq!(fault(&pem.replace("CERTIFICATE-----\nM", "CERTIFICATE\nM")), RootPemFault::Boundary);
    assert_eq!(fault(&pem.replace("CERTIFICATE-----\nM", "CERTIFICATE-----\n!")), RootPemFault::Base64);
}

#[test]
fn root_that_is_no_certificate_is_named_by_its_position() {
    let pem = format!(
        "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        Authority::new().root_pem
    );
    let error = Client::builder().root_pem(pem).build().unwrap_err();
    assert_eq!(error.to_string(), "root certificate 2 can't be read");
}

#[test]
fn proxy_has_to_be_an_http_url() {
    let root_pem = Authority::new().root_pem;
    for url in ["", "::", "socks5://127.0.0.1:1080", "socks4://user:secret@127.0.0.1"] {
        let error = Client::builder().root_pem(root_pem.as_str()).proxy(url).build().unwrap_err();
        assert!(matches!(error, Error::Proxy), "{url}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[test]
fn debug_prints_type_names_only() {
    let builder =
        Client::builder().root_pem(Authority::new().root_pem).proxy("http://user:secret@127.0.0.1:3128");
    assert_eq!(format!("{builder:?}"), "ClientBuilder");
    assert_eq!(format!("{:?}", builder.build().unwrap()), "Client");
}
