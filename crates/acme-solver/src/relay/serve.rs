//! The task that listens.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::AsyncTlsAlpn01Relay;
use super::connection::{self, Route};
use crate::listener::PAUSE;

/// Serves until it is told to stop, and then until the last connection ends.
pub(super) async fn serve(listener: TcpListener, route: Arc<Route>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < AsyncTlsAlpn01Relay::MAX_CONNECTIONS;
        tokio::select! {
            // An error says that nobody is left who could tell.
            _ = stop.changed() => break,
            accepted = listener.accept(), if has_room => match accepted {
                Ok((socket, _)) => drop(connections.spawn(connection::serve(Arc::clone(&route), socket))),
                // The system has no descriptor, say: who calls waits in the queue.
                Err(error) => {
                    tracing::debug!(%error, "no connection accepted for a moment");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
