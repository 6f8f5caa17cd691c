//! Against the server of the blocking client's tests.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use acme_http::{AsyncClient, Error, MAX_CONNECTIONS};
use acme_proto::{Delivery, TransportErrorKind};
use tokio::time::timeout;

use super::{builder, client, perform};
use crate::proxy;
use crate::server::{Authority, LONG, NOBODY, SHORT, Server, causes, get, large_posts, post, response};

#[test]
fn its_futures_go_anywhere() {
    fn is_send<T: Send + 'static>(_: T) {}
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<AsyncClient>();
    let client = client(&Authority::new().root_pem);
    is_send(async move { client.perform(Vec::new()).await });
}

#[tokio::test]
async fn requests_are_the_blocking_clients_and_leave_in_one_record() {
    let server = Server::start(|mut connection| {
        while let Some(request) = connection.request() {
            let text = format!("{} records\n{}\n{}", request.records, request.head, request.body);
            connection.send(&response("200 OK", &text));
        }
    });
    let client = client(&server.root_pem);
    for _ in 0..2 {
        let answer = perform(&client, post(&server.url("/a?b=c"), "{}")).await.unwrap();
        let text = String::from_utf8(answer.into_body()).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::trim).collect();
        lines[2..5].sort_unstable();
        assert_eq!(
            lines,
            [
                "1 records",
                "POST /a?b=c HTTP/1.1",
                "content-length: 2",
                "content-type: application/jose+json",
                &format!("host: {}", server.address),
                "",
                "",
                "{}"
            ]
        );
    }
    let answer = perform(&client, get(&server.url("/"))).await.unwrap();
    let text = String::from_utf8(answer.into_body()).unwrap();
    assert_eq!(text, format!("1 records\nGET / HTTP/1.1\r\nhost: {}\r\n\r\n\n", server.address));
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_as_many_as_allowed_and_kept() {
    let together = Arc::new(Barrier::new(MAX_CONNECTIONS));
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            if !request.head.starts_with("GET /first") {
                together.wait();
            }
            connection.send(&response("200 OK", request.head.split(' ').nth(1).unwrap()));
        }
    });
    let client = client(&server.root_pem);
    assert_eq!(client.width(&server.url("/").parse().unwrap()), MAX_CONNECTIONS);
    assert!(perform(&client, get(&server.url("/first"))).await.is_ok());
    assert_eq!(client.width(&server.url("/").parse().unwrap()), MAX_CONNECTIONS);
    let all: Vec<_> = (0..4 * MAX_CONNECTIONS).map(|n| get(&server.url(&format!("/{n}")))).collect();
    for (n, result) in client.perform(all).await.into_iter().enumerate() {
        assert_eq!(result.unwrap().into_body(), format!("/{n}").into_bytes());
    }
    assert_eq!(server.connections(), MAX_CONNECTIONS);
    assert!(client.perform(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn exchanges_at_a_new_host_are_all_answered() {
    let server = Server::answering(response("200 OK", "x"));
    let client = client(&server.root_pem);
    let all = (0..40).map(|_| get(&server.url("/"))).collect();
    assert!(client.perform(all).await.into_iter().all(|result| result.is_ok()));
    assert!(server.connections() <= MAX_CONNECTIONS);
}

#[tokio::test]
async fn connection_that_the_server_closed_is_replaced() {
    let server = Server::start(|mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        connection.close_notify();
    });
    let client = client(&server.root_pem);
    for _ in 0..3 {
        assert_eq!(perform(&client, post(&server.url("/"), "{}")).await.unwrap().body(), b"ok");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn large_request_arrives_whole() {
    let server = Server::start(|mut connection| {
        while let Some(request) = connection.request() {
            connection.send(&response("200 OK", &request.body));
        }
    });
    let client = client(&server.root_pem);
    for exchange in large_posts(&server.url("/")) {
        let sent = exchange.request.body().clone();
        assert_eq!(perform(&client, exchange).await.unwrap().into_body(), sent);
    }
}

#[tokio::test]
async fn body_may_be_as_large_as_the_limit_and_no_larger() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let framings = [
        |body: &str| response("200 OK", body),
        |body: &str| format!("{CHUNKED}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ];
    for framing in framings {
        for (length, fits) in [(1, true), (100, true), (101, false), (50_000, false)] {
            let server = Server::answering(framing(&"x".repeat(length)));
            let mut exchange = get(&server.url("/"));
            exchange.max_body = 100;
            match perform(&client(&server.root_pem), exchange).await {
                Ok(answer) => assert!(fits && answer.body().len() == length, "{length}"),
                Err(error) => {
                    assert!(!fits, "{length}: {error:?}");
                    assert_eq!(error.kind, TransportErrorKind::BodyTooLarge);
                }
            }
        }
    }
}

#[tokio::test]
async fn missing_close_notify_costs_nothing_complete() {
    let cases = [
        (response("200 OK", "all of it"), true),
        ("HTTP/1.1 200 OK\r\n\r\nall of it".to_owned(), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(), false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf".to_owned(), false),
    ];
    for (text, is_complete) in cases {
        let server = Server::start(move |mut connection| {
            connection.request().unwrap();
            connection.send(&text);
        });
        match perform(&client(&server.root_pem), get(&server.url("/"))).await {
            Ok(answer) => assert!(is_complete && answer.body() == b"all of it"),
            Err(error) => {
                assert!(!is_complete, "{error:?}");
                assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io));
            }
        }
    }
}

#[tokio::test]
async fn response_head_is_bounded() {
    for (length, fits) in [(10_000, true), (40_000, false)] {
        let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(length));
        let server = Server::answering(head);
        match perform(&client(&server.root_pem), get(&server.url("/"))).await {
            Ok(_) => assert!(fits),
            Err(error) => assert_eq!((fits, error.kind), (false, TransportErrorKind::BodyTooLarge)),
        }
    }
}

#[tokio::test]
async fn failures_before_there_is_a_connection_sent_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in plain.incoming() {
            let _ = socket.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let server = Server::answering(response("200 OK", ""));
    let trusting = client(&Authority::new().root_pem);
    let cases = [
        (format!("https://{NOBODY}/"), TransportErrorKind::Connect),
        (format!("https://{}/", silent.local_addr().unwrap()), TransportErrorKind::Timeout),
        (format!("https://{plain_address}/"), TransportErrorKind::Tls),
        (server.url("/"), TransportErrorKind::Untrusted),
        (format!("http://{}/", server.address), TransportErrorKind::Connect),
    ];
    for (url, kind) in cases {
        let mut exchange = post(&url, "{}");
        exchange.time_limit = if kind == TransportErrorKind::Timeout { SHORT } else { LONG };
        let error = perform(&trusting, exchange).await.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, kind), "{url}");
        assert_eq!(causes(&error).len(), 2, "{error:?}");
    }
}

