//! tls-alpn-01 on tokio: the same answers as on a thread.

use std::net::SocketAddr;

use ::tokio::task::spawn_blocking;
use acme_proto::{AsyncSolver, ChallengeType};
use acme_solver::{AsyncTlsAlpn01, BindError, TlsAlpn01};

use super::challenge::{TOKEN, good, http, identifier};
use super::tls::{ACME, Hello, Shown, shake_hands};
use super::tls_alpn01::tls;

async fn shake(address: SocketAddr, hello: Hello) -> Result<Shown, String> {
    spawn_blocking(move || shake_hands(address, &hello)).await.unwrap()
}

#[::tokio::test]
async fn challenges_are_answered_and_nothing_else() {
    let mut solver = AsyncTlsAlpn01::bind("127.0.0.1:0").await.unwrap();
    let address = solver.local_addr();
    let challenges = [tls("example.com", TOKEN), http("www.example.com", TOKEN), tls("192.0.2.1", TOKEN)];
    assert_eq!(good(&solver.present(&challenges).await), [true, false, true]);
    for name in ["example.com", "1.2.0.192.in-addr.arpa"] {
        let shown = shake(address, Hello::of_ca(name)).await.unwrap();
        assert_eq!(shown.protocol.as_deref(), Some(ACME));
    }
    let ca = || Hello::of_ca("example.com");
    for hello in [
        ca().with_protocols(&[]),
        ca().with_protocols(&[b"h2"]),
        ca().with_protocols(&[b"h2", ACME]),
        Hello::of_ca("www.example.com"),
        Hello::of_ca(""),
    ] {
        assert!(shake(address, hello).await.unwrap_err().contains("alert"));
    }
    assert_eq!(good(&solver.withdraw(&challenges).await), [true, false, true]);
    assert!(shake(address, ca()).await.unwrap_err().contains("alert"));
    assert_eq!(solver.challenge_types(&identifier("a.example")), [ChallengeType::TlsAlpn01]);
    assert!(solver.challenge_types(&identifier("*.a.example")).is_empty());
    assert_eq!(format!("{solver:?}"), format!("AsyncTlsAlpn01 {{ address: {address}, .. }}"));
}

#[::tokio::test]
async fn silent_callers_keep_nobody_out() {
    let mut solver = AsyncTlsAlpn01::bind("127.0.0.1:0").await.unwrap();
    assert_eq!(good(&solver.present(&[tls("example.com", TOKEN)]).await), [true]);
    let mut silent = Vec::new();
    for _ in 0..2 * TlsAlpn01::MAX_CONNECTIONS {
        silent.push(::tokio::net::TcpStream::connect(solver.local_addr()).await.unwrap());
    }
    assert!(shake(solver.local_addr(), Hello::of_ca("example.com")).await.is_ok());
}

#[::tokio::test]
async fn the_last_clone_ends_the_listener() {
    let solver = AsyncTlsAlpn01::bind("127.0.0.1:0").await.unwrap();
    let address = solver.local_addr();
    drop(solver.clone());
    assert!(matches!(AsyncTlsAlpn01::bind(address).await, Err(BindError::InUse { .. })));
    drop(solver);
    while let Err(error) = AsyncTlsAlpn01::bind(address).await {
        assert!(matches!(error, BindError::InUse { .. }), "{error}");
        ::tokio::task::yield_now().await;
    }
}
