//! tls-alpn-01 answered on a port of our own.

mod handshake;
mod responder;
#[cfg(feature = "tokio")]
mod tokio;

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};

use crate::listener::{self, BindError, Listener};
use crate::response::tls_types;
use handshake::Handshake;

#[cfg(feature = "tokio")]
pub use self::tokio::AsyncTlsAlpn01;
#[cfg(feature = "tokio")]
pub(crate) use self::tokio::shake_hands;
pub use responder::TlsAlpn01Responder;

/// A listener that answers tls-alpn-01 challenges, and nothing else.
///
/// The port is taken by [`TlsAlpn01::bind`], before any CA hears of a name, and is free again when
/// the value is dropped. A handshake succeeds if it offers the protocol `acme-tls/1`, that one
/// alone, for a name whose challenge was presented; every other ends in an alert. After the
/// handshake the connection is closed: nothing is ever sent or read within it.
///
/// At most [`TlsAlpn01::MAX_CONNECTIONS`] connections are open at a time; one more closes the
/// oldest. A connection ends after [`TlsAlpn01::TIME_LIMIT`], however it is doing.
///
/// <https://www.rfc-editor.org/rfc/rfc8737#section-3>
#[must_use = "the port is free again when the listener is dropped"]
pub struct TlsAlpn01 {
    responder: TlsAlpn01Responder,
    listener: Listener,
}

impl TlsAlpn01 {
    /// Most connections at a time.
    pub const MAX_CONNECTIONS: usize = listener::MAX_CONNECTIONS;
    /// Most bytes of a client that are read.
    pub const MAX_READ: usize = 64 * 1024;
    /// How long a connection lives at most.
    pub const TIME_LIMIT: Duration = listener::TIME_LIMIT;

    /// Listens on the first address that can be had, such as `"0.0.0.0:443"` or `"127.0.0.1:0"`.
    ///
    /// `"[::]:443"` stands for both address families, as it does for
    /// [`Http01::bind`](crate::Http01::bind).
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried.
    pub fn bind(addresses: impl ToSocketAddrs) -> Result<Self, BindError> {
        let (listener, address) = listener::listen(addresses)?;
        Self::start(listener, address, Self::TIME_LIMIT)
    }

    /// Listens on a port of every address, of both families.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`TlsAlpn01::bind`].
    pub fn bind_any(port: u16) -> Result<Self, BindError> {
        Self::bind((Ipv6Addr::UNSPECIFIED, port))
    }

    /// Takes over a socket that listens, such as one inherited from a service manager.
    ///
    /// # Errors
    ///
    /// [`BindError`], if the socket is none that listens.
    pub fn from_listener(listener: TcpListener) -> Result<Self, BindError> {
        let address = listener::take_over(&listener)?;
        Self::start(listener, address, Self::TIME_LIMIT)
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    fn start(listener: TcpListener, address: SocketAddr, time_limit: Duration) -> Result<Self, BindError> {
        let responder = TlsAlpn01Responder::new();
        let config = responder.server_config().map_err(|error| BindError::tls(address, error))?;
        let converse = move || Handshake::new(Arc::clone(&config));
        let listener = Listener::start("acme-tls-alpn-01", listener, time_limit, converse)?;
        Ok(Self { responder, listener })
    }
}

impl Solver for TlsAlpn01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        tls_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        Solver::present(&mut self.responder, challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        Solver::withdraw(&mut self.responder, challenges)
    }
}

impl fmt::Debug for TlsAlpn01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAlpn01").field("address", &self.local_addr()).finish_non_exhaustive()
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
        let _solver = TlsAlpn01::start(listener, address, Duration::from_millis(50)).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        // The head of a record of 16 KiB, whose body comes by single bytes.
        stream.write_all(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc").unwrap();
        let mut trickled = 0;
        // Ends by end of file or a reset; as long as the connection lives, reads time out.
        while matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock) {
            trickled += usize::from(stream.write(b"a").is_ok());
        }
        assert!(trickled < 0x3000, "closed by time, not by size");
    }
}
