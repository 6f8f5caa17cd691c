//! Questions to the resolver: over UDP, and over TCP where an answer is too large for that.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, MessageType, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::problem::Problem;

/// What a resolver says about a name and a type of record.
#[derive(Debug)]
pub(super) struct Records {
    /// The records of that type, where the CNAMEs end.
    pub(super) found: Vec<RData>,
    /// Whether the name exists.
    pub(super) name_exists: bool,
}

/// Asks for the records of a name, and follows CNAMEs (RFC 1034 section 3.6.2).
pub(super) async fn look_up(server: SocketAddr, name: &str, kind: RecordType) -> Result<Records, Problem> {
    let mut current = Name::from_ascii(format!("{name}."))
        .map_err(|_| problem(name, kind, "it cannot be asked for: it is no domain name"))?;
    for _ in 0..=MAX_CNAMES {
        let answer = ask(server, &current, kind)
            .await
            .map_err(|error| problem(name, kind, &format!("the resolver at {server} failed: {error}")))?;
        let code = answer.metadata.response_code;
        if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
            return Err(problem(name, kind, &format!("the resolver at {server} answered {code}")));
        }
        let end = end_of_chain(&answer, &current);
        let found = records_of(&answer, &end, kind);
        if !found.is_empty() || end == current || code == ResponseCode::NXDomain {
            return Ok(Records { found, name_exists: code == ResponseCode::NoError });
        }
        current = end;
    }
    Err(problem(name, kind, "it has too many CNAMEs one after the other"))
}

/// The records of a name in an answer.
fn records_of(answer: &Message, name: &Name, kind: RecordType) -> Vec<RData> {
    let of_name = answer.answers.iter().filter(|record| record.name == *name && record.record_type() == kind);
    of_name.map(|record| record.data.clone()).collect()
}

/// Where the CNAMEs of an answer lead to from a name on.
fn end_of_chain(answer: &Message, start: &Name) -> Name {
    let mut end = start;
    for _ in 0..answer.answers.len() {
        let mut of_name = answer.answers.iter().filter(|record| record.name == *end);
        let next = of_name.find_map(|record| {
            let RData::CNAME(target) = &record.data else {
                return None;
            };
            Some(&target.0)
        });
        match next {
            Some(next) => end = next,
            None => break,
        }
    }
    end.clone()
}

async fn ask(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Message> {
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    question.set_edns(edns);
    let octets = question.to_vec().map_err(io::Error::other)?;
    for _ in 0..TRIES {
        match timeout(TRY_LIMIT, ask_by_udp(server, &octets, &question)).await {
            Ok(Ok(answer)) if !answer.metadata.truncation => return Ok(answer),
            Ok(Ok(_)) => return timeout(TCP_LIMIT, ask_by_tcp(server, &octets, &question)).await?,
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn ask_by_udp(server: SocketAddr, octets: &[u8], question: &Message) -> io::Result<Message> {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(server).await?;
    socket.send(octets).await?;
    let mut buffer = [0; UDP_PAYLOAD as usize];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = Message::from_vec(buffer.get(..length).unwrap_or_default());
        // What does not answer the question may be an answer to an earlier one.
        if let Ok(answer) = answer
            && answers(&answer, question)
        {
            return Ok(answer);
        }
    }
}

async fn ask_by_tcp(server: SocketAddr, octets: &[u8], question: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(octets.len()).map_err(io::Error::other)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), octets].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; length.into()];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(io::Error::other)?;
    if answers(&answer, question) {
        return Ok(answer);
    }
    Err(io::ErrorKind::InvalidData.into())
}

fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries
}

fn problem(name: &str, kind: RecordType, what: &str) -> Problem {
    Problem::new("dns", 400, format!("{kind} of {name}: {what}"))
}

const MAX_CNAMES: usize = 8;
const UDP_PAYLOAD: u16 = 1232;
const TRIES: usize = 3;
const TRY_LIMIT: Duration = Duration::from_secs(2);
const TCP_LIMIT: Duration = Duration::from_secs(4);
