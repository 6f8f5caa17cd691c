//! The DNS server for `_acme-challenge` names, on a thread and on tokio.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;

use acme_proto::{Challenge, ChallengeType, Solver, SolverError};
use acme_solver::dns::Delegation;
use acme_solver::{BindError, Dns01};
use hickory_proto::op::{Edns, Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use super::challenge::{TOKEN, account, good, http, identifier, of_kind};

pub(crate) fn dns(name: &str, digest: u8) -> Challenge {
    let mut json = serde_json::to_value(of_kind("dns-01", name, TOKEN)).unwrap();
    json["digest"] = serde_json::json!(vec![digest; 32]);
    serde_json::from_value(json).unwrap()
}

fn listening(challenges: &[Challenge]) -> (Dns01, SocketAddr) {
    let mut solver = Dns01::bind("127.0.0.1:0", "NS.example.net").unwrap();
    assert!(good(&solver.present(challenges)).into_iter().all(|is_good| is_good));
    let address = solver.local_addr();
    (solver, address)
}

pub(crate) fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

pub(crate) fn by_udp(address: SocketAddr, query: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&query.to_vec().unwrap(), address).unwrap();
    let mut buffer = [0; 65535];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(from, address);
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(answer.metadata.id, query.metadata.id);
    answer
}

pub(crate) fn by_tcp(stream: &mut TcpStream, query: &Message) -> Message {
    let packet = query.to_vec().unwrap();
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &packet].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    Message::from_vec(&answer).unwrap()
}

pub(crate) fn texts(answer: &Message) -> Vec<String> {
    let text = |data: &RData| if let RData::TXT(text) = data { Some(text.to_string()) } else { None };
    answer.answers.iter().filter_map(|record| text(&record.data)).collect()
}

/// What an answer says, in short: its code, how many answers, and whether an SOA stands for none.
fn short(answer: &Message) -> (ResponseCode, usize, bool) {
    let has_soa = answer.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
    (answer.metadata.response_code, answer.answers.len(), has_soa)
}

#[test]
fn all_values_of_a_name_are_there_until_they_are_withdrawn() {
    let challenges = [dns("example.com", 1), dns("*.example.com", 2), dns("other.example", 3)];
    let (mut solver, address) = listening(&challenges);
    let ask = |name: &str| texts(&by_udp(address, &query(name, RecordType::TXT)));
    let values: Vec<String> = challenges.iter().map(Challenge::dns_value).collect();
    assert_eq!(ask("_acme-challenge.example.com."), values[..2]);
    assert_eq!(ask("_acme-challenge.other.example."), values[2..]);
    assert_eq!(good(&solver.present(&challenges)), [true; 3], "twice is once");
    assert_eq!(ask("_acme-challenge.example.com."), values[..2]);
    assert_eq!(good(&solver.withdraw(&challenges[..1])), [true]);
    assert_eq!(ask("_acme-challenge.example.com."), values[1..2]);
    assert_eq!(good(&solver.withdraw(&challenges)), [true; 3], "nothing is there, which is no error");
    assert!(ask("_acme-challenge.example.com.").is_empty());
}

