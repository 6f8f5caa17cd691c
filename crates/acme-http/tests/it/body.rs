use acme_proto::{Delivery, TransportErrorKind};

use crate::server::{Server, causes, get, large_posts, perform, response};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[test]
fn body_may_be_as_large_as_the_limit_and_no_larger() {
    let framings = [
        |body: &str| response("200 OK", body),
        |body: &str| format!("{CHUNKED}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ];
    for framing in framings {
        for (length, fits) in [(0, true), (99, true), (100, true), (101, false), (50_000, false)] {
            let server = Server::answering(framing(&"x".repeat(length)));
            let mut exchange = get(&server.url("/"));
            exchange.max_body = 100;
            match perform(&server.client(), exchange) {
                Ok(answer) => assert!(fits && answer.body().len() == length, "{length}"),
                Err(error) => {
                    assert!(!fits, "{length}: {error:?}");
                    assert_eq!(error.kind, TransportErrorKind::BodyTooLarge);
                    assert_eq!(
                        causes(&error),
                        ["the response is larger than allowed", "more than 100 bytes"]
                    );
                }
            }
        }
    }
}

#[test]
fn large_request_arrives_whole() {
    let server = Server::start(|mut connection| {
        while let Some(request) = connection.request() {
            connection.send(&response("200 OK", &request.body));
        }
    });
    for exchange in large_posts(&server.url("/")) {
        let sent = exchange.request.body().clone();
        assert_eq!(perform(&server.client(), exchange).unwrap().into_body(), sent);
    }
}

#[test]
fn body_without_length_ends_with_the_connection_and_is_bounded() {
    for (length, has_close_notify, fits) in
        [(0, true, true), (10_000, true, true), (10_000, false, true), (10_001, false, false)]
    {
        let server = Server::start(move |mut connection| {
            connection.request().unwrap();
            connection.send(&format!("{UNTIL_CLOSE}{}", "x".repeat(length)));
            if has_close_notify {
                connection.close_notify();
            }
        });
        let result = server.get(&server.client());
        assert_eq!(result.is_ok(), fits, "{length}: {result:?}");
        if let Ok(answer) = result {
            assert_eq!(answer.body().len(), length);
        }
    }
}

#[test]
fn complete_response_needs_no_close_notify() {
    let server = Server::start(|mut connection| {
        connection.request().unwrap();
        connection.send(&response("200 OK", "all of it"));
    });
    assert_eq!(server.get(&server.client()).unwrap().body(), b"all of it");
}

#[test]
fn chunks_are_put_together_however_they_are_sent() {
    let server = Server::start(|mut connection| {
        while connection.request().is_some() {
            for piece in [CHUNKED, "3\r\n", "abc", "\r\n2;extension=1\r\nde\r\n", "0\r\n", "\r\n"] {
                connection.send(piece);
            }
        }
    });
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(server.get(&client).unwrap().body(), b"abcde");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn body_that_breaks_off_is_an_error() {
    let cases =
        ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(), format!("{CHUNKED}a\r\nhalf")];
    for text in cases {
        let server = Server::start(move |mut connection| {
            connection.request().unwrap();
            connection.send(&text);
        });
        let error = server.get(&server.client()).unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io));
    }
}

#[test]
fn encoded_body_comes_as_it_is() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw");
    assert_eq!(server.get(&server.client()).unwrap().body(), b"raw");
}
