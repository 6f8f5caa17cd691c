//! dns-01 as the server validates it: by asking a resolver.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
};

use acme_testca::{Error, TestCa};
use aws_lc_rs::digest::{SHA256, digest};
use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CAA, CNAME, TXT},
    },
};
use serde_json::Value;

use crate::{
    client::{Client, b64, challenge, urls},
    served::{Https, outcome, registered},
};

/// What the server says about a name.
#[derive(Clone)]
pub(crate) enum Says {
    Records(Vec<RData>),
    Code(ResponseCode),
}

/// A name server on a free port, over UDP and TCP.
#[derive(Clone)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<HashMap<(String, RecordType), Says>>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    pub(crate) fn start() -> Self {
        let (tcp, udp) = (0..100)
            .find_map(|_| {
                let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let udp = UdpSocket::bind(tcp.local_addr().unwrap()).ok()?;
                Some((tcp, udp))
            })
            .unwrap();
        let address = tcp.local_addr().unwrap();
        let server = Self { address, zone: Arc::default(), asked: Arc::default() };
        let shared = server.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
                let answer = shared.answer(&buffer[..length], "udp");
                let mut octets = answer.to_vec().unwrap();
                if octets.len() > 1232 {
                    let mut short = answer.truncate();
                    short.answers.clear();
                    octets = short.to_vec().unwrap();
                }
                udp.send_to(&octets, peer).unwrap();
            }
        });
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in tcp.incoming() {
                let mut stream = stream.unwrap();
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut question).unwrap();
                let answer = shared.answer(&question, "tcp").to_vec().unwrap();
                stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        });
        server
    }

    fn answer(&self, question: &[u8], transport: &str) -> Message {
        let question = Message::from_vec(question).unwrap();
        assert_eq!(question.metadata.message_type, MessageType::Query);
        let query = question.queries[0].clone();
        let name = query.name().to_ascii().trim_end_matches('.').to_owned();
        let kind = query.query_type();
        self.asked.lock().unwrap().push(format!("{transport} {kind} {name}"));
        let zone = self.zone.lock().unwrap();
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.add_query(query.clone());
        let says = zone.get(&(name.clone(), kind)).or_else(|| zone.get(&(name.clone(), RecordType::CNAME)));
        match says {
            Some(Says::Records(records)) => {
                for data in records {
                    answer.add_answer(Record::from_rdata(query.name().clone(), 60, data.clone()));
                }
            }
            Some(Says::Code(code)) => answer.metadata.response_code = *code,
            None if zone.keys().any(|(other, _)| *other == name) => {}
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        answer
    }

    pub(crate) fn put(&self, name: &str, kind: RecordType, says: Says) {
        self.zone.lock().unwrap().insert((name.to_owned(), kind), says);
    }

    pub(crate) fn put_texts(&self, name: &str, texts: &[&str]) {
        let records = texts.iter().map(|text| {
            let parts = text.as_bytes().chunks(200).map(|part| String::from_utf8(part.to_vec()).unwrap());
            RData::TXT(TXT::new(parts.collect()))
        });
        self.put(name, RecordType::TXT, Says::Records(records.collect()));
    }

    pub(crate) fn put_alias(&self, name: &str, target: &str) {
        let target = Name::from_ascii(format!("{target}.")).unwrap();
        self.put(name, RecordType::CNAME, Says::Records(vec![RData::CNAME(CNAME(target))]));
    }
}

pub(crate) fn with_name_server() -> (NameServer, TestCa) {
    let server = NameServer::start();
    let ca = TestCa::builder().gentle().dns(server.address).start().unwrap();
    (server, ca)
}

/// The value that the TXT record of an order's first authorization must have.
pub(crate) fn txt_value(client: &mut Client<Https>, order: &Value, kind: &str) -> String {
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    let token = challenge(&authorization, kind)["token"].as_str().unwrap().to_owned();
    let key_authorization = format!("{token}.{}", client.key.thumbprint());
    b64(digest(&SHA256, key_authorization.as_bytes()))
}

fn problem(authorization: &Value) -> &str {
    let error = &authorization["challenges"][0]["error"]["type"];
    error.as_str().unwrap_or_default().trim_start_matches("urn:ietf:params:acme:error:")
}

