//! The addresses of hosts, kept for a while.
//!
//! `ureq` asks before every request, even where a connection is open. The system's look-up can't
//! be given a time limit, so it needs a thread; both are too much for each request.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use acme_proto::{Delivery, TransportError, TransportErrorKind};
use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::failure;
use crate::lookup::{KnownHosts, Lookup, MAX_ADDRESSES, host_and_port};

/// The addresses of the hosts that were asked for lately. Clones share them.
#[derive(Clone)]
pub(super) struct Addresses {
    lookup: Lookup,
    known: Arc<Mutex<KnownHosts>>,
}

impl Addresses {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self { lookup, known: Arc::default() }
    }

    /// Forgets the addresses of a host, since none of them answers.
    pub(super) fn forget(&self, uri: &Uri) {
        if let Some((host, port)) = host_and_port(uri) {
            self.known().forget(host, port);
        }
    }

    fn find(&self, host: &str, port: u16, limit: Duration) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let asked = Instant::now();
        // Held while looking up, so that many who ask at once cause one look-up. Whoever had to
        // wait for it has that much less time for a try of its own.
        let mut known = self.known();
        if let Some(addresses) = known.find(host, port) {
            return Ok(self.resolved(addresses));
        }
        let limit = limit.checked_sub(asked.elapsed()).ok_or_else(timed_out)?;
        let addresses = within(&self.lookup, host, port, limit)?;
        let resolved = self.resolved(&addresses);
        known.add(host, port, addresses);
        Ok(resolved)
    }

    fn resolved(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut resolved = self.empty();
        addresses.iter().take(MAX_ADDRESSES).for_each(|address| resolved.push(*address));
        resolved
    }

    fn known(&self) -> MutexGuard<'_, KnownHosts> {
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

/// Looks a name up, on a thread that is left behind when it takes too long.
fn within(lookup: &Lookup, host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, ureq::Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Nobody listens any more when it took too long.
    lookup.begin(host, port, move |found| drop(sender.send(found))).map_err(not_found)?;
    match receiver.recv_timeout(limit) {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(not_found(io::ErrorKind::NotFound.into())),
        Ok(addresses) => addresses.map_err(not_found),
        Err(RecvTimeoutError::Timeout) => Err(timed_out()),
        Err(RecvTimeoutError::Disconnected) => Err(not_found(io::Error::other("the look-up panicked"))),
    }
}

fn not_found(error: io::Error) -> ureq::Error {
    failure::carry(TransportError::new(Delivery::NotSent, TransportErrorKind::Resolve, error))
}

fn timed_out() -> ureq::Error {
    let error = io::Error::new(io::ErrorKind::TimedOut, "the host name was not looked up in time");
    failure::carry(TransportError::new(Delivery::NotSent, TransportErrorKind::Timeout, error))
}
