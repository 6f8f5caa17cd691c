//! tls-alpn-01 as the server validates it: by a handshake.

use std::{
    io::Read,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, mpsc},
};

use acme_testca::TestCa;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::{
    ServerConfig, ServerConnection, Stream,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use serde_json::{Value, json};

use crate::{
    client::{Client, challenge, urls},
    served::{Https, outcome, registered},
};

/// How a TLS server answers a challenge.
struct Answering {
    protocols: Vec<&'static [u8]>,
    versions: Vec<&'static rustls::SupportedProtocolVersion>,
    algorithm: &'static rcgen::SignatureAlgorithm,
    names: Vec<&'static str>,
    critical: bool,
    extension: bool,
    wrong_digest: bool,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            protocols: vec![b"acme-tls/1"],
            versions: vec![&TLS12, &TLS13],
            algorithm: &rcgen::PKCS_ECDSA_P256_SHA256,
            names: vec!["a.example"],
            critical: true,
            extension: true,
            wrong_digest: false,
        }
    }
}

impl Answering {
    fn config(&self, key_authorization: &str) -> ServerConfig {
        let key = rcgen::KeyPair::generate_for(self.algorithm).unwrap();
        let names: Vec<String> = self.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        let shown = if self.wrong_digest { "wrong" } else { key_authorization };
        let digest = digest(&SHA256, shown.as_bytes());
        let mut extension = rcgen::CustomExtension::new_acme_identifier(digest.as_ref());
        extension.set_criticality(self.critical);
        if self.extension {
            params.custom_extensions.push(extension);
        }
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Without rustls' look at the certificate, which knows no critical acmeIdentifier.
        let certified = CertifiedKey::new(
            vec![certificate.der().clone()],
            provider.key_provider.load_private_key(key).unwrap(),
        );
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

/// A TLS server on a free port, and the server names it was asked for.
struct TlsServer {
    port: u16,
    config: Arc<Mutex<Option<Arc<ServerConfig>>>>,
    asked: mpsc::Receiver<Option<String>>,
}

impl TlsServer {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (asked_in, asked) = mpsc::channel();
        let server = Self { port: listener.local_addr().unwrap().port(), config: Arc::default(), asked };
        let config = Arc::clone(&server.config);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let config = config.lock().unwrap().clone().unwrap();
                let mut session = ServerConnection::new(config).unwrap();
                while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
                if asked_in.send(session.server_name().map(str::to_owned)).is_err() {
                    return;
                }
                let _ = Stream::new(&mut session, &mut stream).read(&mut [0]);
            }
        });
        server
    }
}

fn with_tls() -> (TlsServer, TestCa, Client<Https>) {
    let server = TlsServer::start();
    let ca = TestCa::builder().gentle().tls_port(server.port).start().unwrap();
    let client = registered(&ca);
    (server, ca, client)
}

fn key_authorization(client: &mut Client<Https>, order: &Value) -> String {
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    let token = challenge(&authorization, "tls-alpn-01")["token"].as_str().unwrap().to_owned();
    format!("{token}.{}", client.key.thumbprint())
}

/// Lets a server answer the challenge of an order.
fn answered(server: &TlsServer, client: &mut Client<Https>, order: &Value, how: &Answering) -> Value {
    let key_authorization = key_authorization(client, order);
    *server.config.lock().unwrap() = Some(Arc::new(how.config(&key_authorization)));
    outcome(client, order, "tls-alpn-01")
}

#[test]
fn self_signed_certificate_with_the_digest_is_valid() {
    let (server, _ca, mut client) = with_tls();
    for version in [&TLS12, &TLS13] {
        for algorithm in
            [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256]
        {
            let (_, order) = client.order(&["a.example"]);
            let how = Answering { versions: vec![version], algorithm, ..Answering::default() };
            let authorization = answered(&server, &mut client, &order, &how);
            assert_eq!(authorization["status"], "valid", "{authorization}");
            assert_eq!(server.asked.recv().unwrap().as_deref(), Some("a.example"));
        }
    }
}

#[test]
fn addresses_are_asked_for_by_their_reverse_name() {
    let (server, ca, mut client) = with_tls();
    ca.resolve("2001:db8::1=127.0.0.1").unwrap();
    let url = client.url("/new-order");
    for (address, name) in [
        ("127.0.0.1", "1.0.0.127.in-addr.arpa"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
    ] {
        let wish = json!({"identifiers": [{"type": "ip", "value": address}]}).to_string();
        let order = client.post(&url, &wish).json();
        let how = Answering { names: vec![address], ..Answering::default() };
        let authorization = answered(&server, &mut client, &order, &how);
        assert_eq!(authorization["status"], "valid", "{authorization}");
        assert_eq!(server.asked.recv().unwrap().as_deref(), Some(name));
    }
}

#[test]
fn other_certificates_and_protocols_are_not() {
    let (server, _ca, mut client) = with_tls();
    let right = Answering::default;
    for (how, kind) in [
        (Answering { protocols: vec![b"http/1.1"], ..right() }, "tls"),
        (Answering { protocols: Vec::new(), ..right() }, "tls"),
        (Answering { critical: false, ..right() }, "incorrectResponse"),
        (Answering { extension: false, ..right() }, "incorrectResponse"),
        (Answering { wrong_digest: true, ..right() }, "incorrectResponse"),
        (Answering { names: vec!["b.example"], ..right() }, "incorrectResponse"),
        (Answering { names: vec!["a.example", "b.example"], ..right() }, "incorrectResponse"),
        (Answering { names: vec!["a.example", "127.0.0.1"], ..right() }, "incorrectResponse"),
        (Answering { names: Vec::new(), ..right() }, "incorrectResponse"),
    ] {
        let (_, order) = client.order(&["a.example"]);
        let authorization = answered(&server, &mut client, &order, &how);
        assert_eq!(authorization["status"], "invalid");
        let error = &authorization["challenges"][0]["error"];
        assert_eq!(error["type"], format!("urn:ietf:params:acme:error:{kind}"), "{error}");
    }
}

#[test]
fn nobody_there_is_a_connection_problem() {
    let (server, ca, mut client) = with_tls();
    drop(server);
    ca.resolve("nowhere.example=").unwrap();
    let connected = std::net::TcpStream::connect(ca.address()).unwrap();
    ca.validate_tls_at(connected.local_addr().unwrap().port());
    for (name, kind) in [("a.example", "connection"), ("nowhere.example", "dns")] {
        let (_, order) = client.order(&[name]);
        let authorization = outcome(&mut client, &order, "tls-alpn-01");
        let error = &authorization["challenges"][0]["error"];
        assert_eq!(error["type"], format!("urn:ietf:params:acme:error:{kind}"), "{error}");
    }
}