#[test]
fn no_data_no_name_and_no_zone_are_told_apart() {
    let (_solver, address) = listening(&[dns("example.com", 1)]);
    use ResponseCode::{NXDomain, NoError, Refused};
    for (name, kind, expected) in [
        ("_acme-challenge.example.com.", RecordType::TXT, (NoError, 1, false)),
        ("_acme-challenge.example.com.", RecordType::SOA, (NoError, 1, false)),
        ("_acme-challenge.example.com.", RecordType::NS, (NoError, 1, false)),
        ("_acme-challenge.example.com.", RecordType::ANY, (NoError, 3, false)),
        ("_acme-challenge.example.com.", RecordType::A, (NoError, 0, true)),
        ("_acme-challenge.example.com.", RecordType::DS, (NoError, 0, true)),
        // The apex of a zone is there whatever it holds.
        ("_acme-challenge.other.example.", RecordType::TXT, (NoError, 0, true)),
        ("x._acme-challenge.example.com.", RecordType::TXT, (NXDomain, 0, true)),
        ("x._acme-challenge.example.com.", RecordType::SOA, (NXDomain, 0, true)),
        ("_acme-challenge.example.com.", RecordType::CAA, (NoError, 0, true)),
        ("_acme-challenge.example.com.", RecordType::DNSKEY, (NoError, 0, true)),
        ("_acme-challenge.example.com.", RecordType::AXFR, (Refused, 0, false)),
        ("_acme-challenge.example.com.", RecordType::IXFR, (Refused, 0, false)),
        ("example.com.", RecordType::TXT, (Refused, 0, false)),
        ("_acme-challenges.example.com.", RecordType::TXT, (Refused, 0, false)),
        ("_acme-challenge.", RecordType::TXT, (Refused, 0, false)),
        (".", RecordType::NS, (Refused, 0, false)),
    ] {
        let answer = by_udp(address, &query(name, kind));
        assert_eq!(short(&answer), expected, "{name} {kind}");
        assert_eq!(answer.metadata.authoritative, expected.0 != Refused);
        assert!(!answer.metadata.recursion_available && !answer.metadata.truncation);
    }
    let answer = by_udp(address, &query("_acme-challenge.example.com.", RecordType::NS));
    assert_eq!(answer.answers[0].data.to_string(), "ns.example.net.");
    let answer = by_udp(address, &query("x._acme-challenge.example.com.", RecordType::TXT));
    assert_eq!(answer.authorities[0].name.to_ascii(), "_acme-challenge.example.com.", "the zone's own");
}

