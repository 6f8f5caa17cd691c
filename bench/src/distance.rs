//! Servers that are far away.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// The way to a server, which takes a while; it ends when this is dropped.
#[derive(Debug)]
pub struct Distance {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Distance {
    /// Puts a round trip in front of a server.
    ///
    /// # Errors
    /// When no thread or port can be had.
    pub fn start(to: SocketAddr, round_trip: Duration) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut near = far_away(socket, round_trip / 2);
                    let mut server = TcpStream::connect(to).await?;
                    server.set_nodelay(true)?;
                    tokio::io::copy_bidirectional(&mut near, &mut server).await
                });
            }
        });
        Ok(Self { address, _runtime: runtime })
    }

    /// Where it begins.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What is sent arrives later, either way. The first octets take a whole round trip more: that of
/// the connection, which the kernel makes at once.
pub(crate) fn far_away(socket: TcpStream, one_way: Duration) -> DuplexStream {
    let (near, far) = tokio::io::duplex(BUFFER);
    let (from_client, to_client) = socket.into_split();
    let (from_server, to_server) = tokio::io::split(far);
    tokio::spawn(carry(from_client, to_server, one_way, 2 * one_way));
    tokio::spawn(carry(from_server, to_client, one_way, Duration::ZERO));
    near
}

async fn carry(
    mut from: impl AsyncRead + Send + Unpin + 'static,
    mut to: impl AsyncWrite + Unpin,
    one_way: Duration,
    more: Duration,
) -> io::Result<()> {
    let (sender, mut under_way) = mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut buffer = vec![0; BUFFER];
        let mut more = more;
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let arrival = tokio::time::Instant::now() + one_way + more;
            let octets = buffer.get(..count).unwrap_or_default().to_vec();
            more = Duration::ZERO;
            if sender.send((arrival, octets)).is_err() {
                return;
            }
        }
    });
    while let Some((arrival, octets)) = under_way.recv().await {
        sleep_until(arrival).await;
        to.write_all(&octets).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

const BUFFER: usize = 64 * 1024;
