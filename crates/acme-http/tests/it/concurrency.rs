use std::sync::{Arc, Barrier};

use acme_http::MAX_CONNECTIONS;
use acme_proto::Delivery;

use crate::server::{NOBODY, Server, get, post, response};

#[test]
fn many_exchanges_keep_their_order_on_as_many_connections_as_allowed() {
    let barrier = Arc::new(Barrier::new(MAX_CONNECTIONS));
    let server = Server::start(move |mut connection| {
        let mut is_first = true;
        while let Some(request) = connection.request() {
            if std::mem::take(&mut is_first) {
                barrier.wait(); // all of them are here at the same time
            }
            connection.send(&response("200 OK", &request.body));
        }
    });
    let client = server.client();
    let exchanges = || (0..20).map(|i| post(&server.url("/"), &i.to_string())).collect();
    for _ in 0..2 {
        let bodies: Vec<_> = client
            .perform(exchanges())
            .into_iter()
            .map(|r| String::from_utf8(r.unwrap().into_body()).unwrap())
            .collect();
        assert_eq!(bodies, (0..20).map(|i| i.to_string()).collect::<Vec<_>>());
        assert_eq!(server.connections(), MAX_CONNECTIONS);
    }
}

#[test]
fn nothing_to_do_is_nothing_done() {
    assert!(Server::answering("").client().perform(Vec::new()).is_empty());
}

#[test]
fn one_failure_leaves_the_others_alone() {
    let server = Server::answering(response("200 OK", "fine"));
    let exchanges = vec![get(&server.url("/")), get(&format!("https://{NOBODY}/")), get(&server.url("/"))];
    let results = server.client().perform(exchanges);
    assert_eq!(results[0].as_ref().unwrap().body(), b"fine");
    assert_eq!(results[1].as_ref().unwrap_err().delivery, Delivery::NotSent);
    assert_eq!(results[2].as_ref().unwrap().body(), b"fine");
}