#[test]
fn one_of_several_records_is_enough() {
    let (server, ca) = with_name_server();
    let mut client = registered(&ca);
    let (_, order) = client.order(&["a.example"]);
    let value = txt_value(&mut client, &order, "dns-01");
    server.put_texts("_acme-challenge.a.example", &["v=spf1 -all", &value, "another"]);
    let authorization = outcome(&mut client, &order, "dns-01");
    assert_eq!(authorization["status"], "valid", "{authorization}");
    assert_eq!(server.asked.lock().unwrap()[0], "udp TXT _acme-challenge.a.example");
}

#[test]
fn wildcard_and_base_name_are_asked_for_at_one_place() {
    let (server, ca) = with_name_server();
    let mut client = registered(&ca);
    let (_, plain) = client.order(&["a.example"]);
    let (_, wild) = client.order(&["*.a.example"]);
    let values = [txt_value(&mut client, &plain, "dns-01"), txt_value(&mut client, &wild, "dns-01")];
    server.put_texts("_acme-challenge.a.example", &[&values[0], &values[1]]);
    for order in [plain, wild] {
        assert_eq!(outcome(&mut client, &order, "dns-01")["status"], "valid");
    }
}

#[test]
fn aliases_are_followed_to_a_limit() {
    for (aliases, status) in [(1, "valid"), (8, "valid"), (9, "invalid")] {
        let (server, ca) = with_name_server();
        let mut client = registered(&ca);
        let (_, order) = client.order(&["a.example"]);
        server.put_alias("_acme-challenge.a.example", "1.elsewhere.example");
        for alias in 1..aliases {
            server.put_alias(
                &format!("{alias}.elsewhere.example"),
                &format!("{}.elsewhere.example", alias + 1),
            );
        }
        let value = txt_value(&mut client, &order, "dns-01");
        server.put_texts(&format!("{aliases}.elsewhere.example"), &[&value]);
        let authorization = outcome(&mut client, &order, "dns-01");
        assert_eq!(authorization["status"], status, "{aliases}: {authorization}");
    }
}

#[test]
fn large_answers_come_over_tcp() {
    let (server, ca) = with_name_server();
    let mut client = registered(&ca);
    let (_, order) = client.order(&["a.example"]);
    let value = txt_value(&mut client, &order, "dns-01");
    let padding = "x".repeat(2000);
    server.put_texts("_acme-challenge.a.example", &[&padding, &value]);
    assert_eq!(outcome(&mut client, &order, "dns-01")["status"], "valid");
    let asked = server.asked.lock().unwrap();
    assert_eq!(*asked, ["udp TXT _acme-challenge.a.example", "tcp TXT _acme-challenge.a.example"]);
}

#[test]
fn failures_say_what_the_resolver_said() {
    let (server, ca) = with_name_server();
    let mut client = registered(&ca);
    for (name, says, kind, detail) in [
        ("missing.example", None, "dns", "does not exist"),
        ("empty.example", Some(Says::Records(Vec::new())), "incorrectResponse", "there is []"),
        ("broken.example", Some(Says::Code(ResponseCode::ServFail)), "dns", "Server Failure"),
        ("refused.example", Some(Says::Code(ResponseCode::Refused)), "dns", "Refused"),
    ] {
        if let Some(says) = says {
            server.put(&format!("_acme-challenge.{name}"), RecordType::TXT, says);
        }
        let (_, order) = client.order(&[name]);
        let authorization = outcome(&mut client, &order, "dns-01");
        assert_eq!(problem(&authorization), kind, "{authorization}");
        let found = authorization["challenges"][0]["error"]["detail"].as_str().unwrap();
        assert!(found.contains(detail), "{found}");
    }
    server.put_texts("_acme-challenge.wrong.example", &["wrong"]);
    let (_, order) = client.order(&["wrong.example"]);
    let authorization = outcome(&mut client, &order, "dns-01");
    assert_eq!(problem(&authorization), "incorrectResponse");
    assert!(authorization.to_string().contains("wrong"), "{authorization}");
}

#[test]
fn aliases_in_a_circle_end() {
    let (server, ca) = with_name_server();
    server.put_alias("_acme-challenge.a.example", "b.example");
    server.put_alias("b.example", "_acme-challenge.a.example");
    let mut client = registered(&ca);
    let (_, order) = client.order(&["a.example"]);
    assert_eq!(problem(&outcome(&mut client, &order, "dns-01")), "dns");
}

