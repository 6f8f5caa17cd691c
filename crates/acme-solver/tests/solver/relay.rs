//! The relay in front of a TLS server, from threads.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Solver};
use acme_solver::{BindError, ProxyHeader, RelayConfig, TlsAlpn01, TlsAlpn01Relay, TlsAlpn01Responder};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::challenge::{TOKEN, good, identifier};
use super::tls::{ACME, Hello, shake_hands};
use super::tls_alpn01::{has_digest, server, tls};

/// Relays to an address, from a port of the system's choice.
fn relay_to(server: SocketAddr) -> TlsAlpn01Relay {
    TlsAlpn01Relay::bind("127.0.0.1:0", &RelayConfig::to(server)).unwrap()
}

/// A server that takes one connection and does something with it.
pub(crate) fn one<T: Send + 'static>(
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || act(listener.accept().unwrap().0)))
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The ClientHello of a client that offers some protocols, in one record.
pub(crate) fn client_hello(protocols: &[&[u8]]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from("www.example.com").unwrap();
    let mut bytes = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
    bytes
}

/// The same handshake message, each byte of it in a record of its own.
fn in_small_records(hello: &[u8]) -> Vec<u8> {
    hello[RECORD_HEADER..].iter().flat_map(|byte| [0x16, 3, 1, 0, 1, *byte]).collect()
}

const RECORD_HEADER: usize = 5;

/// The server that was there, which answers a challenge of its own for `www.example.com`, too.
fn rustls_server(own: &Challenge) -> (SocketAddr, Vec<u8>) {
    let mut responder = TlsAlpn01Responder::new();
    let (config, certificate) = server(&responder);
    assert_eq!(good(&Solver::present(&mut responder, std::slice::from_ref(own))), [true]);
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            // Refused handshakes are part of the test.
            let _ = connection.complete_io(&mut socket.unwrap());
        }
    });
    (address, certificate)
}

#[test]
fn challenges_are_answered_and_all_else_is_passed_on() {
    let mut json = serde_json::to_value(tls("www.example.com", TOKEN)).unwrap();
    json["digest"] = serde_json::json!(vec![8; 32]);
    let servers: Challenge = serde_json::from_value(json).unwrap();
    let (address, own) = rustls_server(&servers);
    let mut relay = relay_to(address);
    let challenge = [tls("www.example.com", TOKEN)];
    let www = || Hello::of_ca("www.example.com");
    let shown = |hello: &Hello| shake_hands(relay.local_addr(), hello).unwrap();

    let before = shown(&www());
    assert!(has_digest(&before.certificate, &servers), "the server answers its own challenge");
    assert_eq!(good(&relay.present(&challenge)), [true]);
    let during = shake_hands(relay.local_addr(), &www()).unwrap();
    assert!(has_digest(&during.certificate, &challenge[0]) && during.protocol.as_deref() == Some(ACME));
    let http: &[u8] = b"http/1.1";
    for protocols in [&[][..], &[http], &[http, ACME], &[ACME, http]] {
        let shown = shake_hands(relay.local_addr(), &www().with_protocols(protocols)).unwrap();
        assert_eq!(shown.certificate, own, "{protocols:?}");
    }
    assert!(
        shake_hands(relay.local_addr(), &Hello::of_ca("other.example")).is_err(),
        "the server refuses it"
    );
    assert_eq!(good(&relay.withdraw(&challenge)), [true]);
    let after = shake_hands(relay.local_addr(), &www()).unwrap();
    assert!(has_digest(&after.certificate, &servers));
    let counts = relay.counts();
    assert_eq!((counts.answered, counts.passed_on, counts.incomplete, counts.refused), (1, 7, 0, 0));
}

#[test]
fn bytes_go_both_ways_as_they_are_and_each_way_ends_by_itself() {
    let noise = |length: usize, seed: u8| -> Vec<u8> {
        (0..length).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ seed).collect()
    };
    let (up, down) = (noise(3_000_000, 7), noise(5_000_000, 90));
    let reply = down.clone();
    let (address, server) = one(move |mut stream| {
        let got = to_end(&stream);
        stream.write_all(&reply).unwrap();
        got
    });
    let relay = relay_to(address);
    let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
    stream.write_all(&up).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(to_end(&stream) == down, "what came back is not what was sent");
    assert!(server.join().unwrap() == up, "what arrived is not what was sent");
    let counts = relay.counts();
    assert_eq!((counts.bytes_in, counts.bytes_out), (up.len() as u64, down.len() as u64));
}

