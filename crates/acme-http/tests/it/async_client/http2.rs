//! What HTTP/2 adds.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acme_http::{MAX_CONNECTIONS, MAX_WIDTH};
use acme_proto::{Delivery, TransportErrorKind};
use h2::Reason;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::server::{Server, answer, echo};
use super::{client, perform};
use crate::server::{LONG, SHORT, get, large_posts, post};

#[tokio::test]
async fn one_connection_carries_everything() {
    let server = Server::echo(None).await;
    let client = client(&server.root_pem);
    let all = (0..120).map(|n| post(&server.url(&format!("/{n}")), &"x".repeat(n * 100))).collect();
    for (n, result) in client.perform(all).await.into_iter().enumerate() {
        let expected = format!("POST /{n} {}", "x".repeat(n * 100));
        match result {
            Ok(response) => assert_eq!(response.into_body(), expected.into_bytes()),
            Err(error) => {
                assert_eq!(error.kind, TransportErrorKind::BodyTooLarge);
                assert!(expected.len() > 10_000);
            }
        }
    }
    assert_eq!(server.connections(), 1);
}

/// The largest does not fit a stream's window of 65535 octets: the client waits for room.
#[tokio::test]
async fn large_request_arrives_whole() {
    let server = Server::echo(None).await;
    let client = client(&server.root_pem);
    for exchange in large_posts(&server.url("/")) {
        let sent = [b"POST / ", exchange.request.body().as_slice()].concat();
        assert_eq!(perform(&client, exchange).await.unwrap().into_body(), sent);
    }
}

#[tokio::test]
async fn width_is_what_the_server_grants() {
    for (granted, expected) in [(Some(7), 7), (Some(100), 100), (Some(1000), MAX_WIDTH), (None, MAX_WIDTH)] {
        let server = Server::echo(granted).await;
        let client = client(&server.root_pem);
        let url = server.url("/").parse().unwrap();
        assert_eq!(client.width(&url), MAX_CONNECTIONS, "nothing is known");
        assert!(perform(&client, get(&server.url("/"))).await.is_ok());
        assert_eq!(client.width(&url), expected, "{granted:?}");
    }
}

#[tokio::test]
async fn more_than_the_server_grants_waits_its_turn() {
    let most = Arc::new(AtomicUsize::new(0));
    let (now, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let server = Server::start(Some(3), move |mut connection, _| {
        let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
        async move {
            while let Some(Ok(stream)) = connection.accept().await {
                let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
                tokio::spawn(async move {
                    seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    echo(stream).await;
                });
            }
        }
    })
    .await;
    let client = client(&server.root_pem);
    assert!(perform(&client, get(&server.url("/"))).await.is_ok());
    let all = (0..20).map(|_| get(&server.url("/"))).collect();
    assert!(client.perform(all).await.iter().all(Result::is_ok));
    assert!(most.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn refused_stream_was_not_sent_and_others_go_on() {
    let server = Server::start(None, |mut connection, _| async move {
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            match request.uri().path() {
                "/refuse" => respond.send_reset(Reason::REFUSED_STREAM),
                "/cancel" => respond.send_reset(Reason::INTERNAL_ERROR),
                _ => answer(&mut respond, "ok"),
            }
        }
    })
    .await;
    let client = client(&server.root_pem);
    let urls = ["/refuse", "/cancel", "/"];
    let results = client.perform(urls.iter().map(|path| post(&server.url(path), "{}")).collect()).await;
    let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!((errors[0].delivery, errors[0].kind), (Delivery::NotSent, TransportErrorKind::Io));
    assert_eq!((errors[1].delivery, errors[1].kind), (Delivery::Unknown, TransportErrorKind::Io));
    assert!(results[2].is_ok() && errors.iter().all(|error| error.is_temporary()));
    assert_eq!(server.connections(), 1);
}

/// The server takes two requests, then goes: it answers the first, and nothing beyond it.
#[tokio::test]
async fn going_away_tells_what_was_not_sent() {
    let (sender, mut accepted) = mpsc::unbounded_channel();
    let (go, went) = tokio::sync::watch::channel(false);
    let server = Server::start(None, move |mut connection, number| {
        let (sender, mut went) = (sender.clone(), went.clone());
        async move {
            if number > 0 {
                while let Some(Ok(stream)) = connection.accept().await {
                    tokio::spawn(echo(stream));
                }
                return;
            }
            let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
            sender.send(()).unwrap();
            went.wait_for(|gone| *gone).await.unwrap();
            // Names the first stream as the last one; the second is in the socket, unread.
            connection.abrupt_shutdown(Reason::NO_ERROR);
            answer(&mut respond, "ok");
            let _ = poll_fn(|cx| connection.poll_closed(cx)).await;
        }
    })
    .await;
    let client = client(&server.root_pem);
    let first = tokio::spawn({
        let (client, url) = (client.clone(), server.url("/first"));
        async move { perform(&client, post(&url, "{}")).await }
    });
    accepted.recv().await.unwrap();
    let second = tokio::spawn({
        let (client, url) = (client.clone(), server.url("/second"));
        async move { perform(&client, post(&url, "{}")).await }
    });
    for _ in 0..1000 {
        tokio::task::yield_now().await; // the second is on its way
    }
    go.send(true).unwrap();
    let error = second.await.unwrap().unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Io), "{error:?}");
    if let Err(error) = first.await.unwrap() {
        assert_eq!(error.delivery, Delivery::Unknown, "{error:?}");
    }
    assert!(perform(&client, post(&server.url("/third"), "{}")).await.is_ok());
    assert_eq!(server.connections(), 2, "a connection that goes is used no more");
}

