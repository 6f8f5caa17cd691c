use std::io;
use std::net::TcpListener;
use std::sync::Barrier;
use std::time::Instant;

use acme_http::{Client, MAX_CONNECTIONS};
use acme_proto::{Delivery, TransportErrorKind};

use crate::server::{NOBODY, SHORT, Server, causes, get, perform, post, response};

#[test]
fn refused_connection_was_not_sent() {
    let client = Server::answering("").client();
    let error = perform(&client, post(&format!("https://{NOBODY}/"), "{}")).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Connect));
    assert!(causes(&error)[1].contains("refused"), "{:?}", causes(&error));
}

#[test]
fn unknown_host_was_not_sent() {
    let server = Server::answering("");
    let client = Client::builder()
        .root_pem(server.root_pem.as_str())
        .lookup(|host, _| match host {
            "empty.test" => Ok(Vec::new()),
            _ => Err(io::Error::other("no such host")),
        })
        .build()
        .unwrap();
    for host in ["empty.test", "none.test"] {
        let error = perform(&client, get(&format!("https://{host}/"))).unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Resolve));
        assert_eq!(causes(&error).len(), 2);
    }
}

#[test]
fn lookup_that_hangs_is_left_by_all_who_wait_for_it_at_the_same_time() {
    let server = Server::answering("");
    let never = Barrier::new(usize::MAX);
    let client = Client::builder()
        .root_pem(server.root_pem.as_str())
        .lookup(move |_, _| {
            never.wait();
            Ok(Vec::new())
        })
        .build()
        .unwrap();
    let exchanges = (0..MAX_CONNECTIONS).map(|_| {
        let mut exchange = get("https://ca.test/");
        exchange.time_limit = 4 * SHORT;
        exchange
    });
    let started = Instant::now();
    for result in client.perform(exchanges.collect()) {
        let error = result.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Timeout));
    }
    assert!(
        started.elapsed() < 2 * MAX_CONNECTIONS as u32 * SHORT,
        "one after the other takes twice as long"
    );
}

#[test]
fn silent_server_is_left_within_the_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Server::answering("").client();
    let mut exchange = post(&format!("https://{}/", silent.local_addr().unwrap()), "{}");
    exchange.time_limit = SHORT;
    let started = Instant::now();
    let error = perform(&client, exchange).unwrap_err();
    assert_eq!(
        (error.delivery, error.kind),
        (Delivery::NotSent, TransportErrorKind::Timeout),
        "no handshake"
    );
    // The system may wake a sleeper a little early.
    assert!(started.elapsed() >= SHORT / 2, "it was waited for");
}

#[test]
fn response_that_does_not_come_in_time_leaves_the_request_unknown() {
    for begun in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
        let server = Server::start(move |mut connection| {
            connection.request().unwrap();
            connection.send(begun);
            connection.request(); // returns when the client has gone
        });
        let mut exchange = post(&server.url("/"), "{}");
        exchange.time_limit = SHORT;
        let error = perform(&server.client(), exchange).unwrap_err();
        assert_eq!(
            (error.delivery, error.kind),
            (Delivery::Unknown, TransportErrorKind::Timeout),
            "{begun:?}"
        );
    }
}

#[test]
fn server_that_trickles_does_not_stretch_the_limit() {
    let server = Server::start(|mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
        while connection.send("x") {}
    });
    let mut exchange = get(&server.url("/"));
    exchange.max_body = 100_000_000;
    exchange.time_limit = SHORT;
    assert_eq!(perform(&server.client(), exchange).unwrap_err().kind, TransportErrorKind::Timeout);
}

#[test]
fn connection_that_breaks_after_the_request_leaves_it_unknown() {
    let server = Server::start(|mut connection| {
        connection.request().unwrap();
        connection.send(&response("200 OK", "first"));
        connection.request().unwrap();
    });
    let client = server.client();
    assert!(server.get(&client).is_ok());
    let error = perform(&client, post(&server.url("/"), "{}")).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io));
    assert_eq!(server.connections(), 1, "nothing is sent twice");
}

#[test]
fn what_is_not_http_is_an_error() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ] {
        let server = Server::answering(garbage);
        let error = perform(&server.client(), post(&server.url("/"), "{}")).unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io), "{garbage:?}");
        assert_eq!(causes(&error).len(), 2, "{:?}", causes(&error));
    }
}

#[test]
fn response_head_is_bounded() {
    for (length, fits) in [(10_000, true), (40_000, false)] {
        let server = Server::answering(format!(
            "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n",
            "x".repeat(length)
        ));
        let result = server.get(&server.client());
        assert_eq!(result.is_ok(), fits, "{length}");
        if let Err(error) = result {
            assert_eq!(error.kind, TransportErrorKind::BodyTooLarge);
        }
    }
}

#[test]
fn plain_http_on_the_port_is_a_tls_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        for socket in listener.incoming() {
            socket.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let client = Server::answering("").client();
    let error = perform(&client, post(&format!("https://{address}/"), "{}")).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Tls));
}
