use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use acme_keys::{CertificateInfo, ChallengeCertificate};
use acme_proto::{Challenge, ChallengeType, Solver};
use acme_solver::{BindError, TlsAlpn01, TlsAlpn01Responder};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::challenge::{TOKEN, good, http, identifier, of_kind, token};
use super::peer::read;
use super::tls::{ACME, Hello, shake_hands};

pub(crate) fn tls(name: &str, token: &str) -> Challenge {
    of_kind("tls-alpn-01", name, token)
}

fn listening(names: &[&str]) -> (TlsAlpn01, SocketAddr, Vec<Challenge>) {
    let mut solver = TlsAlpn01::bind("127.0.0.1:0").unwrap();
    let challenges: Vec<Challenge> = names.iter().map(|name| tls(name, TOKEN)).collect();
    assert!(good(&solver.present(&challenges)).into_iter().all(|is_good| is_good));
    let address = solver.local_addr();
    (solver, address, challenges)
}

/// The extension's value in a certificate, which ends in the digest.
pub(crate) fn has_digest(certificate: &[u8], challenge: &Challenge) -> bool {
    let expected = [&[0x01, 0x01, 0xff, 0x04, 0x22, 0x04, 0x20], &challenge.digest()[..]].concat();
    certificate.windows(expected.len()).any(|window| window == expected)
}

#[test]
fn the_certificate_is_for_the_name_and_holds_the_digest() {
    let (_solver, address, challenges) = listening(&["example.com", "192.0.2.1", "2001:db8::1"]);
    let reverse = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    let asked = ["EXAMPLE.com", "1.2.0.192.in-addr.arpa", reverse];
    for (server_name, challenge) in asked.into_iter().zip(&challenges) {
        for version in rustls::ALL_VERSIONS {
            let hello = Hello { versions: std::slice::from_ref(version), ..Hello::of_ca(server_name) };
            let shown = shake_hands(address, &hello).unwrap();
            assert_eq!(shown.protocol.as_deref(), Some(ACME));
            assert!(has_digest(&shown.certificate, challenge));
            let certificate = CertificateInfo::from_der(&shown.certificate).unwrap();
            assert_eq!(certificate.names, std::slice::from_ref(&challenge.identifier));
        }
    }
}

#[test]
fn openssl_gets_it_too() {
    let (_solver, address, challenges) = listening(&["example.com"]);
    let output = Command::new("openssl")
        .args([
            "s_client",
            "-alpn",
            "acme-tls/1",
            "-servername",
            "example.com",
            "-connect",
            &address.to_string(),
        ])
        .stdin(Stdio::null())
        .output()
        .expect("this test needs the command openssl");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("ALPN protocol: acme-tls/1"), "{text}");
    let begin = text.find("-----BEGIN CERTIFICATE").unwrap();
    let certificate = acme_keys::certificates_from_pem(&text[begin..]).unwrap();
    assert!(has_digest(&certificate[0], &challenges[0]));
}

#[test]
fn nothing_else_is_answered() {
    let (mut solver, address, challenges) = listening(&["example.com"]);
    let ca = || Hello::of_ca("example.com");
    for (what, hello) in [
        ("no protocol", ca().with_protocols(&[])),
        ("another protocol", ca().with_protocols(&[b"h2"])),
        ("more than one protocol", ca().with_protocols(&[b"h2", ACME])),
        ("another name", Hello::of_ca("www.example.com")),
        ("no name", Hello::of_ca("")),
    ] {
        let error = shake_hands(address, &hello).unwrap_err();
        assert!(error.contains("alert"), "{what}: {error}");
    }
    shake_hands(address, &ca()).unwrap();
    assert_eq!(good(&solver.withdraw(&challenges)), [true]);
    assert!(shake_hands(address, &ca()).unwrap_err().contains("alert"));
    assert_eq!(good(&solver.withdraw(&challenges)), [true], "nothing is there, which is no error");
}

#[test]
fn what_is_not_tls_ends_the_connection() {
    let (_solver, address, _challenges) = listening(&["example.com"]);
    for request in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &vec![0x16; 2 * TlsAlpn01::MAX_READ]] {
        let mut stream = TcpStream::connect(address).unwrap();
        // The other side may be gone before all is written.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        assert!(answer.len() < 32 && answer.first().is_none_or(|kind| *kind == 0x15), "an alert at most");
    }
}

