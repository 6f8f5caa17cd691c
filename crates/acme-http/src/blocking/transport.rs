//! TLS over a socket or a tunnel, with each request in one piece.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, Stream};
use rustls_pki_types::ServerName;
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use crate::lookup::host_and_port;

/// A TLS connection.
///
/// `ureq` hands the head and the body of a request over one after the other. Both are kept back
/// until it waits for the response: what fits into one record leaves in one, and the peer's
/// delayed acknowledgement holds nothing up.
pub(super) struct Tls {
    buffers: LazyBuffers,
    connection: ClientConnection,
    socket: TransportAdapter,
    unsent: Vec<u8>,
}

impl Tls {
    /// Shakes hands.
    pub(super) fn connect(
        config: Arc<ClientConfig>,
        details: &ConnectionDetails<'_>,
        socket: Box<dyn Transport>,
    ) -> Result<Self, ureq::Error> {
        let (host, _) = host_and_port(details.uri).ok_or(ureq::Error::HostNotFound)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| ureq::Error::Other(error.into()))?;
        let mut connection = ClientConnection::new(config, name).map_err(ureq::Error::Rustls)?;
        connection.set_buffer_limit(None); // a request is in memory as it is
        let mut socket = TransportAdapter::new(socket, Arc::clone(&details.current_time));
        socket.set_timeout(remaining(details));
        connection.complete_io(&mut socket)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Self { buffers, connection, socket, unsent: Vec::new() })
    }

    fn flush(&mut self) -> Result<(), ureq::Error> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        self.connection.writer().write_all(&self.unsent)?;
        self.unsent.clear();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Nothing is left over from the last response, and the peer has not said goodbye.
    fn is_clean(&mut self) -> bool {
        let is_drained = self
            .connection
            .process_new_packets()
            .is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed());
        is_drained && self.unsent.is_empty() && self.socket.get_mut().buffers().input().is_empty()
    }
}

impl Transport for Tls {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.buffers.output();
        self.unsent.extend_from_slice(output.get(..amount).unwrap_or(output));
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.socket.set_timeout(timeout);
        self.flush()?;
        let input = self.buffers.input_append_buf();
        let amount = Stream::new(&mut self.connection, &mut self.socket).read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.is_clean() && self.socket.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The time left to connect, less what TCP and the proxy took.
fn remaining(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Duration::Exact(limit), Instant::Exact(begun), Instant::Exact(now)) =
        (timeout.after, details.now, (details.current_time)())
    {
        timeout.after = Duration::Exact(limit.saturating_sub(now.saturating_duration_since(begun)));
    }
    timeout
}
