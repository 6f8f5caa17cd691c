//! Bytes, both ways and as they are.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::counts::Counters;

/// Passes on what comes until both directions have ended, or one is broken.
pub(super) async fn both_ways(
    mut client: TcpStream,
    mut server: TcpStream,
    counters: &Counters,
) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let result = tokio::try_join!(
        one_way(from_client, to_server, &counters.bytes_in),
        one_way(from_server, to_client, &counters.bytes_out),
    );
    if result.is_err() {
        // A reset is passed on as one: an end in good order would say that all has come.
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
    result.map(drop)
}

/// Passes on one direction to its end, and the end, too.
async fn one_way(from: ReadHalf<'_>, mut to: WriteHalf<'_>, count: &AtomicU64) -> io::Result<()> {
    loop {
        from.readable().await?;
        // Only now, so that the many connections on which nothing happens need none.
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            match from.try_read_buf(&mut buffer) {
                Ok(0) => return to.shutdown().await,
                Ok(length) => count.fetch_add(length as u64, Ordering::Relaxed),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            to.write_all(&buffer).await?;
        }
    }
}

/// Most bytes of one direction that are under way here.
const BUFFER: usize = 64 * 1024;
