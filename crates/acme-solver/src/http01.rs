//! http-01 answered on a port of our own.

mod conversation;
mod request;
#[cfg(feature = "tokio")]
mod service;
mod stateless;
#[cfg(feature = "tokio")]
mod tokio;

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};

use crate::listener::{self, BindError, Listener};
use crate::response::{http_token, http_types};
use conversation::{Answers, Conversation};

#[cfg(feature = "tokio")]
pub use self::tokio::{AsyncHttp01, Http01Responder};
pub use stateless::StatelessHttp01;

/// A listener that answers http-01 challenges, and nothing else.
///
/// The port is taken by [`Http01::bind`], before any CA hears of a name, and is free again when
/// the value is dropped. Responses are served to whoever asks for a token that was presented,
/// under any `Host`; everything else is 404.
///
/// At most [`Http01::MAX_CONNECTIONS`] connections are open at a time; one more closes the oldest.
/// A connection ends after [`Http01::TIME_LIMIT`], however it is doing.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.3>
#[must_use = "the port is free again when the listener is dropped"]
pub struct Http01 {
    answers: Arc<Answers>,
    listener: Listener,
}

impl Http01 {
    /// Most connections at a time.
    pub const MAX_CONNECTIONS: usize = listener::MAX_CONNECTIONS;
    /// Most bytes of a request's line and headers.
    pub const MAX_REQUEST: usize = 8 * 1024;
    /// How long a connection lives at most.
    pub const TIME_LIMIT: Duration = listener::TIME_LIMIT;

    /// Listens on the first address that can be had, such as `"0.0.0.0:80"` or `"127.0.0.1:0"`.
    ///
    /// `"[::]:80"` stands for both address families: it takes IPv4 connections too, whatever the
    /// system's default, and is `0.0.0.0` where the system has no IPv6.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried.
    pub fn bind(addresses: impl ToSocketAddrs) -> Result<Self, BindError> {
        let (listener, _) = listener::listen(addresses)?;
        Self::start(listener, Self::TIME_LIMIT)
    }

    /// Listens on a port of every address, of both families.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`Http01::bind`].
    pub fn bind_any(port: u16) -> Result<Self, BindError> {
        Self::bind((Ipv6Addr::UNSPECIFIED, port))
    }

    /// Takes over a socket that listens, such as one inherited from a service manager.
    ///
    /// # Errors
    ///
    /// [`BindError`], if the socket is none that listens.
    pub fn from_listener(listener: TcpListener) -> Result<Self, BindError> {
        listener::take_over(&listener)?;
        Self::start(listener, Self::TIME_LIMIT)
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    fn start(listener: TcpListener, time_limit: Duration) -> Result<Self, BindError> {
        let answers = Arc::new(Answers::new());
        let shared = Arc::clone(&answers);
        let converse = move || Some(Conversation::new(Arc::clone(&shared)));
        let listener = Listener::start("acme-http-01", listener, time_limit, converse)?;
        Ok(Self { answers, listener })
    }
}

impl Solver for Http01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        http_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let present = |challenge: &Challenge| {
            self.answers.insert(http_token(challenge)?, challenge.key_authorization());
            tracing::debug!(identifier = %challenge.identifier, "http-01 response presented");
            Ok(())
        };
        challenges.iter().map(present).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let withdraw = |challenge: &Challenge| {
            self.answers.remove(http_token(challenge)?);
            tracing::debug!(identifier = %challenge.identifier, "http-01 response withdrawn");
            Ok(())
        };
        challenges.iter().map(withdraw).collect()
    }
}

impl fmt::Debug for Http01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http01").field("address", &self.local_addr()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_trickle_does_not_extend_the_time_limit() {
        let (listener, address) = listener::listen("127.0.0.1:0").unwrap();
        let _solver = Http01::start(listener, Duration::from_millis(50)).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        stream.write_all(b"GET /").unwrap();
        let mut trickled = 0;
        // Ends by end of file or a reset; as long as the connection lives, reads time out.
        while matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock) {
            trickled += usize::from(stream.write(b"a").is_ok());
        }
        assert!(trickled < Http01::MAX_REQUEST / 2, "closed by time, not by size");
    }
}
