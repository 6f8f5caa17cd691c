//! One connection, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::answer;
use super::counts::Counters;
use super::hello::{self, Hello};
use super::{AsyncTlsAlpn01Relay, RelayConfig, pump, tune};
use crate::tls_alpn01::TlsAlpn01Responder;

/// Where connections go.
pub(super) struct Route {
    pub(super) config: RelayConfig,
    pub(super) responder: TlsAlpn01Responder,
    /// Answers with what the responder has.
    pub(super) tls: Arc<ServerConfig>,
    pub(super) counters: Arc<Counters>,
}

pub(super) async fn serve(route: Arc<Route>, mut client: TcpStream) {
    let _open = route.counters.open();
    let hello = timeout(AsyncTlsAlpn01Relay::HELLO_TIME_LIMIT, hello::read(&mut client)).await;
    // Whatever the end of what follows, there is nobody to tell.
    let _ = match hello {
        Ok(Ok(Some(hello))) => route.carry_out(client, hello).await,
        // Too slow, broken, or at its end.
        Err(_) | Ok(Err(_) | Ok(None)) => {
            count(&route.counters.incomplete);
            Ok(())
        }
    };
}

impl Route {
    async fn carry_out(&self, client: TcpStream, hello: Hello) -> io::Result<()> {
        let (bytes, accepted, server_name) = match hello {
            Hello::Other { bytes } => return self.pass_on(client, bytes).await,
            Hello::Challenge { bytes, accepted, server_name } => (bytes, accepted, server_name),
        };
        let name = server_name.as_deref().unwrap_or_default();
        let is_here = self.responder.find(name).is_some();
        let server = match self.config.acme_to.filter(|_| !is_here) {
            Some(address) => connect(address).await.inspect_err(|error| {
                tracing::debug!(name, %address, %error, "nobody answers the challenge");
            }),
            None if !is_here => return self.pass_on(client, bytes).await,
            None => Err(io::ErrorKind::NotFound.into()),
        };
        if let Ok(server) = server {
            count(&self.counters.passed_on);
            return self.relay(client, server, None, bytes).await;
        }
        count(&self.counters.answered);
        tracing::debug!(name, is_here, "tls-alpn-01 answered in front of a server");
        answer(*accepted, client, Arc::clone(&self.tls)).await
    }

    async fn pass_on(&self, client: TcpStream, bytes: Vec<u8>) -> io::Result<()> {
        let address = self.config.to;
        let server = match connect(address).await {
            Ok(server) => server,
            Err(error) => {
                count(&self.counters.refused);
                tracing::warn!(%address, %error, "the server takes no connection");
                return Err(error);
            }
        };
        count(&self.counters.passed_on);
        let header = match self.config.header {
            Some(header) => Some(header.encode(client.peer_addr()?, client.local_addr()?)),
            None => None,
        };
        self.relay(client, server, header, bytes).await
    }

    async fn relay(
        &self,
        client: TcpStream,
        mut server: TcpStream,
        header: Option<Vec<u8>>,
        hello: Vec<u8>,
    ) -> io::Result<()> {
        tune(&client)?;
        self.counters.bytes_in.fetch_add(hello.len() as u64, Ordering::Relaxed);
        let beginning = match header {
            Some(header) => [header, hello].concat(),
            None => hello,
        };
        server.write_all(&beginning).await?;
        drop(beginning);
        pump::both_ways(client, server, &self.counters).await
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let connected = timeout(AsyncTlsAlpn01Relay::CONNECT_TIME_LIMIT, TcpStream::connect(address)).await;
    let server = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    tune(&server)?;
    Ok(server)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