/// Leads the names of `example.com` into a zone of another domain.
#[derive(Debug)]
struct Led(&'static str);

impl Delegation for Led {
    fn canonical(&self, name: &str) -> Result<String, SolverError> {
        match name {
            "_acme-challenge.example.com" => Ok(self.0.to_owned()),
            "_acme-challenge.broken.example" => Err(SolverError::temporary("no answer")),
            _ => Ok(name.to_owned()),
        }
    }
}

#[test]
fn cnames_lead_into_a_zone_that_was_named() {
    let solver =
        Dns01::bind("127.0.0.1:0", "ns.example.net").unwrap().serve_zone("ACME.example.net").unwrap();
    let mut solver = solver.with_delegation(Arc::new(Led("a.b.acme.example.net")));
    let address = solver.local_addr();
    let ask = |name: &str, kind| by_udp(address, &query(name, kind));
    use ResponseCode::{NXDomain, NoError, Refused};
    assert_eq!(short(&ask("b.acme.example.net.", RecordType::TXT)), (NXDomain, 0, true));
    let challenges = [dns("example.com", 1), dns("other.example", 2), dns("broken.example", 3)];
    let results = solver.present(&challenges);
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    let answer = ask("a.b.acme.example.net.", RecordType::TXT);
    assert_eq!(texts(&answer), [challenges[0].dns_value()]);
    for (name, kind, expected) in [
        // There is something below it, and nothing at it.
        ("b.acme.example.net.", RecordType::TXT, (NoError, 0, true)),
        ("b.b.acme.example.net.", RecordType::TXT, (NXDomain, 0, true)),
        ("acme.example.net.", RecordType::SOA, (NoError, 1, false)),
        ("acme.example.net.", RecordType::NS, (NoError, 1, false)),
        // The zone is the one that somebody named.
        ("_acme-challenge.x.acme.example.net.", RecordType::SOA, (NXDomain, 0, true)),
        ("example.net.", RecordType::SOA, (Refused, 0, false)),
        ("_acme-challenge.example.com.", RecordType::TXT, (NoError, 0, true)),
        ("_acme-challenge.other.example.", RecordType::TXT, (NoError, 1, false)),
    ] {
        assert_eq!(short(&ask(name, kind)), expected, "{name} {kind}");
    }
    assert_eq!(good(&solver.withdraw(&challenges)), [true; 3]);
    assert_eq!(short(&ask("a.b.acme.example.net.", RecordType::TXT)), (NXDomain, 0, true));
}

#[test]
fn name_that_leads_elsewhere_is_refused_and_named() {
    let solver = Dns01::bind("127.0.0.1:0", "ns.example.net").unwrap();
    let mut solver = solver.with_delegation(Arc::new(Led("a.example.org")));
    let error = solver.present(&[dns("example.com", 1)]).remove(0).unwrap_err();
    assert!(!error.is_temporary());
    assert_eq!(
        error.to_string(),
        "the record of _acme-challenge.example.com would be at a.example.org, which is in no zone that is \
         served here"
    );
}

#[test]
fn server_in_a_zone_of_its_own_is_refused() {
    let bind = |server: &str| Dns01::bind("127.0.0.1:0", server);
    assert!(matches!(bind("ns._acme-challenge.example.com"), Err(BindError::ServerInZone { .. })));
    let within = bind("ns.acme.example.net").unwrap().serve_zone("acme.example.net").unwrap_err();
    assert!(matches!(within, BindError::ServerInZone { .. }), "{within}");
    assert!(matches!(bind("ns.example.net").unwrap().serve_zone("a..b"), Err(BindError::ZoneName(_))));
}

#[test]
fn all_addresses_answer_alike() {
    let mut solver = Dns01::bind("127.0.0.1:0", "ns.example.net").unwrap();
    let first = solver.local_addr();
    let second = SocketAddr::from(([127, 0, 0, 2], first.port()));
    solver = solver.listen_also(second).unwrap();
    assert!(matches!(
        Dns01::bind("127.0.0.1:0", "ns.example.net").unwrap().listen_also(first),
        Err(BindError::InUse { .. })
    ));
    assert_eq!(good(&solver.present(&[dns("example.com", 1)])), [true]);
    let question = query("_acme-challenge.example.com.", RecordType::TXT);
    assert_eq!(texts(&by_udp(first, &question)).len(), 1);
    assert_eq!(texts(&by_udp(second, &question)).len(), 1);
    assert_eq!(texts(&by_tcp(&mut TcpStream::connect(second).unwrap(), &question)).len(), 1);
}

#[test]
fn wish_for_signatures_is_repeated_and_not_fulfilled() {
    let (_solver, address) = listening(&[dns("example.com", 1)]);
    for dnssec_ok in [false, true] {
        let mut question = query("_acme-challenge.example.com.", RecordType::TXT);
        let mut edns = Edns::new();
        edns.set_dnssec_ok(dnssec_ok);
        question.set_edns(edns);
        let answer = by_udp(address, &question);
        assert_eq!(answer.edns.unwrap().flags().dnssec_ok, dnssec_ok);
        assert_eq!(answer.answers.len(), 1);
    }
}

#[test]
fn names_of_accounts_belong_to_the_same_zone() {
    let challenge = [account("example.com")];
    let name = format!("{}.", challenge[0].dns_name());
    assert_eq!(name, "_ujmmovf2vn55tgye._acme-challenge.example.com.");
    let (mut solver, address) = listening(&challenge);
    let ask = |name: &str, kind| by_udp(address, &query(name, kind));
    assert_eq!(texts(&ask(&name, RecordType::TXT)), [challenge[0].dns_value()]);
    let other_type = ask(&name, RecordType::A);
    assert_eq!(short(&other_type), (ResponseCode::NoError, 0, true));
    assert_eq!(other_type.authorities[0].name.to_ascii(), "_acme-challenge.example.com.");
    assert_eq!(good(&solver.withdraw(&challenge)), [true]);
    assert_eq!(short(&ask(&name, RecordType::TXT)), (ResponseCode::NXDomain, 0, true));
}

#[test]
fn letters_come_back_as_they_were_sent() {
    let (_solver, address) = listening(&[dns("example.com", 1)]);
    let question = query("_aCmE-ChAlLeNgE.ExAmPlE.cOm.", RecordType::TXT);
    let answer = by_udp(address, &question);
    assert_eq!(texts(&answer).len(), 1);
    assert_eq!(answer.answers[0].name.to_ascii(), "_aCmE-ChAlLeNgE.ExAmPlE.cOm.");
    assert_eq!(answer.queries[0].name().to_ascii(), "_aCmE-ChAlLeNgE.ExAmPlE.cOm.");
}

#[test]
fn serial_number_grows_with_each_change() {
    let (mut solver, address) = listening(&[]);
    let serial = || {
        let answer = by_udp(address, &query("_acme-challenge.example.com.", RecordType::SOA));
        let RData::SOA(soa) = &answer.answers[0].data else { panic!("no SOA") };
        soa.serial
    };
    let before = serial();
    assert_eq!(good(&solver.present(&[dns("example.com", 1)])), [true]);
    let between = serial();
    assert_eq!(good(&solver.withdraw(&[dns("example.com", 1)])), [true]);
    assert!(before < between && between < serial());
}

#[test]
fn what_is_too_large_for_a_packet_comes_over_tcp() {
    let challenges: Vec<Challenge> = (0..40).map(|n| dns("example.com", n)).collect();
    let (_solver, address) = listening(&challenges);
    let plain = query("_acme-challenge.example.com.", RecordType::TXT);
    let mut large = plain.clone();
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    large.set_edns(edns);
    for question in [&plain, &large] {
        let answer = by_udp(address, question);
        assert!(answer.metadata.truncation && answer.answers.is_empty());
        assert_eq!(answer.edns.is_some(), question.edns.is_some());
    }
    let mut stream = TcpStream::connect(address).unwrap();
    for _ in 0..2 {
        let answer = by_tcp(&mut stream, &plain);
        assert_eq!((texts(&answer).len(), answer.metadata.truncation), (40, false));
    }
    // Twelve values fit what resolvers ask for, and not into 512 octets.
    let (_solver, address) = listening(&challenges[..12]);
    assert!(by_udp(address, &plain).metadata.truncation);
    assert_eq!(texts(&by_udp(address, &large)).len(), 12);
}

#[test]
fn questions_that_are_none_are_refused_or_left_alone() {
    let (_solver, address) = listening(&[dns("example.com", 1)]);
    let whole = || query("_acme-challenge.example.com.", RecordType::TXT);
    let code = |question: &Message| by_udp(address, question).metadata.response_code;
    let mut update = whole();
    update.metadata.op_code = OpCode::Update;
    assert_eq!(code(&update), ResponseCode::NotImp);
    let mut two = whole();
    two.add_query(two.queries[0].clone());
    assert_eq!(code(&two), ResponseCode::FormErr);
    let mut chaos = whole();
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(code(&chaos), ResponseCode::Refused);
    let mut newer = whole();
    let mut edns = Edns::new();
    edns.set_version(1);
    newer.set_edns(edns);
    // BADVERS, which has the number of BADSIG.
    assert_eq!(u16::from(code(&newer)), u16::from(ResponseCode::BADVERS));

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let packet = whole().to_vec().unwrap();
    // Nothing, too little, a response: no answer. A header with a question that is cut off: one.
    for bytes in [&[][..], &packet[..5], &whole().into_response().to_vec().unwrap(), &packet[..20]] {
        socket.send_to(bytes, address).unwrap();
    }
    let mut buffer = [0; 512];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
    socket.send_to(&packet, address).unwrap();
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(
        texts(&Message::from_vec(&buffer[..length]).unwrap()).len(),
        1,
        "the first four had one answer"
    );
}

#[test]
fn mutilated_questions_stop_nobody() {
    let (_solver, address) = listening(&[dns("example.com", 1)]);
    let whole = query("_acme-challenge.example.com.", RecordType::TXT).to_vec().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    for at in 0..whole.len() {
        socket.send_to(&whole[..at], address).unwrap();
        for value in [0, 1, 0x3f, 0x7f, 0x80, 0xc0, 0xc0 | 12, 0xff] {
            let mut packet = whole.clone();
            packet[at] = value;
            socket.send_to(&packet, address).unwrap();
            let mut stream = TcpStream::connect(address).unwrap();
            let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length[..], &packet].concat()).unwrap();
        }
        // No answer is larger than what may be asked for, whatever it is an answer to.
        let mut buffer = [0; 65535];
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            assert!(length <= 512, "{length}");
        }
    }
    let question = query("_acme-challenge.example.com.", RecordType::TXT);
    assert_eq!(texts(&by_udp(address, &question)).len(), 1);
    assert_eq!(texts(&by_tcp(&mut TcpStream::connect(address).unwrap(), &question)).len(), 1);
}