#[test]
fn the_server_may_end_its_direction_first() {
    let (address, server) = one(|mut stream| {
        stream.write_all(b"all I have to say").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        to_end(&stream)
    });
    let relay = relay_to(address);
    let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
    let hello = client_hello(&[b"h2"]);
    stream.write_all(&hello).unwrap();
    assert_eq!(to_end(&stream), b"all I have to say");
    stream.write_all(b"and more").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.join().unwrap(), [&hello[..], b"and more"].concat());
}

#[test]
fn a_hello_in_single_bytes_is_understood() {
    for protocols in [&[ACME][..], &[b"h2", ACME]] {
        let hello = in_small_records(&client_hello(protocols));
        let (address, server) = one(|stream| to_end(&stream));
        let mut relay = relay_to(address);
        assert_eq!(good(&relay.present(&[tls("www.example.com", TOKEN)])), [true]);
        let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in &hello {
            stream.write_all(std::slice::from_ref(byte)).unwrap();
        }
        if protocols == [ACME] {
            let mut answer = [0; RECORD_HEADER];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer[..2], [0x16, 3], "a ServerHello");
            drop(TcpStream::connect(address).unwrap());
            assert_eq!(server.join().unwrap(), b"", "the server sees nothing of it");
        } else {
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(server.join().unwrap(), hello);
        }
    }
}

#[test]
fn what_is_no_hello_is_for_the_server_to_judge() {
    let endless = [[0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff].as_slice(), &[0x16; 0x2_0000]].concat();
    let too_long = [0x16, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xf0];
    let sslv2 = b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10";
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &endless, &too_long, sslv2] {
        let (address, server) = one(|stream| to_end(&stream));
        let relay = relay_to(address);
        let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(server.join().unwrap() == bytes, "not passed on: {:x?}", &bytes[..9]);
    }
}

#[test]
fn a_hello_with_any_byte_changed_is_answered_or_passed_on_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut relay = relay_to(listener.local_addr().unwrap());
    let (sender, arrived) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            sender.send(to_end(&stream.unwrap())).unwrap();
        }
    });
    assert_eq!(good(&relay.present(&[tls("www.example.com", TOKEN)])), [true]);
    let hello = client_hello(&[ACME]);
    // The rest of a record that is longer now.
    let rest = [0; 300];
    let mut passed_on = 0;
    for at in 0..hello.len() {
        let mut changed = hello.clone();
        changed[at] ^= 1 << (at % 8);
        let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
        // The other side may be gone: it was answered.
        let _ = stream
            .write_all(&[&changed[..], &rest].concat())
            .and_then(|()| stream.shutdown(Shutdown::Write))
            .and_then(|()| stream.read_to_end(&mut Vec::new()));
        if relay.counts().passed_on > passed_on {
            passed_on += 1;
            assert_eq!(arrived.recv().unwrap(), [&changed[..], &rest].concat(), "byte {at}");
        }
    }
    let counts = relay.counts();
    assert_eq!(counts.passed_on, passed_on);
    assert!(passed_on > 0 && counts.answered > 0, "{counts:?}");
    assert_eq!(counts.answered + counts.passed_on + counts.incomplete, hello.len() as u64);
}

#[test]
fn who_ends_before_a_hello_is_not_passed_on() {
    let relay = relay_to(nobody());
    let hello = client_hello(&[b"h2"]);
    for part in [&[][..], &hello[..1], &hello[..hello.len() - 1]] {
        let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
        stream.write_all(part).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(to_end(&stream), b"");
    }
    let counts = relay.counts();
    assert_eq!((counts.incomplete, counts.refused), (3, 0));
}

#[test]
fn a_reset_is_passed_on() {
    let (address, server) = one(|mut stream| {
        let mut first = [0];
        stream.read_exact(&mut first).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap_err().kind()
    });
    let relay = relay_to(address);
    let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
    stream.write_all(b"no TLS").unwrap();
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
    assert_eq!(server.join().unwrap(), ErrorKind::ConnectionReset);
}

#[test]
fn a_server_that_is_gone_is_a_connection_that_ends() {
    let relay = relay_to(nobody());
    let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
    stream.write_all(b"no TLS").unwrap();
    assert_eq!(to_end(&stream), b"");
    assert_eq!(relay.counts().refused, 1);
}