#[tokio::test]
async fn names_are_looked_up_as_told() {
    let server = Server::answering(response("200 OK", "found"));
    let address = server.address;
    let client = builder(&server.root_pem)
        .lookup(move |host, _| match host {
            // The first address is nobody's, and costs no time.
            "ca.test" => Ok(vec![NOBODY.parse().unwrap(), address]),
            "empty.test" => Ok(Vec::new()),
            "panic.test" => panic!("as the test wants it"),
            _ => Err(io::Error::other("no such host")),
        })
        .build_async()
        .unwrap();
    assert_eq!(perform(&client, get("https://ca.test/")).await.unwrap().body(), b"found");
    for host in ["empty.test", "none.test", "panic.test"] {
        let error = perform(&client, get(&format!("https://{host}/"))).await.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Resolve));
    }
}

#[tokio::test]
async fn host_that_hangs_is_left_in_time_and_holds_nobody_else_up() {
    let server = Server::answering(response("200 OK", ""));
    let never = Barrier::new(usize::MAX);
    let client = builder(&server.root_pem)
        .lookup(move |_, _| {
            never.wait();
            Ok(Vec::new())
        })
        .build_async()
        .unwrap();
    let mut exchanges: Vec<_> = (0..2 * MAX_CONNECTIONS).map(|_| get("https://hangs.test/")).collect();
    exchanges.iter_mut().for_each(|exchange| exchange.time_limit = 4 * SHORT);
    exchanges.push(get(&server.url("/")));
    let started = Instant::now();
    let mut results = client.perform(exchanges).await;
    assert!(results.pop().unwrap().is_ok());
    for result in results {
        let error = result.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Timeout));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "one after the other takes ten seconds");
}

#[tokio::test]
async fn what_is_not_answered_in_time_is_unknown() {
    for begun in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
        let server = Server::start(move |mut connection| {
            connection.request().unwrap();
            connection.send(begun);
            connection.request(); // returns when the client has gone
        });
        let mut exchange = post(&server.url("/"), "{}");
        exchange.time_limit = 2 * SHORT;
        let error = perform(&client(&server.root_pem), exchange).await.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Timeout));
    }
}

