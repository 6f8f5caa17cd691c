//! One handshake, on a socket that does not block.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustix::event::PollFlags;
use rustls::{ServerConfig, ServerConnection};

use super::TlsAlpn01;
use crate::listener::{Conversation, Moved};

/// A handshake, then the end of the connection.
pub(super) struct Handshake {
    connection: ServerConnection,
    /// Bytes that came.
    read: usize,
    is_over: bool,
}

impl Handshake {
    pub(super) fn new(config: Arc<ServerConfig>) -> Option<Self> {
        let connection = ServerConnection::new(config).ok()?;
        Some(Self { connection, read: 0, is_over: false })
    }

    /// Takes in what came. After the end it is dropped: a close with bytes unread resets the
    /// connection, and the reset may overtake what was written.
    fn read(&mut self, mut stream: &TcpStream) -> Option<Moved> {
        let moved = Moved::by(|| self.connection.read_tls(&mut stream))?;
        if let Moved::Bytes(bytes) = moved {
            self.read += bytes;
            (self.read <= TlsAlpn01::MAX_READ).then_some(())?;
            // An error is an alert by now, which is sent like anything else.
            let is_refused = self.connection.process_new_packets().is_err();
            if !self.is_over && (is_refused || !self.connection.is_handshaking()) {
                self.is_over = true;
                self.connection.send_close_notify();
            }
        }
        Some(moved)
    }
}

impl Conversation for Handshake {
    fn wanted(&self) -> PollFlags {
        if self.connection.wants_write() { PollFlags::OUT } else { PollFlags::IN }
    }

    fn advance(&mut self, mut stream: &TcpStream) -> Option<()> {
        loop {
            let moved = if self.connection.wants_write() {
                let moved = Moved::by(|| self.connection.write_tls(&mut stream))?;
                if self.is_over && !self.connection.wants_write() {
                    stream.shutdown(Shutdown::Write).ok()?;
                }
                moved
            } else {
                self.read(stream)?
            };
            if matches!(moved, Moved::Blocked) {
                return Some(());
            }
        }
    }
}
