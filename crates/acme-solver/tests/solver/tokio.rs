//! http-01 on tokio: the same answers as on a thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::tokio::task::spawn_blocking;
use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::{AsyncHttp01, BindError, Http01, Http01Responder, Threaded};
use tower_service::Service as _;

use super::challenge::{TOKEN, good, http, identifier, of_kind, token};
use super::peer;

async fn send(address: SocketAddr, request: String) -> String {
    spawn_blocking(move || peer::send(address, request)).await.unwrap()
}

async fn get(address: SocketAddr, path: &str) -> String {
    let path = path.to_owned();
    spawn_blocking(move || peer::get(address, &path)).await.unwrap()
}

#[::tokio::test]
async fn answers_are_those_of_the_blocking_listener() {
    let challenge = [http("example.com", TOKEN)];
    let mut blocking = Http01::bind("127.0.0.1:0").unwrap();
    let mut solver = AsyncHttp01::bind("127.0.0.1:0").await.unwrap();
    assert_eq!(good(&blocking.present(&challenge)), [true]);
    assert_eq!(good(&solver.present(&challenge).await), [true]);
    let path = challenge[0].http_path();
    for request in [
        format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n"),
        format!("HEAD {path} HTTP/1.1\r\n\r\n"),
        format!("GET http://other.example{path} HTTP/1.0\r\n\r\nbody that nobody asked for"),
        format!("GET {path}x HTTP/1.1\r\n\r\n"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("POST {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}"),
        "nonsense\r\n\r\n".to_owned(),
        format!("GET {path} HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(Http01::MAX_REQUEST)),
    ] {
        let expected = send(blocking.local_addr(), request.clone()).await;
        assert!(expected.starts_with("HTTP/1.1 "));
        assert_eq!(send(solver.local_addr(), request.clone()).await, expected, "{request}");
    }
    assert_eq!(good(&solver.withdraw(&challenge).await), [true]);
    assert!(get(solver.local_addr(), &path).await.starts_with("HTTP/1.1 404 "));
    assert_eq!(good(&solver.withdraw(&challenge).await), [true], "nothing is there, which is no error");
}

#[::tokio::test]
async fn clones_are_one_listener_and_the_last_one_ends_it() {
    let solver = AsyncHttp01::bind("127.0.0.1:0").await.unwrap();
    let address = solver.local_addr();
    let mut other = solver.clone();
    let challenge = [http("example.com", TOKEN)];
    assert_eq!(good(&other.present(&challenge).await), [true]);
    drop(other);
    let answer = get(address, &challenge[0].http_path()).await;
    assert!(answer.ends_with(challenge[0].key_authorization()));
    assert!(matches!(AsyncHttp01::bind(address).await, Err(BindError::InUse { .. })));
    drop(solver);
    while let Err(error) = AsyncHttp01::bind(address).await {
        assert!(matches!(error, BindError::InUse { .. }), "{error}");
        ::tokio::task::yield_now().await;
    }
}

#[::tokio::test]
async fn silent_callers_keep_nobody_out() {
    let mut solver = AsyncHttp01::bind("127.0.0.1:0").await.unwrap();
    let challenge = [http("example.com", TOKEN)];
    assert_eq!(good(&solver.present(&challenge).await), [true]);
    let mut silent = Vec::new();
    for _ in 0..2 * Http01::MAX_CONNECTIONS {
        silent.push(::tokio::net::TcpStream::connect(solver.local_addr()).await.unwrap());
    }
    let answer = get(solver.local_addr(), &challenge[0].http_path()).await;
    assert!(answer.ends_with(challenge[0].key_authorization()));
}

#[::tokio::test]
async fn responder_knows_what_is_in_place_and_nothing_else() {
    let mut solver = Http01Responder::new();
    let responder = solver.clone();
    let challenges =
        [http("a.example", TOKEN), of_kind("dns-01", "b.example", TOKEN), http("c.example", &token(10))];
    assert_eq!(good(&solver.present(&challenges).await), [true, false, false]);
    let path = challenges[0].http_path();
    assert_eq!(responder.respond(&path).as_deref(), Some(challenges[0].key_authorization()));
    for other in
        ["", "/", TOKEN, "/.well-known/acme-challenge/", &path[..path.len() - 1], &format!("{path}/")]
    {
        assert_eq!(responder.respond(other), None, "{other}");
    }
    assert_eq!(good(&solver.withdraw(&challenges[..1]).await), [true]);
    assert_eq!(responder.respond(&path), None);
    assert_eq!(solver.challenge_types(&identifier("a.example")), [ChallengeType::Http01]);
    assert!(solver.challenge_types(&identifier("*.a.example")).is_empty());
    assert_eq!(format!("{responder:?}"), "Http01Responder");
}

#[::tokio::test]
async fn responder_is_a_service() {
    let mut solver = Http01Responder::new();
    let mut service = solver.clone();
    let challenges = [http("a.example", TOKEN)];
    assert_eq!(good(&solver.present(&challenges).await), [true]);
    let mut call = async |method: &str, path: &str| {
        let request = ::http::Request::builder().method(method).uri(path).body(()).unwrap();
        let response = service.call(request).await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.into_body())
    };
    let path = challenges[0].http_path();
    let expected = challenges[0].key_authorization().to_owned();
    for path in [&path, &format!("http://a.example{path}"), &format!("{path}?query")] {
        let octets = "application/octet-stream".to_owned();
        assert_eq!(call("GET", path).await, (200, octets, expected.clone()), "{path}");
    }
    assert_eq!(call("HEAD", &path).await.0, 200);
    assert_eq!(call("GET", "/").await.0, 404);
    assert_eq!(call("POST", &path).await.0, 405);
}

/// Takes its time to put something in place.
struct Slow(Arc<AtomicBool>);

impl Solver for Slow {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Dns01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        (0..1000).for_each(|_| std::thread::yield_now());
        self.0.store(true, Ordering::SeqCst);
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.0.store(false, Ordering::SeqCst);
        challenges.iter().map(|_| Err(SolverError::permanent("as the test wants it"))).collect()
    }
}

#[::tokio::test]
async fn solver_for_threads_holds_no_task_up_and_is_asked_in_order() {
    let is_in_place = Arc::new(AtomicBool::new(false));
    let mut solver = Threaded::new(Slow(Arc::clone(&is_in_place)));
    assert_eq!(solver.challenge_types(&identifier("a.example")), [ChallengeType::Dns01]);
    let challenges = [http("a.example", TOKEN), http("b.example", TOKEN)];
    // The future is dropped at once, and its work goes on; what follows waits for it.
    {
        let presenting = solver.present(&challenges);
        ::tokio::select! {
            biased;
            _ = presenting => panic!("it takes longer"),
            () = ::tokio::task::yield_now() => {}
        }
    }
    assert_eq!(good(&solver.withdraw(&challenges).await), [false, false]);
    assert!(!is_in_place.load(Ordering::SeqCst));
    assert_eq!(good(&solver.present(&challenges).await), [true, true]);
    assert!(is_in_place.load(Ordering::SeqCst));
}
