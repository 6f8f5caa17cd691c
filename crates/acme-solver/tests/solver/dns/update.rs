//! Dynamic updates to servers that misbehave. Those that behave are in the conformance tests.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use acme_keys::{TsigAlgorithm, TsigKey};
use acme_proto::Solver as _;
use acme_solver::dns::{DnsUpdate, TsigFault, UpdateError};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use crate::solver::challenge::of_kind;
use crate::solver::name_server::name;

/// What a server does with a message; `None` for no answer.
type Behaviour = fn(&Message) -> Option<Vec<u8>>;

/// A server with one behaviour over UDP and one over TCP.
struct Server {
    address: SocketAddr,
    by_tcp: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    fn start(udp: Behaviour, tcp: Behaviour) -> Self {
        let (socket, listener) = sockets();
        let address = socket.local_addr().unwrap();
        let by_tcp = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let (over_udp, over_tcp, count) = (Arc::clone(&is_over), Arc::clone(&is_over), Arc::clone(&by_tcp));
        let threads = vec![
            thread::spawn(move || serve_udp(&socket, &over_udp, udp)),
            thread::spawn(move || serve_tcp(&listener, &over_tcp, &count, tcp)),
        ];
        Self { address, by_tcp, is_over, threads }
    }

    fn solver(&self) -> DnsUpdate {
        DnsUpdate::new(&self.address.to_string()).unwrap().with_time_limit(Duration::from_secs(2))
    }

    fn signing_solver(&self) -> DnsUpdate {
        let key = TsigKey::from_bytes(TsigAlgorithm::HmacSha256, b"the secret of both");
        self.solver().with_key("acme-key", key).unwrap()
    }

    fn over_tcp(&self) -> usize {
        self.by_tcp.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().send_to(&[], self.address).unwrap();
        drop(TcpStream::connect(self.address));
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// Both on one port.
fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..50 {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()) {
            return (socket, listener);
        }
    }
    panic!("no port is free for both");
}

fn serve_udp(socket: &UdpSocket, is_over: &AtomicBool, behaviour: Behaviour) {
    let mut buffer = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).unwrap();
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let message = Message::from_vec(&buffer[..length]).unwrap();
        if let Some(answer) = behaviour(&message) {
            socket.send_to(&answer, peer).unwrap();
        }
    }
}

fn serve_tcp(listener: &TcpListener, is_over: &AtomicBool, count: &AtomicUsize, behaviour: Behaviour) {
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        count.fetch_add(1, Ordering::SeqCst);
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut octets = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut octets).unwrap();
        let Some(answer) = behaviour(&Message::from_vec(&octets).unwrap()) else {
            // Says that much will come, and sends little of it, until the client has had enough.
            stream.write_all(&[0xFF, 0xFF, 0]).unwrap();
            drop(stream.read(&mut octets));
            continue;
        };
        let length = u16::try_from(answer.len()).unwrap();
        stream.write_all(&[length.to_be_bytes().as_slice(), &answer].concat()).unwrap();
    }
}

/// As a primary of `example.test` that permits everything.
fn answer(message: &Message) -> Message {
    let mut answer = Message::response(message.metadata.id, message.metadata.op_code);
    answer.add_queries(message.queries.clone());
    if message.metadata.op_code == OpCode::Query {
        let zone = name("example.test");
        let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, 60);
        answer.add_authority(Record::from_rdata(zone, 60, RData::SOA(soa)));
    }
    answer
}

fn good(message: &Message) -> Option<Vec<u8>> {
    answer(message).to_vec().ok()
}

fn silent(_: &Message) -> Option<Vec<u8>> {
    None
}

fn with_another_id(message: &Message) -> Option<Vec<u8>> {
    let mut answer = answer(message);
    answer.metadata.id = !answer.metadata.id;
    answer.to_vec().ok()
}

fn question_back(message: &Message) -> Option<Vec<u8>> {
    let mut answer = answer(message);
    answer.metadata.message_type = MessageType::Query;
    answer.to_vec().ok()
}

fn garbage(message: &Message) -> Option<Vec<u8>> {
    Some([message.metadata.id.to_be_bytes().as_slice(), &[0xFF; 40]].concat())
}

fn cut(message: &Message) -> Option<Vec<u8>> {
    let mut answer = answer(message);
    answer.metadata.truncation = true;
    answer.to_vec().ok()
}

fn failing(message: &Message) -> Option<Vec<u8>> {
    let mut answer = answer(message);
    if message.metadata.op_code == OpCode::Update {
        answer.metadata.response_code = ResponseCode::ServFail;
    }
    answer.to_vec().ok()
}

