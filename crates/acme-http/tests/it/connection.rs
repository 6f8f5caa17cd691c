use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use acme_http::Client;
use acme_proto::{Delivery, TransportErrorKind};
use http::Request;

use crate::server::{Authority, NOBODY, Server, get, perform, post, response};

#[test]
fn request_goes_out_in_one_record_as_it_was_given() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            sender.send(request).unwrap();
            connection.send(&response("201 Created", "done"));
        }
    });
    let client = server.client();
    for _ in 0..3 {
        let answer = perform(&client, post(&server.url("/new-order?a=b"), "{}")).unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (201, b"done".as_slice()));
        let request = receiver.recv().unwrap();
        assert_eq!(request.records, 1);
        assert_eq!(request.body, "{}");
        let mut lines: Vec<_> = request.head.trim_end().lines().collect();
        assert_eq!(lines.remove(0), "POST /new-order?a=b HTTP/1.1");
        lines.sort_unstable();
        let host = format!("host: {}", server.address);
        assert_eq!(lines, ["content-length: 2", "content-type: application/jose+json", &host]);
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn large_request_fills_its_records() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            sender.send(request).unwrap();
            connection.send(&response("200 OK", ""));
        }
    });
    let client = server.client();
    for (length, records) in [(16_000, 1), (100_000, 7)] {
        let body = "x".repeat(length);
        perform(&client, post(&server.url("/"), &body)).unwrap();
        let request = receiver.recv().unwrap();
        assert!(request.body == body);
        assert_eq!(request.records, records);
    }
}

#[test]
fn get_and_head_have_no_body() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            let is_head = request.head.starts_with("HEAD ");
            sender.send(request.head).unwrap();
            connection.send(if is_head {
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nReplay-Nonce: abc\r\n\r\n"
            } else {
                "HTTP/1.1 204 No Content\r\nReplay-Nonce: abc\r\n\r\n"
            });
        }
    });
    let client = server.client();
    for method in ["GET", "HEAD"] {
        let mut exchange = get(&server.url("/new-nonce"));
        *exchange.request.method_mut() = method.parse().unwrap();
        *exchange.request.body_mut() = b"not sent".to_vec();
        let answer = perform(&client, exchange).unwrap();
        assert_eq!(answer.headers()["replay-nonce"], "abc");
        assert!(answer.body().is_empty());
        let head = receiver.recv().unwrap();
        assert_eq!(head, format!("{method} /new-nonce HTTP/1.1\r\nhost: {}\r\n\r\n", server.address));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn status_is_no_error_and_redirect_is_not_followed() {
    for status in ["302 Found", "307 Temporary Redirect", "404 Not Found", "429 Too Many", "500 Oops"] {
        let length = "Content-Length: 4\r\nLocation: https://elsewhere.test/\r\n\r\nbody";
        let server = Server::answering(format!("HTTP/1.1 {status}\r\n{length}"));
        let client = server.client();
        let answer = perform(&client, post(&server.url("/"), "{}")).unwrap();
        assert_eq!(answer.status().as_str(), &status[..3]);
        assert_eq!(answer.body(), b"body");
        assert_eq!(server.get(&client).unwrap().status().as_str(), &status[..3]);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn host_is_looked_up_once() {
    let server = Server::answering(response("200 OK", ""));
    let (count, address) = (Arc::new(AtomicUsize::new(0)), server.address);
    let counter = Arc::clone(&count);
    let client = Client::builder()
        .root_pem(server.root_pem.as_str())
        .lookup(move |host, port| {
            assert_eq!((host, port), ("ca.test", 14_000));
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(vec![address])
        })
        .build()
        .unwrap();
    let results = client.perform((0..5).map(|_| get("https://ca.test:14000/")).collect());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    perform(&client, get("https://ca.test:14000/")).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn address_that_fails_is_looked_up_again() {
    let server = Server::answering(response("200 OK", ""));
    let dead = NOBODY.parse().unwrap();
    let (count, address) = (AtomicUsize::new(0), server.address);
    let client = Client::builder()
        .root_pem(server.root_pem.as_str())
        .lookup(move |_, _| Ok(vec![if count.fetch_add(1, Ordering::SeqCst) == 0 { dead } else { address }]))
        .build()
        .unwrap();
    let error = perform(&client, post("https://ca.test/", "{}")).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Connect));
    assert!(perform(&client, post("https://ca.test/", "{}")).is_ok());
}

#[test]
fn every_address_is_tried() {
    let server = Server::answering(response("200 OK", ""));
    let dead = NOBODY.parse().unwrap();
    let addresses = vec!["[::1]:1".parse().unwrap(), dead, server.address];
    let client = Client::builder()
        .root_pem(server.root_pem.as_str())
        .lookup(move |_, _| Ok(addresses.clone()))
        .build()
        .unwrap();
    assert!(perform(&client, get("https://ca.test/")).is_ok());
}

#[test]
fn ipv6_address_in_the_url() {
    let authority = Authority::new();
    let serve = |mut connection: crate::server::Connection| {
        while connection.request().is_some() {
            connection.send(&response("200 OK", "six"));
        }
    };
    let config = authority.config(&["::1"]);
    // Not every machine has IPv6.
    let Ok(server) = Server::start_with("[::1]:0", &authority, config, serve) else { return };
    assert_eq!(server.get(&server.client()).unwrap().body(), b"six");
}

#[test]
fn connection_that_the_server_closed_is_not_used_again() {
    let (sender, closed) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        connection.request().unwrap();
        connection.send(&response("200 OK", "once"));
        if connection.number % 2 == 0 {
            connection.close_notify();
        }
        drop(connection);
        sender.send(()).unwrap();
    });
    let client = server.client();
    for round in 1..=4 {
        assert_eq!(perform(&client, post(&server.url("/"), "{}")).unwrap().body(), b"once");
        closed.recv().unwrap();
        assert_eq!(server.connections(), round);
    }
}

