//! The connections that there are.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_proto::TransportError;
use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::dialer::{Dialed, Dialer};
use super::{http1, http2};
use crate::limits::{MAX_CONNECTIONS, MAX_IDLE};
use crate::lookup::MAX_HOSTS;

/// Connections by host, and the way to more of them.
pub(super) struct Pool {
    dialer: Dialer,
    /// The one that was asked for last comes first.
    hosts: Mutex<Vec<Arc<Host>>>,
}

impl Pool {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self { dialer, hosts: Mutex::default() }
    }

    /// A connection to a host: a share of one, or one for oneself.
    pub(super) async fn connection(
        &self,
        name: &str,
        port: u16,
        is_plain: bool,
    ) -> Result<Connection, TransportError> {
        self.host(name, port, is_plain).connection(&self.dialer).await
    }

    /// How many streams the connection to a host takes, where it is HTTP/2.
    pub(super) fn streams(&self, name: &str, port: u16) -> Option<usize> {
        let host = lock(&self.hosts).iter().find(|host| host.is(name, port, false)).cloned()?;
        lock(&host.open).shared.as_ref().map(|shared| shared.connection.max_streams())
    }

    fn host(&self, name: &str, port: u16, is_plain: bool) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        let host = match hosts.iter().position(|host| host.is(name, port, is_plain)) {
            Some(at) => hosts.remove(at),
            None => Arc::new(Host::new(name, port, is_plain)),
        };
        hosts.truncate(MAX_HOSTS - 1);
        hosts.insert(0, Arc::clone(&host));
        host
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

/// The connections to one host.
struct Host {
    name: String,
    port: u16,
    is_plain: bool,
    /// One for each connection over HTTP/1.1 that is in use or being made.
    slots: Arc<Semaphore>,
    /// Held while the connection is made that tells which HTTP the host speaks.
    first: tokio::sync::Mutex<()>,
    open: Mutex<Open>,
}

/// What can be used at once.
#[derive(Default)]
struct Open {
    speaks_http1: bool,
    shared: Option<Kept<http2::Connection>>,
    idle: Vec<Kept<http1::Connection>>,
}

struct Kept<C> {
    connection: C,
    since: Instant,
}

impl Host {
    fn new(name: &str, port: u16, is_plain: bool) -> Self {
        Self {
            name: name.to_owned(),
            port,
            is_plain,
            slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            first: tokio::sync::Mutex::default(),
            open: Mutex::default(),
        }
    }

    fn is(&self, name: &str, port: u16, is_plain: bool) -> bool {
        self.port == port && self.is_plain == is_plain && self.name.eq_ignore_ascii_case(name)
    }

    async fn connection(self: Arc<Self>, dialer: &Dialer) -> Result<Connection, TransportError> {
        if let Some(shared) = self.shared() {
            return Ok(Connection::Shared(shared));
        }
        // The semaphore is never closed.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        let first = if self.speaks_http1() { None } else { Some(self.first.lock().await) };
        if let Some(shared) = self.shared() {
            return Ok(Connection::Shared(shared));
        }
        while let Some(connection) = self.idle() {
            if let Some(connection) = connection.ready().await {
                return Ok(self.lease(connection, slot));
            }
        }
        let first = first.filter(|_| !self.speaks_http1());
        let dialed = match self.is_plain {
            true => dialer.dial_plain(&self.name, self.port).await?,
            false => dialer.dial(&self.name, self.port).await?,
        };
        let connection = match dialed {
            Dialed::Http1(connection) => {
                lock(&self.open).speaks_http1 = true;
                self.lease(connection, slot)
            }
            Dialed::Http2(connection) => {
                let kept = Kept { connection: connection.clone(), since: Instant::now() };
                let mut open = lock(&self.open);
                open.speaks_http1 = false;
                open.shared = Some(kept);
                Connection::Shared(connection)
            }
        };
        drop(first); // whoever waits for it finds the connection, or may make one of its own
        Ok(connection)
    }

    fn lease(
        self: &Arc<Self>,
        connection: http1::Connection,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Connection {
        Connection::Own(Lease { connection, host: Arc::clone(self), slot })
    }

    fn speaks_http1(&self) -> bool {
        lock(&self.open).speaks_http1
    }

    /// The HTTP/2 connection, if it still takes requests.
    fn shared(&self) -> Option<http2::Connection> {
        let mut open = lock(&self.open);
        let kept = open.shared.as_mut()?;
        if kept.since.elapsed() > MAX_IDLE || !kept.connection.is_open() {
            open.shared = None;
            return None;
        }
        kept.since = Instant::now();
        Some(kept.connection.clone())
    }

    /// The HTTP/1.1 connection that was used last.
    fn idle(&self) -> Option<http1::Connection> {
        let mut open = lock(&self.open);
        open.idle.retain(|kept| kept.since.elapsed() <= MAX_IDLE && kept.connection.is_open());
        open.idle.pop().map(|kept| kept.connection)
    }
}

/// A connection to perform one exchange on.
pub(super) enum Connection {
    Own(Lease),
    Shared(http2::Connection),
}

impl Connection {
    pub(super) async fn exchange(
        self,
        request: Request<Vec<u8>>,
        max_body: usize,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        match self {
            Self::Own(lease) => lease.exchange(request, max_body).await,
            Self::Shared(connection) => connection.exchange(request, max_body).await,
        }
    }
}

/// A connection over HTTP/1.1 that goes back when its exchange is through, and closes otherwise.
pub(super) struct Lease {
    connection: http1::Connection,
    host: Arc<Host>,
    slot: Option<OwnedSemaphorePermit>,
}

impl Lease {
    async fn exchange(
        mut self,
        request: Request<Vec<u8>>,
        max_body: usize,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let response = self.connection.exchange(request, max_body).await?;
        let kept = Kept { connection: self.connection, since: Instant::now() };
        lock(&self.host.open).idle.push(kept);
        drop(self.slot); // not before: whoever waits for it finds the connection
        Ok(response)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
