//! Ports of our own, served by a thread each or by a task.

mod bind;
mod server;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::PollFlags;

pub use bind::BindError;
#[cfg(feature = "dns")]
pub(crate) use bind::listen_both;
pub(crate) use bind::{listen, take_over};
use server::Server;

/// What a port of ours says on a connection.
pub(crate) trait Conversation: Send + 'static {
    /// What to wait for.
    fn wanted(&self) -> PollFlags;
    /// Goes on as far as it can without blocking; `None` when the connection is over.
    fn advance(&mut self, stream: &TcpStream) -> Option<()>;
}

/// A thread that serves a port until this is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    /// Its other end hangs up when it is dropped, which wakes the thread and ends it.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Serves a port, a conversation for each connection; `None` for one that can't be had.
    pub(crate) fn start<C: Conversation>(
        name: &'static str,
        listener: TcpListener,
        time_limit: Duration,
        converse: impl FnMut() -> Option<C> + Send + 'static,
    ) -> Result<Self, BindError> {
        let address = listener.local_addr().map_err(BindError::Name)?;
        Self::run(name, address, move |stopped| {
            Server::new(listener, stopped, time_limit, converse).run(name);
        })
    }

    /// Serves an address until the other end of the stream hangs up.
    pub(crate) fn run(
        name: &'static str,
        address: SocketAddr,
        serve: impl FnOnce(UnixStream) + Send + 'static,
    ) -> Result<Self, BindError> {
        let start = || {
            let (stop, stopped) = UnixStream::pair()?;
            let thread = thread::Builder::new().name(name.into()).spawn(move || serve(stopped))?;
            Ok((stop, thread))
        };
        let (stop, thread) = start().map_err(|source| BindError::Io { address, source })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The address it listens on, with the port that the system chose for port 0.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        // The thread has nothing to report; had it panicked, the panic was printed.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What came of a read or a write.
pub(crate) enum Moved {
    Blocked,
    Bytes(usize),
}

impl Moved {
    /// Reads or writes once; `None` at the end of the stream, and when the other side is gone.
    pub(crate) fn by(act: impl FnOnce() -> io::Result<usize>) -> Option<Self> {
        match act() {
            Ok(0) => None,
            Ok(bytes) => Some(Self::Bytes(bytes)),
            Err(error) if is_transient(error.kind()) => Some(Self::Blocked),
            Err(_) => None,
        }
    }
}

fn is_transient(kind: ErrorKind) -> bool {
    [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&kind)
}

/// Most connections of a port at a time.
pub(crate) const MAX_CONNECTIONS: usize = 64;

/// How long a connection lives at most.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Most bytes of a client that are read after its answer.
pub(crate) const MAX_DRAINED: usize = 64 * 1024;

/// How long a listener without descriptors leaves its callers in the queue.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