#[test]
fn bytes_that_nobody_asked_for_end_the_connection() {
    let junk = format!("{}{}", response("200 OK", "mine"), response("200 OK", "not mine"));
    let server = Server::answering(junk);
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(server.get(&client).unwrap().body(), b"mine");
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn connection_close_is_obeyed() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    let client = server.client();
    for _ in 0..2 {
        assert_eq!(server.get(&client).unwrap().body(), b"ok");
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn clones_share_connections() {
    let server = Server::answering(response("200 OK", ""));
    let client = server.client();
    assert!(server.get(&client).is_ok());
    assert!(server.get(&client.clone()).is_ok());
    assert_eq!(server.connections(), 1);
}

#[test]
fn url_other_than_https_is_refused() {
    let server = Server::answering(response("200 OK", ""));
    let client = server.client();
    for url in [format!("http://{}/", server.address), "/directory".to_owned(), "ftp://ca.test/".to_owned()] {
        let mut exchange = get("https://ca.test/");
        exchange.request = Request::get(url).body(Vec::new()).unwrap();
        let error = perform(&client, exchange).unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Connect));
        assert_eq!(crate::server::causes(&error)[1], "the URL is not https");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn plain_http_is_for_those_who_ask_for_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/path", listener.local_addr().unwrap());
    let strict = Client::builder().root_pem(Authority::new().root_pem).build().unwrap();
    let error = perform(&strict, get(&url)).unwrap_err();
    assert_eq!(error.delivery, Delivery::NotSent);

    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
            head.push(byte[0]);
        }
        std::io::Write::write_all(&mut stream, response("200 OK", "plain").as_bytes()).unwrap();
        String::from_utf8(head).unwrap()
    });
    let lax = Client::builder().root_pem(Authority::new().root_pem).danger_allow_http().build().unwrap();
    assert_eq!(perform(&lax, get(&url)).unwrap().body(), b"plain");
    assert!(server.join().unwrap().starts_with("GET /path HTTP/1.1\r\n"));
}