#[test]
fn two_challenges_of_one_name_do_not_take_each_other_away() {
    let (mut solver, address, first) = listening(&["example.com"]);
    let mut json = serde_json::to_value(&first[0]).unwrap();
    json["digest"] = serde_json::json!(vec![8; 32]);
    let second: [Challenge; 1] = [serde_json::from_value(json).unwrap()];
    assert_eq!(good(&solver.present(&second)), [true]);
    let shown = || shake_hands(address, &Hello::of_ca("example.com")).unwrap().certificate;
    assert!(has_digest(&shown(), &second[0]), "the last one is shown");
    assert_eq!(good(&solver.withdraw(&second)), [true]);
    assert!(has_digest(&shown(), &first[0]));
}

#[test]
fn silent_callers_keep_nobody_out() {
    let (_solver, address, _challenges) = listening(&["example.com"]);
    let mut silent: Vec<TcpStream> =
        (0..2 * TlsAlpn01::MAX_CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(shake_hands(address, &Hello::of_ca("example.com")).is_ok());
    assert_eq!(read(&mut silent[0]), "", "the oldest one was closed");
}

#[test]
fn only_its_own_type_and_no_wildcard() {
    let (mut solver, _address, _challenges) = listening(&[]);
    let challenges = [http("a.example", TOKEN), tls("b.example", &token(30))];
    assert_eq!(good(&solver.present(&challenges)), [false, true]);
    assert_eq!(good(&solver.withdraw(&challenges)), [false, true]);
    assert_eq!(solver.challenge_types(&identifier("a.example")), [ChallengeType::TlsAlpn01]);
    assert_eq!(solver.challenge_types(&identifier("2001:db8::1")), [ChallengeType::TlsAlpn01]);
    assert!(solver.challenge_types(&identifier("*.a.example")).is_empty());
}

#[test]
fn a_port_in_use_is_said_to_be() {
    let (_solver, address, _challenges) = listening(&[]);
    assert!(matches!(TlsAlpn01::bind(address), Err(BindError::InUse { address: at }) if at == address));
    assert!(matches!(TlsAlpn01::bind_any(address.port()), Err(BindError::InUse { .. })));
}

#[test]
fn debug_shows_no_response() {
    let (solver, address, _challenges) = listening(&["example.com"]);
    assert_eq!(format!("{solver:?}"), format!("TlsAlpn01 {{ address: {address}, .. }}"));
    assert_eq!(format!("{:?}", TlsAlpn01Responder::new()), "TlsAlpn01Responder");
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server of `www.example.com` that was there before.
pub(crate) fn server(responder: &TlsAlpn01Responder) -> (ServerConfig, Vec<u8>) {
    let own = ChallengeCertificate::new(&identifier("www.example.com"), &[0; 32]).unwrap();
    let provider = aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(own.private_key_der()).unwrap();
    let shown = Always(Arc::new(CertifiedKey::new(vec![own.certificate_der()], key)));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"http/1.1".to_vec(), TlsAlpn01Responder::PROTOCOL.to_vec()];
    config.cert_resolver = responder.resolver(config.cert_resolver);
    (config, own.certificate_der().to_vec())
}

#[test]
fn a_server_that_is_there_can_answer() {
    let mut responder = TlsAlpn01Responder::new();
    let (config, own) = server(&responder);
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let challenge = [tls("www.example.com", TOKEN)];
    assert_eq!(good(&Solver::present(&mut responder, &challenge)), [true]);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            // Refused handshakes are part of the test.
            let _ = connection.complete_io(&mut socket.unwrap());
        }
    });
    let www = || Hello::of_ca("www.example.com");
    let shown = shake_hands(address, &www()).unwrap();
    assert!(has_digest(&shown.certificate, &challenge[0]) && shown.protocol.as_deref() == Some(ACME));
    let http: &[u8] = b"http/1.1";
    for protocols in [&[][..], &[http], &[http, ACME]] {
        let shown = shake_hands(address, &www().with_protocols(protocols)).unwrap();
        assert_eq!(shown.certificate, own, "{protocols:?}");
        assert_ne!(shown.protocol.as_deref(), Some(ACME));
    }
    assert_eq!(good(&Solver::withdraw(&mut responder, &challenge)), [true]);
    assert!(
        shake_hands(address, &www()).is_err(),
        "the protocol is chosen only while a challenge is pending"
    );
}