#[test]
fn a_receiver_that_reads_slowly_holds_the_sender_up() {
    let (go, ready) = mpsc::channel::<()>();
    let (address, server) = one(move |stream| {
        // Until the sender is dropped.
        let _ = ready.recv();
        to_end(&stream).len()
    });
    let relay = relay_to(address);
    let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut sent = 0;
    let error = loop {
        match stream.write(&[0; 64 * 1024]) {
            Ok(length) => sent += length,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    // What the system keeps for four sockets is more than the relay's own.
    assert!(sent < 64 << 20, "{sent} bytes are somewhere");
    drop(go);
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.join().unwrap(), sent);
}

#[test]
fn challenges_go_to_another_address_and_never_to_the_server() {
    let (address, server) = one(|stream| to_end(&stream));
    let mut other = TlsAlpn01::bind("127.0.0.1:0").unwrap();
    let challenge = [tls("www.example.com", TOKEN)];
    assert_eq!(good(&other.present(&challenge)), [true]);
    let config = RelayConfig::to(address).acme_to(other.local_addr()).proxy_header(ProxyHeader::V1);
    let relay = TlsAlpn01Relay::bind("127.0.0.1:0", &config).unwrap();
    let www = Hello::of_ca("www.example.com");
    let shown = shake_hands(relay.local_addr(), &www).unwrap();
    assert!(has_digest(&shown.certificate, &challenge[0]));
    drop(other);
    let error = shake_hands(relay.local_addr(), &www).unwrap_err();
    assert!(error.contains("alert"), "{error}");
    drop(TcpStream::connect(address).unwrap());
    assert_eq!(server.join().unwrap(), b"");
    let counts = relay.counts();
    assert_eq!((counts.passed_on, counts.answered), (1, 1));
}

#[test]
fn the_server_is_told_whose_connection_it_is() {
    for version in [ProxyHeader::V1, ProxyHeader::V2] {
        let (address, server) = one(|stream| to_end(&stream));
        let config = RelayConfig::to(address).proxy_header(version);
        // For both families: the caller's address comes as an IPv6 one.
        let relay = TlsAlpn01Relay::bind_any(0, &config).unwrap();
        let port = relay.local_addr().port();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let own = stream.local_addr().unwrap().port();
        let hello = client_hello(&[]);
        stream.write_all(&hello).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let header = match version {
            ProxyHeader::V1 => format!("PROXY TCP4 127.0.0.1 127.0.0.1 {own} {port}\r\n").into_bytes(),
            ProxyHeader::V2 | _ => [
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01".as_slice(),
                &own.to_be_bytes(),
                &port.to_be_bytes(),
            ]
            .concat(),
        };
        assert_eq!(server.join().unwrap(), [header, hello].concat(), "{version:?}");
        assert_eq!(relay.counts().bytes_in, client_hello(&[]).len() as u64, "the header is not counted");
    }
}

#[test]
fn the_end_waits_for_connections_and_no_longer_than_it_may() {
    let (address, server) = one(|mut stream| {
        stream.write_all(b"here").unwrap();
        to_end(&stream)
    });
    let relay = relay_to(address);
    let at = relay.local_addr();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"no TLS").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    let finishing = thread::spawn(move || relay.finish(Duration::from_secs(60)));
    while TcpStream::connect(at).is_ok() {
        thread::yield_now();
    }
    stream.write_all(b", goes on").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.join().unwrap(), b"no TLS, goes on");
    let counts = finishing.join().unwrap();
    assert_eq!((counts.open, counts.passed_on), (0, 1));

    let (address, server) = one(|mut stream| {
        stream.write_all(b"here").unwrap();
        stream.read_to_end(&mut Vec::new()).is_ok()
    });
    let relay = relay_to(address);
    let mut stream = TcpStream::connect(relay.local_addr()).unwrap();
    stream.write_all(b"no TLS").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    assert_eq!(relay.finish(Duration::from_millis(1)).open, 1);
    let _ = stream.read_to_end(&mut Vec::new());
    drop(stream);
    let _ = server.join().unwrap();
}

#[test]
fn a_socket_that_listens_can_be_handed_over() {
    let (address, server) = one(|stream| to_end(&stream));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let relay = TlsAlpn01Relay::from_listener(listener, &RelayConfig::to(address)).unwrap();
    assert_eq!(relay.local_addr(), at);
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"no TLS").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.join().unwrap(), b"no TLS");
    let connected = TcpListener::from(std::os::fd::OwnedFd::from(stream));
    assert!(matches!(
        TlsAlpn01Relay::from_listener(connected, &RelayConfig::to(address)),
        Err(BindError::Io { .. })
    ));
}

#[test]
fn it_is_a_solver_of_one_type() {
    let relay = relay_to(nobody());
    assert_eq!(relay.challenge_types(&identifier("a.example")), [ChallengeType::TlsAlpn01]);
    assert!(relay.challenge_types(&identifier("*.a.example")).is_empty());
    let expected = format!("TlsAlpn01Relay {{ address: {}, .. }}", relay.local_addr());
    assert_eq!(format!("{relay:?}"), expected);
    let in_use = TlsAlpn01Relay::bind(relay.local_addr(), &RelayConfig::to(nobody()));
    assert!(matches!(in_use, Err(BindError::InUse { .. })));
}
