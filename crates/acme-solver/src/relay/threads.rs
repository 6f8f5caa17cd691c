//! The relay for programs without tokio.

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use tokio::runtime::{Builder, Runtime};

use super::{AsyncTlsAlpn01Relay, RelayConfig, RelayCounts};
use crate::listener::{self, BindError};
use crate::response::tls_types;

/// [`AsyncTlsAlpn01Relay`] for threads: a relay in front of a TLS server, which answers tls-alpn-01
/// challenges and nothing else, on a few threads of its own.
///
/// What it passes on and how, and the limits, are those of [`AsyncTlsAlpn01Relay`]. It is not for
/// use inside a tokio runtime.
///
/// ```no_run
/// use acme_solver::{RelayConfig, TlsAlpn01Relay};
///
/// let solver = TlsAlpn01Relay::bind("[::]:443", &RelayConfig::to("127.0.0.1:8443".parse()?))?;
/// # let _ = solver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "connections end when the relay is dropped"]
pub struct TlsAlpn01Relay {
    relay: AsyncTlsAlpn01Relay,
    /// `None` when it is dropped.
    runtime: Option<Runtime>,
}

impl TlsAlpn01Relay {
    /// Listens on the first address that can be had, as [`TlsAlpn01::bind`](crate::TlsAlpn01::bind)
    /// does.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`AsyncTlsAlpn01Relay::bind`].
    pub fn bind(addresses: impl ToSocketAddrs, config: &RelayConfig) -> Result<Self, BindError> {
        Self::from_listener(listener::listen(addresses)?.0, config)
    }

    /// Listens on a port of every address, of both families.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`AsyncTlsAlpn01Relay::bind`].
    pub fn bind_any(port: u16, config: &RelayConfig) -> Result<Self, BindError> {
        Self::bind((Ipv6Addr::UNSPECIFIED, port), config)
    }

    /// Takes over a socket that listens, such as one inherited from a service manager.
    ///
    /// # Errors
    ///
    /// [`BindError`], if the socket is none that listens.
    pub fn from_listener(listener: TcpListener, config: &RelayConfig) -> Result<Self, BindError> {
        let address = listener.local_addr().map_err(BindError::Name)?;
        let runtime = start().map_err(|source| BindError::Io { address, source })?;
        let relay = runtime.block_on(async { AsyncTlsAlpn01Relay::from_listener(listener, config) })?;
        Ok(Self { relay, runtime: Some(runtime) })
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.relay.local_addr()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> RelayCounts {
        self.relay.counts()
    }

    /// Listens no more, and waits for the connections to end, as [`AsyncTlsAlpn01Relay::finish`]
    /// does.
    ///
    /// # Panics
    ///
    /// Inside a tokio runtime.
    pub fn finish(self, grace: Duration) -> RelayCounts {
        let finish = self.relay.clone().finish(grace);
        match &self.runtime {
            Some(runtime) => runtime.block_on(finish),
            None => self.counts(),
        }
    }
}

fn start() -> io::Result<Runtime> {
    Builder::new_multi_thread().thread_name("acme-relay").enable_io().enable_time().build()
}

impl Drop for TlsAlpn01Relay {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Solver for TlsAlpn01Relay {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        tls_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        Solver::present(&mut self.relay.responder, challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        Solver::withdraw(&mut self.relay.responder, challenges)
    }
}

impl fmt::Debug for TlsAlpn01Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAlpn01Relay").field("address", &self.local_addr()).finish_non_exhaustive()
    }
}
