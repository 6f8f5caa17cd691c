//! The listener's thread: one poll loop over a fixed number of slots.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use acme_proto::Challenge;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Http01;
use super::request::Request;

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

pub(super) struct Server {
    listener: TcpListener,
    stopped: UnixStream,
    answers: Arc<Answers>,
    time_limit: Duration,
    slots: Vec<Slot>,
    /// Until when no connection is accepted, after the system had no descriptor for one.
    paused: Option<Instant>,
}

impl Server {
    pub(super) fn new(
        listener: TcpListener,
        stopped: UnixStream,
        answers: Arc<Answers>,
        time_limit: Duration,
    ) -> Self {
        let slots = (0..Http01::MAX_CONNECTIONS).map(|_| Slot::default()).collect();
        Self { listener, stopped, answers, time_limit, slots, paused: None }
    }

    /// Serves until the other end of `stopped` hangs up.
    pub(super) fn run(mut self) {
        loop {
            self.expire(Instant::now());
            match self.wait() {
                Ok(Ready { stop: true, .. }) => return,
                Ok(ready) => self.serve(&ready),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    tracing::warn!(%errno, "the http-01 listener stopped");
                    return;
                }
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.connection.take_if(|connection| connection.deadline <= now);
        }
        self.paused.take_if(|until| *until <= now);
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let wanted = if self.paused.is_some() { PollFlags::empty() } else { PollFlags::IN };
        let mut fds = Vec::with_capacity(2 + self.slots.len());
        fds.push(PollFd::new(&self.stopped, PollFlags::IN));
        fds.push(PollFd::new(&self.listener, wanted));
        let open =
            self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.connection.as_ref()?)));
        let (open, polled): (Vec<usize>, Vec<PollFd<'_>>) =
            open.map(|(at, connection)| (at, PollFd::new(&connection.stream, connection.wanted()))).unzip();
        fds.extend(polled);
        poll(&mut fds, self.time_left().as_ref())?;
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let mut ready = fds.iter().map(is_ready);
        Ok(Ready {
            stop: ready.next().unwrap_or(true),
            accept: ready.next().unwrap_or(false),
            slots: open.into_iter().zip(ready).filter_map(|(at, ready)| ready.then_some(at)).collect(),
        })
    }

    /// Until the first deadline; `None` if nothing has one.
    fn time_left(&self) -> Option<Timespec> {
        let deadlines = self.slots.iter().filter_map(|slot| Some(slot.connection.as_ref()?.deadline));
        let first = deadlines.chain(self.paused).min()?;
        // No deadline is further off than the time limit, so the conversion can't fail.
        Timespec::try_from(first.saturating_duration_since(Instant::now())).ok()
    }

    fn serve(&mut self, ready: &Ready) {
        for at in &ready.slots {
            if let Some(slot) = self.slots.get_mut(*at) {
                slot.advance(&self.answers);
            }
        }
        if ready.accept && self.paused.is_none() {
            self.accept();
        }
    }

    fn accept(&mut self) {
        match self.listener.accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                let deadline = Instant::now() + self.time_limit;
                let connection = Connection { stream, deadline, phase: Phase::Reading { filled: 0 } };
                // A free slot, else the oldest connection's: who is slow must not keep others out.
                let oldest =
                    self.slots.iter_mut().min_by_key(|slot| slot.connection.as_ref().map(|c| c.deadline));
                if let Some(slot) = oldest {
                    slot.connection = Some(connection);
                }
            }
            Ok(_) => {}
            Err(error) if is_transient(error.kind()) || error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::debug!(%error, "no connection accepted for a moment");
                self.paused = Some(Instant::now() + PAUSE);
            }
        }
    }
}

struct Ready {
    stop: bool,
    accept: bool,
    slots: Vec<usize>,
}

struct Slot {
    buffer: Box<[u8; Http01::MAX_REQUEST]>,
    connection: Option<Connection>,
}

impl Slot {
    fn advance(&mut self, answers: &Answers) {
        let is_over =
            |connection: &mut Connection| connection.advance(&mut self.buffer[..], answers).is_none();
        self.connection.take_if(is_over);
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self { buffer: Box::new([0; Http01::MAX_REQUEST]), connection: None }
    }
}

struct Connection {
    stream: TcpStream,
    deadline: Instant,
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

impl Connection {
    fn wanted(&self) -> PollFlags {
        match self.phase {
            Phase::Reading { .. } | Phase::Draining { .. } => PollFlags::IN,
            Phase::Writing { .. } => PollFlags::OUT,
        }
    }

    /// Goes on as far as it can without blocking; `None` when the connection is over.
    fn advance(&mut self, buffer: &mut [u8], answers: &Answers) -> Option<()> {
        loop {
            let step = match &mut self.phase {
                Phase::Reading { filled } => match read(&self.stream, buffer.get_mut(*filled..)?)? {
                    Moved::Bytes(fresh) => {
                        *filled += fresh;
                        let request = Request::read(buffer.get(..*filled)?, fresh);
                        let too_large = *filled == buffer.len() && request == Request::Incomplete;
                        let request = if too_large { Request::Malformed } else { request };
                        answers.find(&request).map(|(answer, is_head)| {
                            let length = if is_head { answer.head } else { answer.bytes.len() };
                            Phase::Writing { answer, sent: 0, length }
                        })
                    }
                    Moved::Blocked => return Some(()),
                },
                Phase::Writing { answer, sent, length } => {
                    match write(&self.stream, answer.bytes.get(*sent..*length)?)? {
                        Moved::Bytes(bytes) => *sent += bytes,
                        Moved::Blocked => return Some(()),
                    }
                    (sent == length).then_some(Phase::Draining { drained: 0 })
                }
                Phase::Draining { drained } => match read(&self.stream, buffer)? {
                    Moved::Bytes(bytes) => {
                        *drained += bytes;
                        (*drained <= MAX_DRAINED).then_some(None)?
                    }
                    Moved::Blocked => return Some(()),
                },
            };
            if let Some(phase) = step {
                if matches!(phase, Phase::Draining { .. }) {
                    self.stream.shutdown(Shutdown::Write).ok()?;
                }
                self.phase = phase;
            }
        }
    }
}

enum Moved {
    Blocked,
    Bytes(usize),
}

/// Reads once; `None` at the end of the stream.
fn read(mut stream: &TcpStream, buffer: &mut [u8]) -> Option<Moved> {
    moved(|| stream.read(buffer))
}

/// Writes once; `None` when the other side is gone.
fn write(mut stream: &TcpStream, bytes: &[u8]) -> Option<Moved> {
    moved(|| stream.write(bytes))
}

fn moved(mut act: impl FnMut() -> std::io::Result<usize>) -> Option<Moved> {
    match act() {
        Ok(0) => None,
        Ok(bytes) => Some(Moved::Bytes(bytes)),
        Err(error) if is_transient(error.kind()) => Some(Moved::Blocked),
        Err(_) => None,
    }
}

fn is_transient(kind: ErrorKind) -> bool {
    [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&kind)
}

/// How long a listener without descriptors leaves its callers in the queue.
const PAUSE: Duration = Duration::from_millis(100);

/// Most bytes of a client that are read after its answer.
const MAX_DRAINED: usize = 64 * 1024;
