//! Questions to one DNS server: over UDP, all at once, and over TCP where an answer is too large.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RecordType};

/// What to ask: a name, and a type of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) kind: RecordType,
}

impl Question {
    /// The message that asks.
    pub(super) fn message(&self, recursion: bool, is_validating: bool) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = recursion;
        message.metadata.checking_disabled = !is_validating;
        message.add_query(Query::query(self.name.clone(), self.kind));
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD);
        message.set_edns(edns);
        message
    }
}

/// Who is asked, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Whether the server is to ask others, as a resolver does.
    pub(super) recursion: bool,
    /// Whether a resolver is to check DNSSEC, where it does.
    pub(super) is_validating: bool,
    /// How long one try may take.
    pub(super) time_limit: Duration,
}

impl Peer {
    /// Asks everything, and returns an answer for each question, in the same order.
    pub(super) fn ask(&self, questions: &[Question]) -> Vec<io::Result<Message>> {
        questions.chunks(AT_ONCE).flat_map(|questions| self.ask_some(questions)).collect()
    }

    /// Asks one thing.
    pub(super) fn ask_one(&self, question: Question) -> io::Result<Message> {
        self.ask(&[question]).pop().unwrap_or_else(|| Err(io::ErrorKind::InvalidInput.into()))
    }

    fn ask_some(&self, questions: &[Question]) -> Vec<io::Result<Message>> {
        let messages: Vec<_> =
            questions.iter().map(|question| question.message(self.recursion, self.is_validating)).collect();
        let answers = match self.by_udp(&messages) {
            Ok(answers) => answers,
            Err(error) => return messages.iter().map(|_| Err(copy(&error))).collect(),
        };
        let complete = |(answer, message): (Option<Message>, &Message)| match answer {
            Some(answer) if answer.metadata.truncation => self.by_tcp(message),
            Some(answer) => Ok(answer),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        answers.into_iter().zip(&messages).map(complete).collect()
    }

    /// Sends what is not answered yet, up to [`TRIES`] times.
    fn by_udp(&self, messages: &[Message]) -> io::Result<Vec<Option<Message>>> {
        let own: IpAddr = match self.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0))?;
        socket.connect(self.address)?;
        let mut answers: Vec<Option<Message>> = messages.iter().map(|_| None).collect();
        for _ in 0..TRIES {
            for (message, _) in messages.iter().zip(&answers).filter(|(_, answer)| answer.is_none()) {
                socket.send(&message.to_vec().map_err(io::Error::other)?)?;
            }
            self.collect(&socket, messages, &mut answers)?;
            if answers.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(answers)
    }

    fn collect(
        &self,
        socket: &UdpSocket,
        messages: &[Message],
        answers: &mut [Option<Message>],
    ) -> io::Result<()> {
        let end = Instant::now() + self.time_limit;
        let mut buffer = [0; UDP_PAYLOAD as usize];
        while answers.iter().any(Option::is_none) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_timeout(&error) => break,
                Err(error) => return Err(error),
            };
            // What answers no question may be an answer to an earlier one, or made up.
            let Ok(answer) = Message::from_vec(buffer.get(..length).unwrap_or_default()) else { continue };
            if let Some(at) = messages.iter().position(|message| answers_to(&answer, message))
                && let Some(place) = answers.get_mut(at)
            {
                *place = Some(answer);
            }
        }
        Ok(())
    }

    fn by_tcp(&self, message: &Message) -> io::Result<Message> {
        let mut stream = TcpStream::connect_timeout(&self.address, self.time_limit)?;
        stream.set_read_timeout(Some(self.time_limit))?;
        stream.set_write_timeout(Some(self.time_limit))?;
        let octets = message.to_vec().map_err(io::Error::other)?;
        let length = u16::try_from(octets.len()).map_err(io::Error::other)?;
        stream.write_all(&[length.to_be_bytes().as_slice(), &octets].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut octets = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut octets)?;
        let answer = Message::from_vec(&octets).map_err(io::Error::other)?;
        if answers_to(&answer, message) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

pub(super) fn answers_to(answer: &Message, question: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

/// Questions that are out at once: their answers have to fit the socket's buffer.
const AT_ONCE: usize = 64;
const UDP_PAYLOAD: u16 = 1232;
const TRIES: usize = 2;
