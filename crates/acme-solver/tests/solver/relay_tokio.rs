//! The relay in front of a TLS server, on tokio, and with a clock that runs ahead.

use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::task::spawn_blocking;
use ::tokio::time::{Instant, advance};
use acme_proto::AsyncSolver;
use acme_solver::{AsyncTlsAlpn01Relay, BindError, RelayConfig};

use super::challenge::{TOKEN, good, identifier};
use super::relay::client_hello;
use super::tls::{ACME, Hello, shake_hands};
use super::tls_alpn01::{has_digest, tls};

/// A server, and a relay in front of it.
async fn relay() -> (TcpListener, AsyncTlsAlpn01Relay) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = RelayConfig::to(server.local_addr().unwrap());
    (server, AsyncTlsAlpn01Relay::bind("127.0.0.1:0", &config).await.unwrap())
}

#[::tokio::test]
async fn challenges_are_answered() {
    let (_server, mut relay) = relay().await;
    let address = relay.local_addr();
    let challenge = [tls("www.example.com", TOKEN)];
    assert_eq!(good(&relay.present(&challenge).await), [true]);
    let shake = move || shake_hands(address, &Hello::of_ca("www.example.com"));
    let shown = spawn_blocking(shake).await.unwrap().unwrap();
    assert!(has_digest(&shown.certificate, &challenge[0]) && shown.protocol.as_deref() == Some(ACME));
    assert_eq!(good(&relay.withdraw(&challenge).await), [true]);
    assert_eq!(relay.counts().answered, 1);
    assert_eq!(relay.challenge_types(&identifier("*.a.example")), []);
    assert_eq!(format!("{relay:?}"), format!("AsyncTlsAlpn01Relay {{ address: {address}, .. }}"));
}

#[::tokio::test(start_paused = true)]
async fn a_hello_has_its_time_and_what_follows_has_any() {
    let (server, relay) = relay().await;
    let hello = client_hello(&[b"h2"]);
    let mut slow = TcpStream::connect(relay.local_addr()).await.unwrap();
    slow.write_all(&hello[..hello.len() / 2]).await.unwrap();
    let start = Instant::now();
    assert_eq!(slow.read(&mut [0]).await.unwrap(), 0);
    assert!(start.elapsed() >= AsyncTlsAlpn01Relay::HELLO_TIME_LIMIT);
    assert_eq!(relay.counts().incomplete, 1);

    let mut silent = TcpStream::connect(relay.local_addr()).await.unwrap();
    silent.write_all(&hello).await.unwrap();
    let (mut accepted, _) = server.accept().await.unwrap();
    let mut got = vec![0; hello.len()];
    accepted.read_exact(&mut got).await.unwrap();
    assert_eq!(got, hello);
    advance(DAY).await;
    silent.write_all(b"still here").await.unwrap();
    let mut got = [0; 10];
    accepted.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"still here");
    advance(DAY).await;
    accepted.write_all(b"me too").await.unwrap();
    drop(accepted);
    let mut got = Vec::new();
    silent.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"me too");
}

#[::tokio::test]
async fn many_connections_at_a_time_are_no_trouble() {
    let (server, relay) = relay().await;
    let mut pairs = Vec::new();
    for at in 0..MANY {
        let mut client = TcpStream::connect(relay.local_addr()).await.unwrap();
        client.write_all(&at.to_be_bytes()).await.unwrap();
        pairs.push((client, server.accept().await.unwrap().0));
    }
    assert_eq!(relay.counts().open, u64::from(MANY));
    for (at, (mut client, mut accepted)) in (0..MANY).zip(pairs).rev() {
        let mut got = [0; 4];
        accepted.read_exact(&mut got).await.unwrap();
        accepted.write_all(&got).await.unwrap();
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(u32::from_be_bytes(got), at);
    }
    assert_eq!(relay.counts().passed_on, u64::from(MANY));
}

#[::tokio::test]
async fn the_last_clone_ends_the_relay() {
    let (_server, relay) = relay().await;
    let address = relay.local_addr();
    drop(relay.clone());
    let config = RelayConfig::to(address);
    assert!(matches!(AsyncTlsAlpn01Relay::bind(address, &config).await, Err(BindError::InUse { .. })));
    drop(relay);
    while let Err(error) = AsyncTlsAlpn01Relay::bind(address, &config).await {
        assert!(matches!(error, BindError::InUse { .. }), "{error}");
        ::tokio::task::yield_now().await;
    }
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// With four descriptors each, as many as most systems give to a test.
const MANY: u32 = 200;
