//! A name server that knows TXT records, on a free port, and a solver that writes them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use acme_lib::proto::{Challenge, SolverError};
use acme_lib::{ChallengeType, Identifier, Solver};

/// The records by lower-case name. Clones are the same server.
#[derive(Clone)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    pub(crate) records: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl NameServer {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = Self { address: socket.local_addr().unwrap(), records: Arc::default() };
        let shared = server.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&shared.answer(&buffer[..length]), peer);
            }
        });
        server
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.records.lock().unwrap().keys().cloned().collect()
    }

    /// Answers the one question of a message (RFC 1035, section 4.1).
    fn answer(&self, message: &[u8]) -> Vec<u8> {
        let mut labels = Vec::new();
        let mut at = HEADER;
        while message[at] != 0 {
            let end = at + 1 + usize::from(message[at]);
            labels.push(String::from_utf8_lossy(&message[at + 1..end]).to_ascii_lowercase());
            at = end;
        }
        let question = &message[HEADER..at + 5];
        let records = self.records.lock().unwrap();
        let texts = records.get(&labels.join(".")).filter(|_| question[question.len() - 3] == TXT);
        let texts = texts.cloned().unwrap_or_default();
        let mut answer = message[..2].to_vec();
        answer.extend([0x84, 0, 0, 1, 0, texts.len() as u8, 0, 0, 0, 0]);
        answer.extend(question);
        for text in texts {
            let strings: Vec<u8> = text
                .as_bytes()
                .chunks(255)
                .flat_map(|part| [&[part.len() as u8][..], part].concat())
                .collect();
            // A pointer to the question's name, then type, class, lifetime and length.
            answer.extend([0xc0, HEADER as u8, 0, TXT, 0, 1, 0, 0, 0, 0]);
            answer.extend((strings.len() as u16).to_be_bytes());
            answer.extend(strings);
        }
        answer
    }
}

/// Whoever writes records of one type of challenge.
pub(crate) struct RecordWriter {
    pub(crate) server: NameServer,
    pub(crate) kind: ChallengeType,
}

impl Solver for RecordWriter {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![self.kind.clone()]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        for challenge in challenges {
            let mut records = self.server.records.lock().unwrap();
            records.entry(challenge.dns_name()).or_default().push(challenge.dns_value());
        }
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        for challenge in challenges {
            self.server.records.lock().unwrap().remove(&challenge.dns_name());
        }
        challenges.iter().map(|_| Ok(())).collect()
    }
}

const HEADER: usize = 12;
const TXT: u8 = 16;
