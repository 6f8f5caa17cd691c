//! What resolvers and authoritative servers say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use acme_http::{Transport, TransportResults};
use acme_proto::Exchange;
use acme_solver::{Answer, RecordData, RecordKind, ResolveError, Resolver};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record};

use super::name_server::Servers;

/// One resolver, and some servers for the zone `example.test`.
fn zone_on(count: u8) -> (Servers, Resolver) {
    let servers = Servers::start(count + 1);
    servers.serve("example.test", 1);
    let resolver = resolver(&servers);
    (servers, resolver)
}

pub(crate) fn resolver(servers: &Servers) -> Resolver {
    Resolver::new([servers.each[0].address])
        .authoritative_port(servers.port)
        .time_limit(Duration::from_millis(200))
}

#[test]
fn zone_of_a_name_is_the_longest_one_above_it() {
    let (servers, resolver) = zone_on(2);
    let zone = resolver.zone("_acme-challenge.www.example.test").unwrap();
    assert_eq!(
        (zone.name.as_str(), zone.canonical.as_str()),
        ("example.test", "_acme-challenge.www.example.test")
    );
    let addresses: Vec<_> =
        zone.servers.iter().map(|server| (server.name.as_str(), &*server.addresses)).collect();
    let expected: Vec<SocketAddr> = servers.each[1..].iter().map(|server| server.address).collect();
    assert_eq!(addresses, [("ns1.example.test", &expected[..1]), ("ns2.example.test", &expected[1..])]);
    servers.serve("_acme-challenge.www.example.test", 2);
    let zone = resolver.zone("_acme-challenge.www.example.test").unwrap();
    assert_eq!(zone.name, "_acme-challenge.www.example.test");
}

#[test]
fn aliases_lead_to_the_zone_at_their_end() {
    let (servers, resolver) = zone_on(1);
    servers.change(0, |content| {
        content.add_alias("_acme-challenge.elsewhere.test", "hop.elsewhere.test");
        content.add_alias("hop.elsewhere.test", "proof.example.test");
        content.add_alias("a.circle.test", "b.circle.test");
        content.add_alias("b.circle.test", "a.circle.test");
    });
    let zone = resolver.zone("_acme-challenge.elsewhere.test").unwrap();
    assert_eq!((zone.name.as_str(), zone.canonical.as_str()), ("example.test", "proof.example.test"));
    assert!(matches!(resolver.zone("a.circle.test"), Err(ResolveError::Aliases(_))));
}

#[test]
fn failures_are_told_apart() {
    let (servers, resolver) = zone_on(1);
    assert!(matches!(resolver.zone("www.nowhere.test"), Err(ResolveError::NoZone(_))));
    assert!(matches!(resolver.zone("a..b"), Err(ResolveError::Name(_))));
    assert!(matches!(Resolver::new([]).zone("example.test"), Err(ResolveError::NoResolver)));
    servers.change(0, |content| content.code = Some(ResponseCode::ServFail));
    let error = resolver.zone("www.example.test").unwrap_err();
    assert_eq!(error.to_string(), "the resolver answered Server Failure for SOA of www.example.test");
    servers.change(0, |content| content.is_silent = true);
    assert!(matches!(resolver.zone("www.example.test"), Err(ResolveError::Silent { .. })));
    assert_eq!(servers.each[0].content.lock().unwrap().asked, 4, "two tries after the two answers");
}

#[test]
fn next_resolver_is_asked_where_one_fails() {
    let (servers, _) = zone_on(1);
    let broken = Servers::start(1);
    broken.change(0, |content| content.code = Some(ResponseCode::Refused));
    let both = Resolver::new([broken.each[0].address, servers.each[0].address]);
    assert_eq!(both.zone("www.example.test").unwrap().name, "example.test");
}

#[test]
fn each_server_is_asked_and_says_what_it_has() {
    let (servers, resolver) = zone_on(4);
    servers.change(1, |content| {
        content.add_text("a.example.test", &["one"]);
        content.add_text("a.example.test", &["t", "wo"]);
        content.is_cutting = true;
    });
    servers.change(2, |content| content.is_silent = true);
    servers.change(3, |content| content.is_lame = true);
    let zone = resolver.zone("a.example.test").unwrap();
    let testimonies = resolver.ask_each(&zone, &["a.example.test", "example.test", "a..b"]);
    let told: Vec<_> = testimonies
        .iter()
        .map(|testimony| (testimony.server.as_str(), testimony.answers[0].to_string()))
        .collect();
    assert_eq!(told[0], ("ns1.example.test", "has one, two".to_string()));
    assert!(told[1].1.starts_with("does not answer ("), "{}", told[1].1);
    assert_eq!(told[3].1, "knows no such name");
    assert!(
        matches!(&testimonies[2].answers[1], Answer::Refused(reason) if reason == "without authority for the zone")
    );
    assert_eq!(testimonies[3].answers[1], Answer::Values(Vec::new()));
    assert!(matches!(&testimonies[0].answers[2], Answer::Refused(_)));
}

#[test]
fn hundred_names_are_asked_for_at_once() {
    let (servers, resolver) = zone_on(1);
    let names: Vec<_> = (0..100).map(|number| format!("host-{number}.example.test")).collect();
    servers.change(1, |content| names.iter().for_each(|name| content.add_text(name, &[name])));
    let zone = resolver.zone("example.test").unwrap();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let testimony = resolver.ask_each(&zone, &names).remove(0);
    assert!(names.iter().zip(&testimony.answers).all(|(name, answer)| answer.shows(name)));
    assert_eq!(servers.each[1].content.lock().unwrap().asked, 100);
}

/// Carries questions over HTTPS to a server of the test, and answers as it does.
struct Gateway {
    server: Resolver,
    status: u16,
}

impl Transport for Gateway {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults {
        let answer = |exchange: Exchange| {
            let request = &exchange.request;
            assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/dns-query"));
            assert_eq!(request.headers()["content-type"], "application/dns-message");
            let question = Message::from_vec(request.body()).unwrap();
            assert_eq!(question.metadata.id, 0);
            let mut answer = Message::response(0, question.metadata.op_code);
            answer.add_queries(question.queries.clone());
            let name = question.queries[0].name().to_ascii();
            let found = self.server.look_up(&name, RecordKind::Txt).unwrap();
            for data in found.data {
                let text = TXT::new(vec![data.to_string()]);
                answer.add_answer(Record::from_rdata(
                    question.queries[0].name().clone(),
                    60,
                    RData::TXT(text),
                ));
            }
            let response = http::Response::builder().status(self.status);
            Ok(response.body(answer.to_vec().unwrap()).unwrap())
        };
        exchanges.into_iter().map(answer).collect()
    }
}

#[test]
fn resolver_over_https_is_asked_where_the_others_are_silent() {
    let (servers, behind) = zone_on(1);
    servers.change(0, |content| content.add_text("a.example.test", &["one"]));
    let silent = Servers::start(1);
    silent.change(0, |content| content.is_silent = true);
    let asked = |status| {
        let gateway = Arc::new(Gateway { server: behind.clone(), status });
        let resolver =
            resolver(&silent).over_https("https://dns.example/dns-query".parse().unwrap(), gateway);
        resolver.look_up("a.example.test", RecordKind::Txt)
    };
    assert_eq!(asked(200).unwrap().data, [RecordData::Text("one".to_string())]);
    assert!(matches!(asked(502), Err(ResolveError::Silent { .. })));
}
