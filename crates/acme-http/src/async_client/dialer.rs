//! How a connection is made.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use acme_proto::{Delivery, TransportError, TransportErrorKind};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::proxy::Proxy;
use super::stream::{Duplex, TlsStream};
use super::{http1, http2, timed_out};
use crate::error::Error;
use crate::failure::{of_io, tls_cause};
use crate::limits::CONNECT_LIMIT;
use crate::lookup::{KnownHosts, Lookup, MAX_ADDRESSES};
use crate::tls::Roots;

/// Connects: TCP, or a tunnel through the proxy, and TLS in it.
pub(super) struct Dialer {
    tls: TlsConnector,
    proxy: Option<Proxy>,
    proxy_tls: TlsConnector,
    lookup: Lookup,
    known: Mutex<KnownHosts>,
}

/// A connection, by what the server chose to speak.
pub(super) enum Dialed {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

impl Dialer {
    pub(super) fn new(roots: &Roots, proxy: Option<&str>, lookup: Lookup) -> Result<Self, Error> {
        let mut config = roots.client_config(&[b"h2", b"http/1.1"])?;
        let tls = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls,
            proxy: proxy.map(Proxy::parse).transpose()?,
            proxy_tls: TlsConnector::from(Arc::new(config)),
            lookup,
            known: Mutex::default(),
        })
    }

    pub(super) async fn dial(&self, host: &str, port: u16) -> Result<Dialed, TransportError> {
        let dialing = self.connect(host, port);
        timeout(CONNECT_LIMIT, dialing).await.map_err(|_| timed_out(Delivery::NotSent))?
    }

    /// As [`dial`](Self::dial), without TLS.
    pub(super) async fn dial_plain(&self, host: &str, port: u16) -> Result<Dialed, TransportError> {
        let dialing = async { http1::Connection::begin(self.open(host, port).await?).await };
        let connection =
            timeout(CONNECT_LIMIT, dialing).await.map_err(|_| timed_out(Delivery::NotSent))??;
        Ok(Dialed::Http1(connection))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<Dialed, TransportError> {
        let stream = secure(&self.tls, host, self.open(host, port).await?).await?;
        let speaks_http2 = stream.0.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(match speaks_http2 {
            true => Dialed::Http2(http2::Connection::begin(stream).await?),
            false => Dialed::Http1(http1::Connection::begin(stream).await?),
        })
    }

    /// A socket, or a tunnel through the proxy.
    async fn open(&self, host: &str, port: u16) -> Result<Box<dyn Duplex>, TransportError> {
        Ok(match &self.proxy {
            None => Box::new(self.tcp(host, port).await?),
            Some(proxy) => {
                let socket: Box<dyn Duplex> = Box::new(self.tcp(&proxy.host, proxy.port).await?);
                let mut tunnel = match proxy.is_https {
                    true => Box::new(secure(&self.proxy_tls, &proxy.host, socket).await?),
                    false => socket,
                };
                proxy.open_tunnel(&mut *tunnel, host, port).await.map_err(|error| {
                    TransportError::new(Delivery::NotSent, TransportErrorKind::Proxy, error)
                })?;
                tunnel
            }
        })
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, TransportError> {
        let addresses = self.addresses(host, port).await?;
        let connected = connect_to_any(addresses).await.and_then(|socket| {
            socket.set_nodelay(true)?;
            Ok(socket)
        });
        connected.map_err(|error| {
            self.known().forget(host, port);
            let kind = of_io(&error).unwrap_or(TransportErrorKind::Connect);
            TransportError::new(Delivery::NotSent, kind, error)
        })
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, TransportError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if let Some(addresses) = self.known().find(host, port) {
            return Ok(addresses.to_vec());
        }
        let (sender, receiver) = oneshot::channel();
        // Nobody listens any more when it took too long.
        self.lookup.begin(host, port, move |found| drop(sender.send(found))).map_err(not_found)?;
        let addresses = match receiver.await {
            Ok(addresses) => addresses.map_err(not_found)?,
            Err(_) => return Err(not_found(io::Error::other("the look-up panicked"))),
        };
        if addresses.is_empty() {
            return Err(not_found(io::ErrorKind::NotFound.into()));
        }
        self.known().add(host, port, addresses.clone());
        Ok(addresses)
    }

    fn known(&self) -> MutexGuard<'_, KnownHosts> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries one address after the other, the next one also when the one before is slow.
///
/// <https://www.rfc-editor.org/rfc/rfc8305#section-5>
async fn connect_to_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter().take(MAX_ADDRESSES);
    let mut tries = JoinSet::new(); // what is left of it ends when it is dropped
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        let next = addresses.next();
        let has_more = next.is_some();
        if let Some(address) = next {
            tries.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            joined = tries.join_next() => match joined {
                Some(Ok(Ok(socket))) => return Ok(socket),
                Some(Ok(Err(error))) => last = error,
                Some(Err(error)) => last = error.into(),
                None => return Err(last),
            },
            () = sleep(HEAD_START), if has_more => {}
        }
    }
}

async fn secure(
    connector: &TlsConnector,
    host: &str,
    socket: Box<dyn Duplex>,
) -> Result<TlsStream, TransportError> {
    let new = |kind, source| TransportError::new(Delivery::NotSent, kind, source);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| new(TransportErrorKind::Tls, Box::from(error)))?;
    match connector.connect(name, socket).await {
        Ok(stream) => Ok(TlsStream(stream)),
        Err(error) => Err(new(of_io(&error).unwrap_or(TransportErrorKind::Tls), tls_cause(error))),
    }
}

fn not_found(error: io::Error) -> TransportError {
    TransportError::new(Delivery::NotSent, TransportErrorKind::Resolve, error)
}

/// How long an address has before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