#[test]
fn long_questions_and_silent_callers_keep_nobody_out() {
    let (_solver, address) = listening(&[dns("example.com", 1)]);
    let mut long = TcpStream::connect(address).unwrap();
    let length = u16::try_from(Dns01::MAX_QUESTION + 1).unwrap();
    long.write_all(&length.to_be_bytes()).unwrap();
    assert_eq!(long.read(&mut [0]).unwrap_or_default(), 0, "hung up");
    let _silent: Vec<TcpStream> =
        (0..2 * Dns01::MAX_CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut stream = TcpStream::connect(address).unwrap();
    let answer = by_tcp(&mut stream, &query("_acme-challenge.example.com.", RecordType::TXT));
    assert_eq!(texts(&answer).len(), 1);
}

#[test]
fn only_its_own_type_and_names() {
    let (mut solver, address) = listening(&[]);
    let challenges = [http("a.example", TOKEN), dns("b.example", 1)];
    assert_eq!(good(&solver.present(&challenges)), [false, true]);
    assert_eq!(good(&solver.withdraw(&challenges)), [false, true]);
    for name in ["a.example", "*.a.example"] {
        assert_eq!(
            solver.challenge_types(&identifier(name)),
            [ChallengeType::Dns01, ChallengeType::DnsAccount01]
        );
    }
    assert!(solver.challenge_types(&identifier("192.0.2.1")).is_empty());
    assert_eq!(format!("{solver:?}"), format!("Dns01 {{ address: {address}, .. }}"));
}

#[test]
fn a_port_in_use_and_a_name_that_is_none_are_said_to_be() {
    let (_solver, address) = listening(&[]);
    let in_use = Dns01::bind(address, "ns.example.net").unwrap_err();
    assert!(matches!(in_use, BindError::InUse { address: at } if at == address));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = UdpSocket::bind(udp).unwrap();
    assert!(matches!(Dns01::bind(udp, "ns.example.net"), Err(BindError::InUse { .. })), "over UDP, too");
    drop(holder);
    assert!(matches!(Dns01::bind("127.0.0.1:0", "a..b"), Err(BindError::ServerName(_))));
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use ::tokio::task::spawn_blocking;
    use acme_proto::AsyncSolver;
    use acme_solver::AsyncDns01;

    use super::*;

    #[::tokio::test]
    async fn answers_are_those_of_the_thread() {
        let challenges: Vec<Challenge> = (0..40).map(|n| dns("example.com", n)).collect();
        let (_blocking, expected) = listening(&challenges);
        let mut solver = AsyncDns01::bind("127.0.0.1:0", "ns.example.net").await.unwrap();
        assert_eq!(good(&solver.present(&challenges).await), [true; 40]);
        let address = solver.local_addr();
        spawn_blocking(move || {
            let [mut first, mut second] = [address, expected].map(|to| TcpStream::connect(to).unwrap());
            for name in ["_acme-challenge.example.com.", "x._acme-challenge.example.com.", "example.com."] {
                for kind in [RecordType::TXT, RecordType::SOA, RecordType::NS, RecordType::A] {
                    let question = query(name, kind);
                    assert_eq!(by_udp(address, &question), by_udp(expected, &question));
                    assert_eq!(by_tcp(&mut first, &question), by_tcp(&mut second, &question));
                }
            }
        })
        .await
        .unwrap();
        assert_eq!(good(&solver.withdraw(&challenges).await), [true; 40]);
        let question = query("_acme-challenge.example.com.", RecordType::TXT);
        let answer = spawn_blocking(move || by_udp(address, &question)).await.unwrap();
        assert!(texts(&answer).is_empty());
        assert_eq!(format!("{solver:?}"), format!("AsyncDns01 {{ address: {address}, .. }}"));
    }

    #[::tokio::test]
    async fn records_are_put_where_names_lead() {
        let solver = AsyncDns01::bind("127.0.0.1:0", "ns.example.net").await.unwrap();
        let solver = solver.serve_zone("acme.example.net").unwrap();
        let mut solver = solver.with_delegation(Arc::new(Led("a.acme.example.net")));
        assert_eq!(good(&solver.present(&[dns("example.com", 1)]).await), [true]);
        let (address, question) = (solver.local_addr(), query("a.acme.example.net.", RecordType::TXT));
        let ask = move || texts(&by_udp(address, &question));
        assert_eq!(spawn_blocking(ask.clone()).await.unwrap().len(), 1);
        assert_eq!(good(&solver.withdraw(&[dns("example.com", 1)]).await), [true]);
        assert!(spawn_blocking(ask).await.unwrap().is_empty());
    }

    #[::tokio::test]
    async fn the_last_clone_frees_the_port() {
        let solver = AsyncDns01::bind("127.0.0.1:0", "ns.example.net").await.unwrap();
        let address = solver.local_addr();
        drop(solver.clone());
        assert!(AsyncDns01::bind(address, "ns.example.net").await.is_err());
        drop(solver);
        while let Err(error) = AsyncDns01::bind(address, "ns.example.net").await {
            assert!(matches!(error, BindError::InUse { .. }), "{error}");
            ::tokio::task::yield_now().await;
        }
    }
}
