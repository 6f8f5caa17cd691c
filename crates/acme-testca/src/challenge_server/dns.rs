//! The answers for the DNS.

use std::{io, sync::Arc, time::Duration};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, NULL, SOA, TXT},
    },
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

use super::{
    Shared,
    answers::{Answers, Policy, host},
    history::Kind,
};

pub(super) async fn serve_udp(socket: std::net::UdpSocket, shared: Arc<Shared>) {
    let Ok(socket) = UdpSocket::from_std(socket) else {
        return;
    };
    let mut buffer = [0; MAX_QUESTION];
    loop {
        // An error is that of an earlier answer, which nobody waited for.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let Some(mut answer) = buffer.get(..length).and_then(|question| answer(question, &shared)) else {
            continue;
        };
        let Ok(mut octets) = answer.to_vec() else {
            continue;
        };
        if octets.len() > MAX_DATAGRAM {
            answer.metadata.truncation = true;
            answer.answers.clear();
            octets = answer.to_vec().unwrap_or_default();
        }
        let _ = socket.send_to(&octets, peer).await;
    }
}

pub(super) async fn serve_tcp(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // What ends a connection is the client's doing.
            let _ = timeout(CONNECTION_LIMIT, converse(stream, &shared)).await;
        });
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await?;
        let answer = answer(&question, shared).ok_or(io::ErrorKind::InvalidData)?;
        let octets = answer.to_vec().map_err(io::Error::other)?;
        let length = u16::try_from(octets.len()).map_err(io::Error::other)?;
        stream.write_all(&[length.to_be_bytes().as_slice(), &octets].concat()).await?;
    }
}

fn answer(question: &[u8], shared: &Shared) -> Option<Message> {
    let question = Message::from_vec(question).ok()?;
    if question.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.response_code = ResponseCode::NoError;
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    for query in &question.queries {
        answer.add_query(query.clone());
        record(query, shared);
        match records(query, &shared.answers()) {
            Ok(records) => answer.answers.extend(records),
            Err(code) => answer.metadata.response_code = code,
        }
    }
    answer.authorities.extend(start_of_authority());
    Some(answer)
}

fn record(query: &Query, shared: &Shared) {
    let name = query.name().to_string();
    let event = json!({
        "Question": {
            "Name": name,
            "Qtype": u16::from(query.query_type()),
            "Qclass": u16::from(query.query_class()),
        },
    });
    shared.history().push(Kind::Dns, host(&name), event);
}

/// The records of one name; an alias is followed once.
fn records(query: &Query, answers: &Answers) -> Result<Vec<Record>, ResponseCode> {
    let mut name = query.name().clone();
    let mut key = host(&name.to_string());
    if answers.failing.contains(&key) {
        return Err(ResponseCode::ServFail);
    }
    let mut records = Vec::new();
    if let Some(target) = answers.cname.get(&key) {
        let target_name = Name::from_ascii(format!("{target}.")).map_err(|_| ResponseCode::ServFail)?;
        records.push(Record::from_rdata(name, 0, RData::CNAME(CNAME(target_name.clone()))));
        key = host(target);
        name = target_name;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "there are new types of records now and then")]
    let data: Vec<RData> = match query.query_type() {
        RecordType::A => {
            let known = answers.a.get(&key).map_or(answers.default_ipv4.as_slice(), Vec::as_slice);
            known.iter().map(|address| RData::A(A(*address))).collect()
        }
        RecordType::AAAA => {
            let known = answers.aaaa.get(&key).map_or(answers.default_ipv6.as_slice(), Vec::as_slice);
            known.iter().map(|address| RData::AAAA(AAAA(*address))).collect()
        }
        RecordType::TXT => {
            let texts = answers.txt.get(&key).into_iter().flatten();
            texts.map(|text| RData::TXT(TXT::from_bytes(strings(text)))).collect()
        }
        RecordType::CAA => answers.caa.get(&key).into_iter().flatten().map(policy).collect(),
        RecordType::CNAME => Vec::new(),
        _ => return Err(ResponseCode::NotImp),
    };
    records.extend(data.into_iter().map(|data| Record::from_rdata(name.clone(), 0, data)));
    Ok(records)
}

/// A text as the strings of one record, none of which can be longer than 255 octets.
fn strings(text: &str) -> Vec<&[u8]> {
    if text.is_empty() { vec![&[]] } else { text.as_bytes().chunks(MAX_STRING).collect() }
}

/// The data of a CAA record (RFC 8659 section 4.1), as it was told, right or wrong.
fn policy(policy: &Policy) -> RData {
    let tag = policy.tag.as_bytes();
    let length = u8::try_from(tag.len()).unwrap_or(u8::MAX);
    let octets = [&[policy.flags, length], tag, policy.value.as_bytes()].concat();
    RData::Unknown { code: RecordType::CAA, rdata: NULL::with(octets) }
}

/// Some clients look for the zone of a name before they ask for anything else.
fn start_of_authority() -> Option<Record> {
    let name = |text| Name::from_ascii(text).ok();
    let data = SOA::new(name("ns.challenges.invalid.")?, name("master.challenges.invalid.")?, 1, 1, 1, 1, 1);
    Some(Record::from_rdata(name("challenges.invalid.")?, 0, RData::SOA(data)))
}

const MAX_QUESTION: usize = 4096;
const MAX_DATAGRAM: usize = 1232;
const MAX_STRING: usize = 255;
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
