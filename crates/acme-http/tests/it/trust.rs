use acme_http::Client;
use acme_proto::{Delivery, TransportErrorKind};
use rcgen::CertificateParams;

use crate::server::{Authority, Connection, Server, causes, get, perform, response};

fn serve(mut connection: Connection) {
    while connection.request().is_some() {
        connection.send(&response("200 OK", "secret"));
    }
}

#[test]
fn certificate_of_an_unknown_root_is_not_trusted() {
    let server = Server::start(serve);
    let client = Client::builder().root_pem(Authority::new().root_pem).build().unwrap();
    let error = server.get(&client).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Untrusted));
    assert!(!error.is_temporary());
    assert_eq!(
        causes(&error),
        ["the HTTPS certificate of the CA is not trusted", "invalid peer certificate: UnknownIssuer"]
    );
}

#[test]
fn expired_certificate_is_not_trusted() {
    let authority = Authority::new();
    let mut leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let server = Server::start_with("127.0.0.1:0", &authority, authority.config_of(leaf), serve).unwrap();
    let error = server.get(&server.client()).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Untrusted);
    assert!(causes(&error)[1].contains("expired"), "{:?}", causes(&error));
}

#[test]
fn certificate_of_another_host_is_not_trusted() {
    let authority = Authority::new();
    let config = authority.config(&["elsewhere.test"]);
    let server = Server::start_with("127.0.0.1:0", &authority, config, serve).unwrap();
    let error = server.get(&server.client()).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Untrusted));
}

#[test]
fn any_of_several_roots_will_do() {
    let server = Server::start(serve);
    let roots = format!("{}\n{}", Authority::new().root_pem, server.root_pem);
    let client = Client::builder().root_pem(roots).build().unwrap();
    assert!(perform(&client, get(&server.url("/"))).is_ok());
}

#[test]
fn roots_of_the_system_do_not_vouch_for_a_test() {
    let server = Server::start(serve);
    match Client::new() {
        Ok(client) => assert_eq!(server.get(&client).unwrap_err().kind, TransportErrorKind::Untrusted),
        // A machine without roots says so.
        Err(error) => assert_eq!(error.to_string(), "the root certificates of the system can't be used"),
    }
}
