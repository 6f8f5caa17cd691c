//! tls-alpn-01 in front of a TLS server that is already there, and knows nothing of it.

mod answer;
mod connection;
mod counts;
mod hello;
mod proxy_header;
mod pump;
mod serve;
mod threads;

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, SolverFuture};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::listener::BindError;
use crate::listener::tokio::{Bound, Listening};
use crate::response::tls_types;
use crate::tls_alpn01::TlsAlpn01Responder;
use connection::Route;
use counts::Counters;

pub use counts::RelayCounts;
pub use proxy_header::ProxyHeader;
pub use threads::TlsAlpn01Relay;

/// Where a relay passes connections on to.
///
/// ```
/// use acme_solver::{ProxyHeader, RelayConfig};
///
/// let config = RelayConfig::to("127.0.0.1:8443".parse()?).proxy_header(ProxyHeader::V2);
/// # let _ = config;
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a relay is bound with it"]
pub struct RelayConfig {
    to: SocketAddr,
    acme_to: Option<SocketAddr>,
    header: Option<ProxyHeader>,
}

impl RelayConfig {
    /// Passes connections on to the server at an address.
    pub fn to(server: SocketAddr) -> Self {
        Self { to: server, acme_to: None, header: None }
    }

    /// Passes connections for challenges that are not in place here on to another address, where
    /// [`TlsAlpn01`](crate::TlsAlpn01) of another process may listen.
    ///
    /// While nobody listens there they end in an alert, and the server does not see them.
    pub fn acme_to(mut self, address: SocketAddr) -> Self {
        self.acme_to = Some(address);
        self
    }

    /// Tells the server whose connection it is, by a header in front of it.
    ///
    /// The server has to expect one: `listen … proxy_protocol` in nginx.
    pub fn proxy_header(mut self, header: ProxyHeader) -> Self {
        self.header = Some(header);
        self
    }
}

/// A relay in front of a TLS server, which answers tls-alpn-01 challenges and nothing else, on tokio.
///
/// It reads the ClientHello of each connection. One that offers the protocol `acme-tls/1`, that one
/// alone, for a name whose challenge was presented is answered here. Every other connection is
/// passed on, both ways and as it is: the ClientHello and all that follows, the end of one
/// direction before the other's, resets, and a receiver that reads slowly. What is no TLS is passed
/// on too.
///
/// So is a connection for a challenge that is not in place here: the server may be an ACME client
/// itself, as Caddy and Apache's `mod_md` are, and answers its own challenges then. See
/// [`RelayConfig::acme_to`] for another way.
///
/// A caller has [`AsyncTlsAlpn01Relay::HELLO_TIME_LIMIT`] for its ClientHello, of which
/// [`AsyncTlsAlpn01Relay::MAX_HELLO`] bytes are looked at. After that a connection may be silent for
/// as long as both sides are there. At [`AsyncTlsAlpn01Relay::MAX_CONNECTIONS`] connections, more
/// callers wait until one ends.
///
/// Clones share the port and the certificates. The port is free again soon after the last clone is
/// dropped, and the connections end; [`AsyncTlsAlpn01Relay::finish`] lets them come to their end.
///
/// <https://www.rfc-editor.org/rfc/rfc8737#section-3>
#[derive(Clone)]
#[must_use = "connections end when the relay is dropped"]
pub struct AsyncTlsAlpn01Relay {
    address: SocketAddr,
    responder: TlsAlpn01Responder,
    counters: Arc<Counters>,
    /// Its receiver is the listener's task, which ends after its last connection.
    stop: Arc<watch::Sender<bool>>,
    listening: Arc<Listening>,
}

impl AsyncTlsAlpn01Relay {
    /// How long the connection to a server may take.
    pub const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(10);
    /// How long a caller may take for its ClientHello.
    pub const HELLO_TIME_LIMIT: Duration = Duration::from_secs(10);
    /// After how long a silence each side is asked whether it is still there.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(300);
    /// Most connections at a time.
    pub const MAX_CONNECTIONS: usize = 16 * 1024;
    /// Most bytes that are looked at for a ClientHello; what is larger is passed on.
    pub const MAX_HELLO: usize = 64 * 1024;

    /// Listens on the first address that can be had, as [`TlsAlpn01::bind`](crate::TlsAlpn01::bind)
    /// does.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried. Whether the server is there shows with the first
    /// connection only.
    pub async fn bind(
        addresses: impl ToSocketAddrs + Send + 'static,
        config: &RelayConfig,
    ) -> Result<Self, BindError> {
        let (listener, address) = Bound::at(addresses).await?.into_parts();
        Self::start(listener, address, config)
    }

    /// Listens on a port of every address, of both families.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`AsyncTlsAlpn01Relay::bind`].
    pub async fn bind_any(port: u16, config: &RelayConfig) -> Result<Self, BindError> {
        Self::bind((Ipv6Addr::UNSPECIFIED, port), config).await
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
    pub fn from_listener(listener: TcpListener, config: &RelayConfig) -> Result<Self, BindError> {
        let (listener, address) = Bound::from_listener(listener)?.into_parts();
        Self::start(listener, address, config)
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> RelayCounts {
        self.counters.read()
    }

    /// Listens no more, and waits for the connections to end, so long at most; then ends those that
    /// are left.
    ///
    /// Of what is returned, [`RelayCounts::open`] is how many those were.
    pub async fn finish(self, grace: Duration) -> RelayCounts {
        // It fails if the task is gone, with all connections.
        let _ = self.stop.send(true);
        let _ = timeout(grace, self.stop.closed()).await;
        let counts = self.counts();
        self.listening.end();
        counts
    }

    fn start(
        listener: tokio::net::TcpListener,
        address: SocketAddr,
        config: &RelayConfig,
    ) -> Result<Self, BindError> {
        // A burst of callers is not to be turned away; the system cuts it to what it allows.
        rustix::net::listen(&listener, BACKLOG)
            .map_err(|errno| BindError::Io { address, source: errno.into() })?;
        let responder = TlsAlpn01Responder::new();
        let tls = responder.server_config().map_err(|error| BindError::tls(address, error))?;
        let counters = Arc::new(Counters::default());
        let route = Route {
            config: config.clone(),
            responder: responder.clone(),
            tls,
            counters: Arc::clone(&counters),
        };
        let (stop, stopped) = watch::channel(false);
        let listening = Listening::run(serve::serve(listener, Arc::new(route), stopped));
        Ok(Self { address, responder, counters, stop: Arc::new(stop), listening })
    }
}

impl AsyncSolver for AsyncTlsAlpn01Relay {
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

impl fmt::Debug for AsyncTlsAlpn01Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncTlsAlpn01Relay").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Sets what both sockets of a connection need: what comes goes on at once, and a side that is gone
/// without a word is found out.
fn tune(socket: &tokio::net::TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(socket, true)?;
    #[cfg(not(target_os = "openbsd"))]
    rustix::net::sockopt::set_tcp_keepidle(socket, AsyncTlsAlpn01Relay::KEEP_ALIVE)?;
    Ok(())
}

/// Callers that wait for the listener.
const BACKLOG: i32 = 4096;
