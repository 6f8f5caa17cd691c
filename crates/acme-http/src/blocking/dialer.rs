//! How a connection is made.

use std::fmt;
use std::sync::Arc;

use acme_proto::TransportErrorKind;
use rustls::ClientConfig;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, Either, TcpConnector, Transport,
};

use super::address::Addresses;
use super::failure;
use super::transport::Tls;

/// Connects: TCP, or a tunnel through the proxy, and TLS in it.
pub(super) struct Dialer {
    tls: Arc<ClientConfig>,
    addresses: Addresses,
    tcp: TcpConnector,
    tunnel: ConnectProxyConnector,
}

impl Dialer {
    pub(super) fn new(tls: Arc<ClientConfig>, addresses: Addresses) -> Self {
        Self { tls, addresses, tcp: TcpConnector::default(), tunnel: ConnectProxyConnector::default() }
    }

    /// Opens a tunnel through the proxy if there is one, else a socket. For the way to the proxy
    /// `ureq` comes here once more, with the URL of the proxy.
    fn open(&self, details: &ConnectionDetails<'_>) -> Result<Option<Box<dyn Transport>>, ureq::Error> {
        let tunnel = self
            .tunnel
            .connect(details, None::<()>)
            .map_err(|error| failure::of_connect(error, TransportErrorKind::Proxy))?;
        if let Some(Either::B(tunnel)) = tunnel {
            return Ok(Some(tunnel));
        }
        let socket = self.tcp.connect(details, None::<()>).map_err(|error| {
            self.addresses.forget(details.uri);
            failure::of_connect(error, TransportErrorKind::Connect)
        })?;
        Ok(socket.map(|socket| -> Box<dyn Transport> { Box::new(socket) }))
    }
}

impl Connector<()> for Dialer {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(socket) = self.open(details)? else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(socket));
        }
        let tls = Tls::connect(Arc::clone(&self.tls), details, socket)
            .map_err(|error| failure::of_connect(error, TransportErrorKind::Tls))?;
        Ok(Some(Box::new(tls)))
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer")
    }
}
