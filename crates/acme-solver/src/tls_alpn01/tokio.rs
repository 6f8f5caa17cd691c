//! tls-alpn-01 answered from tokio.

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, SolverFuture};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::{TlsAlpn01, TlsAlpn01Responder};
use crate::listener::BindError;
use crate::listener::tokio::{Bound, Listening};
use crate::response::tls_types;

/// [`TlsAlpn01`] on tokio: a listener that answers tls-alpn-01 challenges, and nothing else.
///
/// The port is taken by [`AsyncTlsAlpn01::bind`], before any CA hears of a name; it is free again
/// soon after the last clone is dropped, and at the end of the runtime. Clones share the port and
/// the certificates. The limits are those of [`TlsAlpn01`].
#[derive(Clone)]
#[must_use = "the port is free again when the listener is dropped"]
pub struct AsyncTlsAlpn01 {
    address: SocketAddr,
    responder: TlsAlpn01Responder,
    _listening: Arc<Listening>,
}

impl AsyncTlsAlpn01 {
    /// Listens, as [`TlsAlpn01::bind`] does.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried.
    pub async fn bind(addresses: impl ToSocketAddrs + Send + 'static) -> Result<Self, BindError> {
        Self::start(Bound::at(addresses).await?)
    }

    /// Listens on a port of every address, of both families.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`AsyncTlsAlpn01::bind`].
    pub async fn bind_any(port: u16) -> Result<Self, BindError> {
        Self::bind((Ipv6Addr::UNSPECIFIED, port)).await
    }

    /// Takes over a socket that listens, such as one inherited from a service manager.
    ///
    /// # Errors
    ///
    /// [`BindError`], if the socket is none that listens.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn from_listener(listener: TcpListener) -> Result<Self, BindError> {
        Self::start(Bound::from_listener(listener)?)
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn start(bound: Bound) -> Result<Self, BindError> {
        let (address, responder) = (bound.address, TlsAlpn01Responder::new());
        let config = responder.server_config().map_err(|error| BindError::tls(address, error))?;
        let acceptor = TlsAcceptor::from(config);
        let listening = bound.serve(move |socket| shake_hands(acceptor.accept(socket)));
        Ok(Self { address, responder, _listening: listening })
    }
}

impl AsyncSolver for AsyncTlsAlpn01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        tls_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        AsyncSolver::present(&mut self.responder, challenges)
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        AsyncSolver::withdraw(&mut self.responder, challenges)
    }
}

impl fmt::Debug for AsyncTlsAlpn01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncTlsAlpn01").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A handshake, then the end of the connection.
pub(crate) async fn shake_hands(handshake: Accept<TcpStream>) -> io::Result<()> {
    let mut socket = match handshake.into_fallible().await {
        Ok(mut stream) => {
            stream.shutdown().await?;
            stream.into_inner().0
        }
        // The alert is sent.
        Err((_, mut socket)) => {
            socket.shutdown().await?;
            socket
        }
    };
    // A close with bytes unread resets the connection, and the reset may overtake what was written.
    let mut rest = (&mut socket).take(TlsAlpn01::MAX_READ as u64);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}
