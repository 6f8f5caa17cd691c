//! A port of our own, served by a task.

use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

#[cfg(feature = "dns")]
use tokio::net::UdpSocket;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::bind::{self, BindError};
use super::{MAX_CONNECTIONS, PAUSE, TIME_LIMIT};

/// A port that is taken, and not served yet.
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Bound {
    /// Takes the first address that can be had.
    pub(crate) async fn at(addresses: impl ToSocketAddrs + Send + 'static) -> Result<Self, BindError> {
        // The addresses may have to be looked up.
        let bound = tokio::task::spawn_blocking(move || bind::listen(addresses)).await;
        let (listener, address) = bound.map_err(|error| BindError::Name(error.into()))??;
        Self::from_std(listener, address)
    }

    /// Takes a port over TCP and UDP at the first address that can be had.
    #[cfg(feature = "dns")]
    pub(crate) async fn both_at(
        addresses: impl ToSocketAddrs + Send + 'static,
    ) -> Result<(Self, UdpSocket), BindError> {
        let bound = tokio::task::spawn_blocking(move || bind::listen_both(addresses)).await;
        let (listener, socket, address) = bound.map_err(|error| BindError::Name(error.into()))??;
        let socket = UdpSocket::from_std(socket).map_err(|source| BindError::Io { address, source })?;
        Ok((Self::from_std(listener, address)?, socket))
    }

    /// Takes over a socket that listens.
    pub(crate) fn from_listener(listener: std::net::TcpListener) -> Result<Self, BindError> {
        let address = bind::take_over(&listener)?;
        Self::from_std(listener, address)
    }

    /// What the port is, for who serves it otherwise.
    pub(crate) fn into_parts(self) -> (TcpListener, SocketAddr) {
        (self.listener, self.address)
    }

    fn from_std(listener: std::net::TcpListener, address: SocketAddr) -> Result<Self, BindError> {
        let listener = TcpListener::from_std(listener).map_err(|source| BindError::Io { address, source })?;
        Ok(Self { address, listener })
    }

    /// Serves it until the last clone of what is returned is dropped.
    pub(crate) fn serve<F>(self, converse: impl Fn(TcpStream) -> F + Send + 'static) -> Arc<Listening>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Listening::run(serve(self.listener, converse))
    }
}

/// The task that listens. Its connections end with it.
pub(crate) struct Listening(AbortHandle);

impl Listening {
    /// Runs a task until the last clone of what is returned is dropped.
    pub(crate) fn run(task: impl Future<Output: Send> + Send + 'static) -> Arc<Self> {
        let task = async move { drop(task.await) };
        Arc::new(Self(tokio::spawn(task).abort_handle()))
    }

    /// Ends the task before that.
    pub(crate) fn end(&self) {
        self.0.abort();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve<F>(listener: TcpListener, converse: impl Fn(TcpStream) -> F)
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    if by_age.len() >= MAX_CONNECTIONS
                        && let Some(oldest) = by_age.pop_front()
                    {
                        oldest.abort();
                    }
                    let conversation = converse(socket);
                    by_age.push_back(connections.spawn(async move {
                        // Whatever its end, there is nobody to tell.
                        let _ = timeout(TIME_LIMIT, conversation).await;
                    }));
                }
                // The system has no descriptor, say: who calls waits in the queue.
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => by_age.retain(|connection| !connection.is_finished()),
        }
    }
}