#[tokio::test]
async fn connection_that_breaks_leaves_its_requests_unknown() {
    let server = Server::start(None, |mut connection, number| async move {
        while let Some(Ok(stream)) = connection.accept().await {
            if number == 0 {
                return; // and with it the socket
            }
            tokio::spawn(echo(stream));
        }
    })
    .await;
    let client = client(&server.root_pem);
    let error = perform(&client, post(&server.url("/"), "{}")).await.unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::Unknown, TransportErrorKind::Io));
    assert!(perform(&client, post(&server.url("/"), "{}")).await.is_ok());
}

#[tokio::test]
async fn limits_hold_for_each_stream() {
    let server = Server::start(None, |mut connection, _| async move {
        let mut silent = Vec::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            match request.uri().path().trim_start_matches('/').parse() {
                Ok(length) => answer(&mut respond, &"x".repeat(length)),
                Err(_) => silent.push(respond),
            }
        }
    })
    .await;
    let client = client(&server.root_pem);
    let exchange = |path: &str| {
        let mut exchange = get(&server.url(path));
        exchange.max_body = 1000;
        exchange.time_limit = if path == "/silent" { 2 * SHORT } else { LONG };
        exchange
    };
    let paths = ["/0", "/1000", "/1001", "/900000", "/silent"];
    let results = client.perform(paths.iter().map(|path| exchange(path)).collect()).await;
    let kinds: Vec<_> = results.iter().map(|result| result.as_ref().err().map(|error| error.kind)).collect();
    let too_large = Some(TransportErrorKind::BodyTooLarge);
    assert_eq!(kinds, [None, None, too_large, too_large, Some(TransportErrorKind::Timeout)]);
    assert_eq!(results[4].as_ref().unwrap_err().delivery, Delivery::Unknown);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn dropped_future_resets_its_streams_and_nothing_else() {
    let (sender, mut resets) = mpsc::unbounded_channel();
    let server = Server::start(None, move |mut connection, _| {
        let sender = sender.clone();
        async move {
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                if request.uri().path() == "/answer" {
                    answer(&mut respond, "ok");
                    continue;
                }
                let sender = sender.clone();
                tokio::spawn(async move {
                    let reason = poll_fn(|cx| respond.poll_reset(cx)).await;
                    sender.send(reason.unwrap()).unwrap();
                });
            }
        }
    })
    .await;
    let client = client(&server.root_pem);
    let all = (0..3).map(|_| get(&server.url("/hang"))).collect();
    assert!(timeout(2 * SHORT, client.perform(all)).await.is_err());
    for _ in 0..3 {
        assert_eq!(resets.recv().await, Some(Reason::CANCEL));
    }
    assert!(perform(&client, get(&server.url("/answer"))).await.is_ok());
    assert_eq!(server.connections(), 1);
}