#[tokio::test]
async fn connection_that_breaks_after_the_request_leaves_it_unknown() {
    let server = Server::start(|mut connection| {
        connection.request().unwrap();
        connection.send(&response("200 OK", "first"));
        connection.request().unwrap();
    });
    let client = client(&server.root_pem);
    assert!(perform(&client, get(&server.url("/"))).await.is_ok());
    let error = perform(&client, post(&server.url("/"), "{}")).await.unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io));
    assert_eq!(server.connections(), 1, "nothing is sent twice");
}

#[tokio::test]
async fn what_is_not_http_is_an_error() {
    for garbage in
        ["SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"]
    {
        let server = Server::answering(garbage);
        let error = perform(&client(&server.root_pem), post(&server.url("/"), "{}")).await.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io), "{garbage:?}");
    }
}

#[tokio::test]
async fn redirect_is_a_response() {
    let server = Server::answering("HTTP/1.1 301 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    let answer = perform(&client(&server.root_pem), get(&server.url("/"))).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (301, &"/other".parse().unwrap()));
}

#[tokio::test]
async fn dropped_future_closes_its_connection_and_frees_its_place() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            if request.head.starts_with("GET /answer") {
                connection.send(&response("200 OK", ""));
            }
        }
        sender.send(()).unwrap(); // the client has gone
    });
    let client = client(&server.root_pem);
    let all = (0..3 * MAX_CONNECTIONS).map(|_| get(&server.url("/hang"))).collect();
    assert!(timeout(4 * SHORT, client.perform(all)).await.is_err());
    assert!(perform(&client, get(&server.url("/answer"))).await.is_ok());
    tokio::task::spawn_blocking(move || receiver.recv_timeout(LONG).unwrap()).await.unwrap();
}

#[tokio::test]
async fn everything_goes_through_the_tunnel() {
    let server = Server::answering(response("200 OK", "through"));
    let (proxy, heads) = proxy::start("200 Connection established", server.address);
    let client = builder(&server.root_pem)
        .proxy(format!("http://user:s%65cret@{proxy}"))
        .lookup(|host, _| panic!("{host} is for the proxy to look up"))
        .build_async()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(perform(&client, post("https://ca.test/", "{}")).await.unwrap().body(), b"through");
    }
    let head = heads.recv().unwrap();
    assert_eq!(head[0], "CONNECT ca.test:443 HTTP/1.1");
    assert!(head.contains(&"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=".to_owned()), "{head:?}");
    assert_eq!(server.connections(), 1, "the tunnel is kept");
}

#[tokio::test]
async fn refusal_of_the_proxy_is_its_own() {
    let server = Server::answering(response("200 OK", ""));
    let (proxy, _heads) = proxy::start("407 Proxy Authentication Required", server.address);
    for (proxy, kind) in
        [(proxy.to_string(), TransportErrorKind::Proxy), (NOBODY.to_owned(), TransportErrorKind::Connect)]
    {
        let client = builder(&server.root_pem).proxy(format!("http://{proxy}")).build_async().unwrap();
        let error = perform(&client, get("https://ca.test/")).await.unwrap_err();
        assert_eq!((error.delivery, error.kind), (Delivery::NotSent, kind));
        assert_eq!(kind == TransportErrorKind::Proxy, causes(&error)[1].contains("407"), "{error:?}");
    }
}

#[test]
fn proxy_has_to_be_an_http_url() {
    let root_pem = Authority::new().root_pem;
    for url in ["", "::", "socks5://127.0.0.1:1080", "socks4://user:secret@127.0.0.1", "http://a%2:b@c"] {
        let error = builder(&root_pem).proxy(url).build_async().unwrap_err();
        assert!(matches!(error, Error::Proxy), "{url}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn plain_http_is_for_those_who_ask_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/path", listener.local_addr().unwrap());
    let strict = AsyncClient::builder().root_pem(Authority::new().root_pem).build_async().unwrap();
    assert_eq!(perform(&strict, get(&url)).await.unwrap_err().delivery, Delivery::NotSent);

    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(response("200 OK", "plain").as_bytes()).unwrap();
    });
    let builder = AsyncClient::builder().root_pem(Authority::new().root_pem).danger_allow_http();
    let lax = builder.build_async().unwrap();
    assert_eq!(perform(&lax, get(&url)).await.unwrap().body(), b"plain");
    server.join().unwrap();
}
