//! The client for tokio.

use std::fmt;
use std::panic;
use std::sync::Arc;

use acme_proto::{Delivery, Exchange, TransportError, TransportErrorKind};
use http::uri::Scheme;
use http::{Response, Uri};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use self::dialer::Dialer;
use self::pool::Pool;
use crate::builder::ClientBuilder;
use crate::error::Error;
use crate::failure::{is_taken, not_https};
use crate::limits::MAX_CONNECTIONS;
use crate::log;
use crate::lookup::{Lookup, host_and_port};
use crate::tls::Roots;

mod dialer;
mod http1;
mod http2;
mod pool;
mod proxy;
mod stream;

/// The largest [`AsyncClient::width`], whatever the server grants.
pub const MAX_WIDTH: usize = 100;

/// An HTTP/2 and HTTP/1.1 client for tokio.
///
/// One connection to a host carries everything where the host takes HTTP/2; else there are up to
/// [`MAX_CONNECTIONS`], and further exchanges wait for one of them. Connections and the addresses
/// of hosts are kept; clones share both. All of its futures need a tokio runtime with time and I/O.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use acme_http::AsyncClient;
/// use acme_proto::{Exchange, Operation};
///
/// let client = AsyncClient::new()?;
/// let request = http::Request::get("https://ca.example/directory").body(Vec::new())?;
/// let exchange = Exchange::new(request, Operation::Directory, 65_536, Duration::from_secs(30));
/// for response in client.perform(vec![exchange]).await {
///     println!("{}", response?.status());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AsyncClient {
    pool: Arc<Pool>,
    takes_plain: bool,
}

impl AsyncClient {
    /// Sets a client up that trusts the system's roots and uses no proxy.
    ///
    /// # Errors
    /// [`Error::SystemRoots`] when the system has none.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build_async()
    }

    /// Begins to set a client up; [`ClientBuilder::build_async`] ends it.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Carries exchanges out at the same time, and returns what became of each, in the same order.
    ///
    /// Every status is a response. The errors say whether the request may have reached the CA: a
    /// stream that an HTTP/2 server refused, or one that it did not get to before it went away,
    /// was not sent. When the future is dropped its requests end: streams are reset, connections
    /// over HTTP/1.1 are closed.
    pub async fn perform(&self, exchanges: Vec<Exchange>) -> Vec<Result<Response<Vec<u8>>, TransportError>> {
        let count = exchanges.len();
        let mut exchanges = exchanges.into_iter();
        if count == 1
            && let Some(exchange) = exchanges.next()
        {
            return vec![self.exchange(exchange).await];
        }
        // The tasks end when the set is dropped.
        let mut tasks = JoinSet::new();
        for (position, exchange) in exchanges.enumerate() {
            let client = self.clone();
            let task = async move { (position, client.exchange(exchange).await) };
            tasks.spawn(task.in_current_span());
        }
        let mut results: Vec<_> = (0..count).map(|_| Err(lost())).collect();
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((position, result)) => {
                    if let Some(place) = results.get_mut(position) {
                        *place = result;
                    }
                }
                Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                Err(_) => {} // the runtime ends, and nobody will read the results
            }
        }
        results
    }

    /// How many exchanges with the host of a URL are worth performing at once: as many streams as
    /// an HTTP/2 server grants, at most [`MAX_WIDTH`]; [`MAX_CONNECTIONS`] over HTTP/1.1, and
    /// as long as there was no connection.
    #[must_use]
    pub fn width(&self, url: &Uri) -> usize {
        let streams = host_and_port(url).and_then(|(host, port)| self.pool.streams(host, port));
        streams.map_or(MAX_CONNECTIONS, |streams| streams.clamp(1, MAX_WIDTH))
    }

    async fn exchange(&self, exchange: Exchange) -> Result<Response<Vec<u8>>, TransportError> {
        let span = log::span(&exchange);
        let started = Instant::now();
        async {
            let result = self.send(exchange, started).await;
            log::outcome(&result, started.elapsed());
            result
        }
        .instrument(span)
        .await
    }

    async fn send(&self, exchange: Exchange, started: Instant) -> Result<Response<Vec<u8>>, TransportError> {
        let Exchange { request, max_body, time_limit, .. } = exchange;
        if !is_taken(request.uri(), self.takes_plain) {
            return Err(not_https());
        }
        let is_plain = request.uri().scheme() == Some(&Scheme::HTTP);
        let (host, port) = host_and_port(request.uri()).ok_or_else(not_https)?;
        let deadline = started + time_limit.min(LONGEST);
        let connection = timeout_at(deadline, self.pool.connection(host, port, is_plain))
            .await
            .map_err(|_| timed_out(Delivery::NotSent))??;
        timeout_at(deadline, connection.exchange(request, max_body))
            .await
            .map_err(|_| timed_out(Delivery::Unknown))?
    }
}

impl fmt::Debug for AsyncClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncClient")
    }
}

/// Builds a client.
pub(crate) fn build(
    roots: &Roots,
    proxy: Option<&str>,
    lookup: Lookup,
    takes_plain: bool,
) -> Result<AsyncClient, Error> {
    let dialer = Dialer::new(roots, proxy, lookup)?;
    Ok(AsyncClient { pool: Arc::new(Pool::new(dialer)), takes_plain })
}

fn timed_out(delivery: Delivery) -> TransportError {
    TransportError::new(delivery, TransportErrorKind::Timeout, "the time limit ran out")
}

fn lost() -> TransportError {
    TransportError::new(Delivery::Unknown, TransportErrorKind::Io, "the runtime ended")
}

/// A limit that no clock overflows with.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
