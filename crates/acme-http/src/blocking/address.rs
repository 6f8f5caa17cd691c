//! The addresses of hosts, kept for a while.
//!
//! `ureq` asks before every request, even where a connection is open. The system's look-up can't
//! be given a time limit, so it needs a thread; both are too much for each request.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use acme_proto::{Delivery, TransportError, TransportErrorKind};
use http::Uri;
use http::uri::Scheme;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::failure;

/// A way to look host names up.
#[derive(Clone)]
pub(super) struct Lookup(Arc<dyn FindAddresses>);

trait FindAddresses: Send + Sync {
    fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

impl<F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync> FindAddresses for F {
    fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self(host, port)
    }
}

impl Lookup {
    pub(super) fn new(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(lookup))
    }

    /// Looks a name up, on a thread that is left behind when it takes too long.
    fn within(&self, host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, ureq::Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let lookup = Arc::clone(&self.0);
        let host = host.to_owned();
        thread::Builder::new()
            .name("acme-http-lookup".to_owned())
            .spawn(move || {
                // Nobody listens any more when it took too long.
                let _ = sender.send(lookup.find(&host, port));
            })
            .map_err(not_found)?;
        match receiver.recv_timeout(limit) {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(not_found(io::ErrorKind::NotFound.into())),
            Ok(addresses) => addresses.map_err(not_found),
            Err(RecvTimeoutError::Timeout) => Err(timed_out()),
            Err(RecvTimeoutError::Disconnected) => Err(not_found(io::Error::other("the look-up panicked"))),
        }
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

/// The addresses of the hosts that were asked for lately. Clones share them.
#[derive(Clone)]
pub(super) struct Addresses {
    lookup: Lookup,
    known: Arc<Mutex<Vec<Known>>>,
}

struct Known {
    host: String,
    port: u16,
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Addresses {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self { lookup, known: Arc::default() }
    }

    /// Forgets the addresses of a host, since none of them answers.
    pub(super) fn forget(&self, uri: &Uri) {
        if let Some((host, port)) = host_and_port(uri) {
            self.known().retain(|known| known.host != host || known.port != port);
        }
    }

    fn find(&self, host: &str, port: u16, limit: Duration) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let asked = Instant::now();
        // Held while looking up, so that many who ask at once cause one look-up. Whoever had to
        // wait for it has that much less time for a try of its own.
        let mut known = self.known();
        known.retain(|known| known.since.elapsed() < KEPT);
        if let Some(known) = known.iter().find(|known| known.host == host && known.port == port) {
            return Ok(self.resolved(&known.addresses));
        }
        let limit = limit.checked_sub(asked.elapsed()).ok_or_else(timed_out)?;
        let addresses = self.lookup.within(host, port, limit)?;
        let resolved = self.resolved(&addresses);
        known.truncate(MAX_HOSTS - 1);
        known.insert(0, Known { host: host.to_owned(), port, addresses, since: Instant::now() });
        Ok(resolved)
    }

    fn resolved(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut resolved = self.empty();
        addresses.iter().take(MAX_ADDRESSES).for_each(|address| resolved.push(*address));
        resolved
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (host, port) = host_and_port(uri).ok_or(ureq::Error::HostNotFound)?;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(self.resolved(&[SocketAddr::new(address, port)]));
        }
        self.find(host, port, *timeout.after)
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Addresses")
    }
}

/// The host of a URL, an IPv6 address without its brackets, and the port.
pub(super) fn host_and_port(uri: &Uri) -> Option<(&str, u16)> {
    let host = uri.host()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let default = if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
    Some((host, uri.port_u16().unwrap_or(default)))
}

fn not_found(error: io::Error) -> ureq::Error {
    failure::carry(TransportError::new(Delivery::NotSent, TransportErrorKind::Resolve, error))
}

fn timed_out() -> ureq::Error {
    let error = io::Error::new(io::ErrorKind::TimedOut, "the host name was not looked up in time");
    failure::carry(TransportError::new(Delivery::NotSent, TransportErrorKind::Timeout, error))
}

/// How long an address is believed without asking again.
const KEPT: Duration = Duration::from_secs(60);
/// Most addresses of one host; `ureq` takes no more.
const MAX_ADDRESSES: usize = 16;
/// Most hosts that are kept.
const MAX_HOSTS: usize = 32;