#[test]
fn records_of_the_account_and_persistent_ones_are_asked_for() {
    let server = NameServer::start();
    let mut config = acme_testca::Config::gentle();
    config.dns_account = true;
    config.dns_persist = Some(acme_testca::DnsPersist::Draft01);
    let ca = TestCa::builder().config(config).dns(server.address).start().unwrap();
    let mut client = registered(&ca);
    let (_, order) = client.order(&["a.example"]);
    let value = txt_value(&mut client, &order, "dns-account-01");
    let refused = outcome(&mut client, &order, "dns-account-01");
    assert_eq!(problem(&refused), "dns", "{refused}");
    let owner = server.asked.lock().unwrap()[0].strip_prefix("udp TXT ").unwrap().to_owned();
    assert!(owner.ends_with("._acme-challenge.a.example"), "{owner}");
    let (_, order) = client.order(&["a.example"]);
    let again = txt_value(&mut client, &order, "dns-account-01");
    server.put_texts(&owner, &[&value, &again]);
    assert_eq!(outcome(&mut client, &order, "dns-account-01")["status"], "valid");

    let record = format!("testca.invalid; accounturi={}", client.kid.clone().unwrap());
    server.put_texts("_validation-persist.b.example", &[&record]);
    let (_, order) = client.order(&["b.example"]);
    let authorization = outcome(&mut client, &order, "dns-persist-01");
    assert_eq!(authorization["status"], "valid", "{authorization}");
    let (_, order) = client.order(&["*.b.example"]);
    let authorization = outcome(&mut client, &order, "dns-persist-01");
    assert_eq!(problem(&authorization), "unauthorized", "{authorization}");
}

fn caa(issuer: &str) -> Says {
    let issuer = Name::from_ascii(issuer).unwrap();
    Says::Records(vec![RData::CAA(CAA::new_issue(false, Some(issuer), Vec::new()))])
}

#[test]
fn caa_records_are_asked_for_up_the_tree_of_the_name() {
    let server = NameServer::start();
    let mut config = acme_testca::Config::gentle();
    config.caa_identities = vec!["ca1.example".to_owned()];
    let ca = TestCa::builder().config(config).dns(server.address).start().unwrap();
    let mut client = registered(&ca);
    server.put("good.example", RecordType::CAA, caa("ca1.example"));
    server.put("bad.example", RecordType::CAA, caa("ca2.example"));
    server.put("broken.example", RecordType::CAA, Says::Code(ResponseCode::ServFail));
    server.put_alias("alias.good.example", "a.bad.example");
    server.put_alias("direct.good.example", "bad.example");
    for (name, status) in [
        ("good.example", "valid"),
        ("a.b.good.example", "valid"),
        ("elsewhere.test", "valid"),
        ("a.bad.example", "invalid"),
        ("broken.example", "invalid"),
        // The tree of the alias' target is not climbed (RFC 8659 section 3).
        ("alias.good.example", "valid"),
        ("direct.good.example", "invalid"),
    ] {
        let (_, order) = client.order(&[name]);
        let value = txt_value(&mut client, &order, "dns-01");
        server.put_texts(&format!("_acme-challenge.{name}"), &[&value]);
        let authorization = outcome(&mut client, &order, "dns-01");
        assert_eq!(authorization["status"], status, "{authorization}");
        assert!(status == "valid" || problem(&authorization) == "caa", "{authorization}");
    }
    let asked = server.asked.lock().unwrap();
    let questions: Vec<&str> = asked.iter().filter_map(|one| one.strip_prefix("udp CAA ")).collect();
    assert_eq!(questions[..4], ["good.example", "a.b.good.example", "b.good.example", "good.example"]);
}

#[test]
fn resolver_is_on_loopback() {
    let beyond = TestCa::builder().dns("192.0.2.1:53".parse().unwrap()).start();
    assert!(matches!(beyond, Err(Error::NotLoopback(_))));
}

#[test]
fn another_resolver_may_be_anywhere_and_is_asked_from_then_on() {
    let ca = TestCa::builder().gentle().start().unwrap();
    let mut client = registered(&ca);
    let mut try_once = |server: Option<&NameServer>| {
        let (_, order) = client.order(&["a.example"]);
        let value = txt_value(&mut client, &order, "dns-01");
        if let Some(server) = server {
            server.put_texts("_acme-challenge.a.example", &[&value]);
        }
        outcome(&mut client, &order, "dns-01")["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(try_once(None), "invalid");
    let server = NameServer::start();
    ca.validate_dns_at(server.address);
    assert_eq!(try_once(Some(&server)), "valid");
}
