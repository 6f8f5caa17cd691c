//! Packets over UDP, and over TCP with their length in front.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::Dns01;
use super::zones::{Way, Zones};
use crate::listener::{self, Moved};

/// Answers packets until the other end of `stopped` hangs up.
pub(super) fn serve_udp(socket: &UdpSocket, stopped: &UnixStream, zones: &Zones) {
    let mut buffer = [0; Dns01::MAX_QUESTION];
    loop {
        let mut fds = [PollFd::new(stopped, PollFlags::IN), PollFd::new(socket, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) if !fds[0].revents().is_empty() => return,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => {
                tracing::warn!(%errno, "the dns-01 listener stopped");
                return;
            }
        }
        match socket.recv_from(&mut buffer) {
            Ok((length, peer)) => {
                let answer = buffer.get(..length).and_then(|packet| zones.answer(packet, Way::Udp));
                // Who does not get it asks again.
                let _ = answer.map(|answer| socket.send_to(&answer, peer));
            }
            // An answer that could not be delivered is reported at the next read.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => tracing::debug!(%error, "no packet read"),
        }
    }
}

/// Questions and their answers, one after another.
pub(super) struct Conversation {
    zones: Arc<Zones>,
    question: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
}

impl Conversation {
    pub(super) fn new(zones: Arc<Zones>) -> Self {
        Self { zones, question: Vec::new(), answer: Vec::new(), sent: 0 }
    }

    fn is_writing(&self) -> bool {
        self.sent < self.answer.len()
    }

    /// Reads what is missing of a question; `None` at the end, and where it is too long.
    fn read(&mut self, mut stream: &TcpStream) -> Option<Moved> {
        let whole = length(&self.question)?;
        let filled = self.question.len();
        self.question.resize(whole, 0);
        let moved = Moved::by(|| stream.read(self.question.get_mut(filled..).unwrap_or_default()))?;
        let fresh = if let Moved::Bytes(bytes) = moved { bytes } else { 0 };
        self.question.truncate(filled + fresh);
        if let Some(packet) = packet(&self.question) {
            self.answer = framed(&self.zones.answer(packet, Way::Tcp)?)?;
            self.sent = 0;
            self.question.clear();
        }
        Some(moved)
    }

    fn write(&mut self, mut stream: &TcpStream) -> Option<Moved> {
        let rest = self.answer.get(self.sent..)?;
        let moved = Moved::by(|| stream.write(rest))?;
        if let Moved::Bytes(bytes) = moved {
            self.sent += bytes;
        }
        Some(moved)
    }
}

impl listener::Conversation for Conversation {
    fn wanted(&self) -> PollFlags {
        if self.is_writing() { PollFlags::OUT } else { PollFlags::IN }
    }

    fn advance(&mut self, stream: &TcpStream) -> Option<()> {
        loop {
            let moved = if self.is_writing() { self.write(stream)? } else { self.read(stream)? };
            if matches!(moved, Moved::Blocked) {
                return Some(());
            }
        }
    }
}

/// How long a question is with its length, as far as that is known; `None` if it is too long.
fn length(question: &[u8]) -> Option<usize> {
    let [high, low, ..] = *question else { return Some(LENGTH) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    (1..=Dns01::MAX_QUESTION).contains(&length).then_some(LENGTH + length)
}

/// The packet of a question that is whole.
fn packet(question: &[u8]) -> Option<&[u8]> {
    let packet = question.get(LENGTH..)?;
    (!packet.is_empty() && length(question)? == question.len()).then_some(packet)
}

/// An answer with its length in front; `None` for one that is longer than any can be.
pub(super) fn framed(answer: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(answer.len()).ok()?;
    Some([&length.to_be_bytes()[..], answer].concat())
}

/// Octets of the length (RFC 1035, section 4.2.2).
const LENGTH: usize = 2;
