//! A server that answers challenges as it is told to, for tests that have no servers of their own.

mod answers;
mod dns;
mod history;
mod management;
mod tls;
mod web;

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use tokio::{runtime, sync::oneshot, task::JoinSet};

use crate::error::Error;
use answers::Answers;
use history::History;

/// Answers http-01, tls-alpn-01 and questions to the DNS, and is told the answers over HTTP, as
/// `pebble-challtestsrv` is. It stops when it is dropped.
///
/// The management interface takes a JSON object by POST at the paths of `pebble-challtestsrv`:
/// `/add-http01`, `/del-http01`, `/add-redirect`, `/del-redirect`, `/add-tlsalpn01`, `/del-tlsalpn01`,
/// `/set-default-ipv4`, `/set-default-ipv6`, `/add-a`, `/clear-a`, `/add-aaaa`, `/clear-aaaa`, `/add-caa`,
/// `/clear-caa`, `/set-txt`, `/clear-txt`, `/set-cname`, `/clear-cname`, `/set-servfail`, `/clear-servfail`,
/// `/http-request-history`, `/dns-request-history`, `/tlsalpn01-request-history` and
/// `/clear-request-history`.
///
/// ```
/// let server = acme_testca::ChallengeServer::builder()
///     .management("127.0.0.1:0".parse().unwrap())
///     .dns("127.0.0.1:0".parse().unwrap())
///     .start()?;
/// assert!(server.management().is_some());
/// # Ok::<(), acme_testca::Error>(())
/// ```
pub struct ChallengeServer {
    management: Option<SocketAddr>,
    dns: Option<SocketAddr>,
    http: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ChallengeServer {
    /// Begins a server that listens nowhere yet.
    pub fn builder() -> ChallengeServerBuilder {
        ChallengeServerBuilder::default()
    }

    /// Where the management interface listens; the first place, if there are several.
    #[must_use]
    pub fn management(&self) -> Option<SocketAddr> {
        self.management
    }

    /// Where it answers for the DNS, over UDP and TCP.
    #[must_use]
    pub fn dns(&self) -> Option<SocketAddr> {
        self.dns
    }

    /// Where it answers http-01.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where it answers tls-alpn-01, and http-01 over TLS.
    #[must_use]
    pub fn tls(&self) -> Option<SocketAddr> {
        self.tls
    }
}

impl Drop for ChallengeServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was reported by its own hook already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for ChallengeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChallengeServer").field("management", &self.management).finish_non_exhaustive()
    }
}

/// Where a [`ChallengeServer`] is to listen: loopback addresses, as many as there have to be.
#[derive(Clone, Debug)]
#[must_use = "nothing listens before it is started"]
pub struct ChallengeServerBuilder {
    management: Vec<SocketAddr>,
    dns: Vec<SocketAddr>,
    http: Vec<SocketAddr>,
    tls: Vec<SocketAddr>,
    ipv4: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
}

impl ChallengeServerBuilder {
    /// Takes what it has to answer at this address.
    pub fn management(mut self, address: SocketAddr) -> Self {
        self.management.push(address);
        self
    }

    /// Answers for the DNS at this address.
    pub fn dns(mut self, address: SocketAddr) -> Self {
        self.dns.push(address);
        self
    }

    /// Answers http-01 at this address.
    pub fn http(mut self, address: SocketAddr) -> Self {
        self.http.push(address);
        self
    }

    /// Answers tls-alpn-01 at this address, and http-01 over TLS.
    pub fn tls(mut self, address: SocketAddr) -> Self {
        self.tls.push(address);
        self
    }