/// Signs with what is no MAC of the key.
fn wrongly_signed(message: &Message) -> Option<Vec<u8>> {
    let mut octets = answer(message).to_vec().ok()?;
    octets[11] = 1;
    let data: [&[u8]; 6] = [b"\x0bhmac-sha256\0", &[0; 6], &[1, 44], &[0, 32], &[7; 32], &[0; 6]];
    let data = data.concat();
    let length = u16::try_from(data.len()).ok()?.to_be_bytes();
    // Its name, type TSIG, class ANY, no time to live.
    octets.extend([b"\x08acme-key\0".as_slice(), &[0, 250, 0, 255, 0, 0, 0, 0], &length, &data].concat());
    Some(octets)
}

fn error(solver: &mut DnsUpdate) -> (UpdateError, bool) {
    let error = solver.present(&[of_kind("dns-01", "example.test", "token")]).remove(0).unwrap_err();
    (error.get_ref().downcast_ref::<UpdateError>().unwrap().clone(), error.is_temporary())
}

#[test]
fn what_is_no_reply_over_udp_is_asked_for_over_tcp() {
    for udp in [silent, with_another_id, question_back, garbage, cut] as [Behaviour; 5] {
        let server = Server::start(udp, good);
        let results = server.solver().present(&[of_kind("dns-01", "example.test", "token")]);
        assert!(results[0].is_ok(), "{results:?}");
        assert_eq!(server.over_tcp(), 2, "for the zone and for the update");
    }
}

#[test]
fn what_comes_over_udp_is_not_asked_for_again() {
    let server = Server::start(good, silent);
    let results = server.solver().present(&[of_kind("dns-01", "www.example.test", "token")]);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(server.over_tcp(), 0);
}

#[test]
fn server_without_an_answer_is_given_up() {
    let server = Server::start(silent, silent);
    let (error, is_temporary) = error(&mut server.solver());
    assert!(matches!(error, UpdateError::Silent { .. }), "{error}");
    assert!(is_temporary);
}

#[test]
fn what_is_no_reply_over_tcp_is_an_error() {
    let cases: [(Behaviour, &str); 4] = [
        (with_another_id, "it belongs to another message"),
        (question_back, "it belongs to another message"),
        (garbage, "it can't be read"),
        (cut, "it is truncated"),
    ];
    for (tcp, expected) in cases {
        let server = Server::start(silent, tcp);
        let (error, _) = error(&mut server.solver());
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn replies_without_the_right_signature_do_not_count() {
    let server = Server::start(good, good);
    let (unsigned, is_temporary) = error(&mut server.signing_solver());
    let UpdateError::Tsig { fault: TsigFault::Unsigned { key, code }, .. } = unsigned else {
        panic!("{unsigned}")
    };
    assert_eq!((key.as_str(), code.as_str(), is_temporary), ("acme-key", "NOERROR", false));

    let server = Server::start(wrongly_signed, wrongly_signed);
    let (wrong, _) = error(&mut server.signing_solver());
    assert!(matches!(wrong, UpdateError::Tsig { fault: TsigFault::Mac { .. }, .. }), "{wrong}");
}

#[test]
fn server_that_keeps_failing_is_asked_some_times_only() {
    let server = Server::start(cut, failing);
    let (error, is_temporary) = error(&mut server.solver());
    let UpdateError::Refused { code, .. } = &error else { panic!("{error}") };
    assert_eq!((code.as_str(), is_temporary), ("SERVFAIL", true));
    assert_eq!(server.over_tcp(), 1 + 4);
}

#[test]
fn update_is_as_the_rfc_has_it() {
    // RFC 2136, sections 2.4.3, 2.5.1 and 2.5.4.
    fn checked(message: &Message) -> Option<Vec<u8>> {
        if message.metadata.op_code == OpCode::Update {
            let [zone] = &message.queries[..] else { return None };
            assert_eq!((zone.name(), zone.query_type()), (&name("example.test"), RecordType::SOA));
            let [record] = &message.authorities[..] else { return None };
            assert_eq!(record.record_type(), RecordType::TXT);
            if record.dns_class == DNSClass::IN {
                assert_eq!(record.ttl, DnsUpdate::TTL);
                let [guard] = &message.answers[..] else { return None };
                assert_eq!((guard.dns_class, guard.record_type()), (DNSClass::NONE, RecordType::CNAME));
            } else {
                assert_eq!((record.dns_class, record.ttl), (DNSClass::NONE, 0));
                assert!(message.answers.is_empty());
            }
        }
        good(message)
    }
    let server = Server::start(checked, silent);
    let challenges = [of_kind("dns-01", "example.test", "token")];
    assert!(server.solver().present(&challenges)[0].is_ok());
    assert!(server.solver().withdraw(&challenges)[0].is_ok());
}
