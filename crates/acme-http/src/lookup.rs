//! Host names and their addresses.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::Scheme;

/// A way to look host names up.
#[derive(Clone)]
pub(crate) struct Lookup(Arc<dyn FindAddresses>);

trait FindAddresses: Send + Sync {
    fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

impl<F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync> FindAddresses for F {
    fn find(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self(host, port)
    }
}

impl Lookup {
    pub(crate) fn new(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(lookup))
    }

    /// Looks a name up on a thread of its own, since nobody can end a look-up that takes too long;
    /// `deliver` is dropped without being called if it panics.
    pub(crate) fn begin(
        &self,
        host: &str,
        port: u16,
        deliver: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static,
    ) -> io::Result<()> {
        let lookup = Arc::clone(&self.0);
        let host = host.to_owned();
        let thread = thread::Builder::new().name("acme-http-lookup".to_owned());
        thread.spawn(move || deliver(lookup.find(&host, port))).map(drop)
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

/// The addresses of the hosts that were looked up lately.
#[derive(Default)]
pub(crate) struct KnownHosts(Vec<KnownHost>);

struct KnownHost {
    host: String,
    port: u16,
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl KnownHosts {
    /// The addresses of a host, unless they are old.
    pub(crate) fn find(&mut self, host: &str, port: u16) -> Option<&[SocketAddr]> {
        self.0.retain(|known| known.since.elapsed() < KEPT);
        let known = self.0.iter().find(|known| known.host == host && known.port == port)?;
        Some(&known.addresses)
    }

    pub(crate) fn add(&mut self, host: &str, port: u16, addresses: Vec<SocketAddr>) {
        self.0.truncate(MAX_HOSTS - 1);
        self.0.insert(0, KnownHost { host: host.to_owned(), port, addresses, since: Instant::now() });
    }

    /// Forgets the addresses of a host, since none of them answers.
    pub(crate) fn forget(&mut self, host: &str, port: u16) {
        self.0.retain(|known| known.host != host || known.port != port);
    }
}

impl fmt::Debug for KnownHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownHosts")
    }
}

/// The host of a URL, an IPv6 address without its brackets, and the port.
pub(crate) fn host_and_port(uri: &Uri) -> Option<(&str, u16)> {
    let host = uri.host()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let default = if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
    Some((host, uri.port_u16().unwrap_or(default)))
}

/// How long an address is believed without asking again.
const KEPT: Duration = Duration::from_secs(60);
/// Most addresses of one host that are tried; `ureq` takes no more.
pub(crate) const MAX_ADDRESSES: usize = 16;
/// Most hosts that are kept.
pub(crate) const MAX_HOSTS: usize = 32;
