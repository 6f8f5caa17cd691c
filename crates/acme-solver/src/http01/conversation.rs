//! What is said on a connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_proto::Challenge;
use rustix::event::PollFlags;

use super::Http01;
use super::request::Request;
use crate::listener::{self, MAX_DRAINED, Moved};

/// All answers there are, made beforehand, so that no request makes one.
pub(super) struct Answers {
    bad_request: Arc<Answer>,
    not_found: Arc<Answer>,
    other_method: Arc<Answer>,
    tokens: Mutex<BTreeMap<String, Arc<Answer>>>,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            bad_request: Answer::new("400 Bad Request", "text/plain", "bad request\n"),
            not_found: Answer::new("404 Not Found", "text/plain", "no such ACME challenge\n"),
            other_method: Answer::new(
                "405 Method Not Allowed\r\nAllow: GET, HEAD",
                "text/plain",
                "GET only\n",
            ),
            tokens: Mutex::default(),
        }
    }

    pub(super) fn insert(&self, token: &str, key_authorization: &str) {
        let answer = Answer::new("200 OK", "application/octet-stream", key_authorization);
        self.tokens().insert(token.to_owned(), answer);
    }

    pub(super) fn remove(&self, token: &str) {
        self.tokens().remove(token);
    }

    /// The answer to a request, and whether to leave out its body.
    fn find(&self, request: &Request<'_>) -> Option<(Arc<Answer>, bool)> {
        match request {
            Request::Incomplete => None,
            Request::Malformed => Some((Arc::clone(&self.bad_request), false)),
            Request::OtherMethod => Some((Arc::clone(&self.other_method), false)),
            Request::Path { path, is_head } => {
                let token = path.strip_prefix(Challenge::HTTP_PREFIX);
                let answer = token.and_then(|token| self.tokens().get(token).map(Arc::clone));
                Some((answer.unwrap_or_else(|| Arc::clone(&self.not_found)), *is_head))
            }
        }
    }

    fn tokens(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Answer>>> {
        // A map between two operations is whole, whoever panicked.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Answer {
    bytes: Vec<u8>,
    head: usize,
}

impl Answer {
    fn new(status: &str, kind: &str, body: &str) -> Arc<Self> {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        let head = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        Arc::new(Self { bytes, head })
    }
}

/// A request and its answer.
pub(super) struct Conversation {
    answers: Arc<Answers>,
    buffer: Box<[u8; Http01::MAX_REQUEST]>,
    phase: Phase,
}

enum Phase {
    Reading {
        filled: usize,
    },
    Writing {
        answer: Arc<Answer>,
        sent: usize,
        length: usize,
    },
    /// The answer is sent. What the client still sends is read and dropped, because a close with
    /// bytes unread resets the connection, and the reset may overtake the answer.
    Draining {
        drained: usize,
    },
}

impl Conversation {
    pub(super) fn new(answers: Arc<Answers>) -> Self {
        Self { answers, buffer: Box::new([0; Http01::MAX_REQUEST]), phase: Phase::Reading { filled: 0 } }
    }
}

impl listener::Conversation for Conversation {
    fn wanted(&self) -> PollFlags {
        match self.phase {
            Phase::Reading { .. } | Phase::Draining { .. } => PollFlags::IN,
            Phase::Writing { .. } => PollFlags::OUT,
        }
    }

    fn advance(&mut self, mut stream: &TcpStream) -> Option<()> {
        let buffer = &mut self.buffer[..];
        loop {
            let step = match &mut self.phase {
                Phase::Reading { filled } => {
                    match Moved::by(|| stream.read(buffer.get_mut(*filled..).unwrap_or_default()))? {
                        Moved::Bytes(fresh) => {
                            *filled += fresh;
                            let request = Request::read(buffer.get(..*filled)?, fresh);
                            let too_large = *filled == buffer.len() && request == Request::Incomplete;
                            let request = if too_large { Request::Malformed } else { request };
                            self.answers.find(&request).map(|(answer, is_head)| {
                                let length = if is_head { answer.head } else { answer.bytes.len() };
                                Phase::Writing { answer, sent: 0, length }
                            })
                        }
                        Moved::Blocked => return Some(()),
                    }
                }
                Phase::Writing { answer, sent, length } => {
                    let rest = answer.bytes.get(*sent..*length)?;
                    match Moved::by(|| stream.write(rest))? {
                        Moved::Bytes(bytes) => *sent += bytes,
                        Moved::Blocked => return Some(()),
                    }
                    (sent == length).then_some(Phase::Draining { drained: 0 })
                }
                Phase::Draining { drained } => match Moved::by(|| stream.read(buffer))? {
                    Moved::Bytes(bytes) => {
                        *drained += bytes;
                        (*drained <= MAX_DRAINED).then_some(None)?
                    }
                    Moved::Blocked => return Some(()),
                },
            };
            if let Some(phase) = step {
                if matches!(phase, Phase::Draining { .. }) {
                    stream.shutdown(Shutdown::Write).ok()?;
                }
                self.phase = phase;
            }
        }
    }
}