    /// Sets where names lead of which nothing was said: 127.0.0.1 and ::1 unless set.
    pub fn default_addresses(mut self, ipv4: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>) -> Self {
        self.ipv4 = ipv4;
        self.ipv6 = ipv6;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// An address that is not loopback or not free, and failures of the operating system.
    pub fn start(self) -> Result<ChallengeServer, Error> {
        let all = [&self.management, &self.dns, &self.http, &self.tls];
        if let Some(beyond) = all.into_iter().flatten().find(|address| !address.ip().is_loopback()) {
            return Err(Error::NotLoopback(beyond.ip()));
        }
        let shared = Arc::new(Shared {
            answers: Mutex::new(Answers::new(self.ipv4, self.ipv6)),
            history: Mutex::new(History::default()),
        });
        let management = listen(&self.management)?;
        let http = listen(&self.http)?;
        let tls = listen(&self.tls)?;
        let dns = self.dns.iter().map(|address| dns_sockets(*address)).collect::<Result<Vec<_>, Error>>()?;
        let first = |listeners: &[TcpListener]| listeners.first().and_then(|one| one.local_addr().ok());
        let addresses = (first(&management), first(&http), first(&tls));
        let dns_address = dns.first().and_then(|(tcp, _)| tcp.local_addr().ok());
        let (stop, stopped) = oneshot::channel();
        let thread = spawn(Sockets { management, http, tls, dns }, shared, stopped)?;
        Ok(ChallengeServer {
            management: addresses.0,
            http: addresses.1,
            tls: addresses.2,
            dns: dns_address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Default for ChallengeServerBuilder {
    fn default() -> Self {
        Self {
            management: Vec::new(),
            dns: Vec::new(),
            http: Vec::new(),
            tls: Vec::new(),
            ipv4: Some(Ipv4Addr::LOCALHOST),
            ipv6: Some(Ipv6Addr::LOCALHOST),
        }
    }
}

/// What the tasks of the server share.
struct Shared {
    answers: Mutex<Answers>,
    history: Mutex<History>,
}

impl Shared {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Sockets {
    management: Vec<TcpListener>,
    http: Vec<TcpListener>,
    tls: Vec<TcpListener>,
    dns: Vec<(TcpListener, UdpSocket)>,
}

fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Error> {
    let listen = |address: &SocketAddr| {
        let listener = TcpListener::bind(address).map_err(|error| serve_error("listen", error))?;
        listener.set_nonblocking(true).map_err(|error| serve_error("set up its socket", error))?;
        Ok(listener)
    };
    addresses.iter().map(listen).collect()
}

/// Both sockets have the same port, also where it is to be any.
fn dns_sockets(address: SocketAddr) -> Result<(TcpListener, UdpSocket), Error> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        let tcp =
            listen(&[address])?.pop().ok_or_else(|| serve_error("listen", std::io::Error::other("")))?;
        let here = tcp.local_addr().map_err(|error| serve_error("learn its address", error))?;
        match UdpSocket::bind(here) {
            Ok(udp) => {
                udp.set_nonblocking(true).map_err(|error| serve_error("set up its socket", error))?;
                return Ok((tcp, udp));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(serve_error("listen", last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into())))
}

fn spawn(
    sockets: Sockets,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> Result<JoinHandle<()>, Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| serve_error("start its runtime", error))?;
    let acceptor = tls::acceptor(&shared)?;
    let run = move || {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for listener in sockets.management {
                tasks.spawn(web::accept(listener, Arc::clone(&shared), web::Door::Management));
            }
            for listener in sockets.http {
                tasks.spawn(web::accept(listener, Arc::clone(&shared), web::Door::Http));
            }
            for listener in sockets.tls {
                tasks.spawn(web::accept(listener, Arc::clone(&shared), web::Door::Tls(acceptor.clone())));
            }
            for (tcp, udp) in sockets.dns {
                tasks.spawn(dns::serve_tcp(tcp, Arc::clone(&shared)));
                tasks.spawn(dns::serve_udp(udp, Arc::clone(&shared)));
            }
            let _ = stopped.await;
        });
        runtime.shutdown_background();
    };
    std::thread::Builder::new()
        .name("acme-challenges".to_owned())
        .spawn(run)
        .map_err(|error| serve_error("start its thread", error))
}

fn serve_error(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Serve { what, source: Box::new(source) }
}

/// How often another port is tried if one is free for TCP and not for UDP.
const PORT_TRIES: usize = 32;
