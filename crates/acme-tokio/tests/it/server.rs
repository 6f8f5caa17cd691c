//! In a web server that is there.

use acme_testca::TestCa;
use acme_tokio::{Account, Http01Responder, IssueRequest};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world;

#[derive(Clone)]
struct Shop {
    responder: Http01Responder,
    account: Account,
}

async fn challenge(State(shop): State<Shop>, uri: Uri) -> Result<String, StatusCode> {
    shop.responder.respond(uri.path()).ok_or(StatusCode::NOT_FOUND)
}

/// A certificate on demand: a future within a handler's.
async fn certificate(State(mut shop): State<Shop>, Path(name): Path<String>) -> Result<String, StatusCode> {
    let issued = shop.account.issue(&IssueRequest::new([name]), &mut shop.responder).await;
    issued.map(|certificate| certificate.certificate().to_owned()).map_err(|_| StatusCode::BAD_GATEWAY)
}

#[tokio::test]
async fn handler_issues_and_another_one_answers_the_challenge() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ca = TestCa::builder().http_port(address.port()).start().unwrap();
    let account = world::builder(&ca).agree_to_terms().open().await.unwrap();
    let app = Router::new()
        .route("/.well-known/acme-challenge/{token}", get(challenge))
        .route("/certificate/{name}", post(certificate))
        .with_state(Shop { responder: Http01Responder::new(), account });
    tokio::spawn(async { axum::serve(listener, app).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = "POST /certificate/a.example HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("-----BEGIN CERTIFICATE-----"),
        "{answer}"
    );
    assert_eq!(ca.issued()[0].names, ["a.example"]);
}
