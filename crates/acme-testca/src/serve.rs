//! The CA on a socket of the loopback interface, in its own thread, with real validations.

mod body;
mod caa;
mod connection;
mod dns;
mod dns01;
mod http01;
mod identity;
mod management;
mod pebble;
mod resolver;
mod tls_alpn01;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{runtime, sync::oneshot};
use tokio_rustls::TlsAcceptor;

use crate::{
    ca::{AlwaysValid, Ca},
    caa::CaaRecord,
    config::Config,
    error::Error,
    fault::{Fault, Script},
    log::{Counts, Issued, RequestRecord},
    renewal::RenewalWindow,
    route::Operation,
};
use connection::Door;
use identity::Identity;
pub use pebble::Pebble;
use resolver::Resolver;

/// A running test CA. It stops when it is dropped.
///
/// ```
/// let ca = acme_testca::TestCa::start()?;
/// assert!(ca.directory_url().starts_with("https://127.0.0.1:"));
/// assert!(ca.root_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), acme_testca::Error>(())
/// ```
pub struct TestCa {
    shared: Arc<Shared>,
    address: SocketAddr,
    management_address: Option<SocketAddr>,
    directory_url: String,
    root_pem: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestCa {
    /// Starts a hostile CA with the default seed on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// No port, no thread, or no key could be had.
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// Begins a CA that differs from the default.
    pub fn builder() -> TestCaBuilder {
        TestCaBuilder::default()
    }

    /// The URL that a client is given.
    #[must_use]
    pub fn directory_url(&self) -> &str {
        &self.directory_url
    }

    /// What a client must trust for the connection, and what the issued chains end in.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The other root: what the alternate chains end in. `None` if the state was saved by a version
    /// that had one root.
    #[must_use]
    pub fn other_root_pem(&self) -> Option<String> {
        self.ca().other_root_pem()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the management interface of [`TestCaBuilder::pebble`] listens.
    #[must_use]
    pub fn management_address(&self) -> Option<SocketAddr> {
        self.management_address
    }

    /// Adds a resolve rule, as [`TestCaBuilder::resolve`] does.
    ///
    /// # Errors
    ///
    /// A rule that is none, and an address that is not loopback.
    pub fn resolve(&self, rule: &str) -> Result<(), Error> {
        lock(&self.shared.resolver).add(rule)
    }

    /// Carries out http-01 validations at another port.
    pub fn validate_http_at(&self, port: u16) {
        self.shared.http_port.store(port, Ordering::Relaxed);
    }

    /// Carries out tls-alpn-01 validations at another port.
    pub fn validate_tls_at(&self, port: u16) {
        self.shared.tls_port.store(port, Ordering::Relaxed);
    }

    /// Asks another resolver, as [`TestCaBuilder::dns`] says. This one may be anywhere: what it is
    /// asked for are records, and no connection is made to where they lead.
    pub fn validate_dns_at(&self, resolver: SocketAddr) {
        *lock(&self.shared.dns) = Some(resolver);
    }

    /// Switches whether challenges become valid without a validation.
    pub fn always_valid(&self, always: AlwaysValid) {
        self.ca().set_always_valid(always);
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.ca().add_faults([fault]);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.ca().clear_faults();
    }

    /// The requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.ca().requests()
    }

    /// The certificates issued, oldest first.
    #[must_use]
    pub fn issued(&self) -> Vec<Issued> {
        self.ca().issued()
    }

    /// Revokes a certificate as the CA itself would. Says whether there is one with this serial
    /// number that was not revoked yet.
    #[must_use]
    pub fn revoke(&self, serial: &str) -> bool {
        self.ca().revoke(serial, Timestamp::now())
    }

    /// Lets paused identifiers be ordered again, as [`Ca::unpause`] does.
    pub fn unpause(&self) -> usize {
        self.ca().unpause()
    }

    /// Withdraws a profile, as [`Ca::withdraw_profile`] does.
    pub fn withdraw_profile(&self, name: &str) -> bool {
        self.ca().withdraw_profile(name)
    }

    /// Sets the CAA records of a name, as [`Ca::set_caa_records`] does.
    pub fn set_caa_records(&self, name: &str, records: Vec<CaaRecord>) {
        self.ca().set_caa_records(name, records);
    }

    /// Moves the window in which a certificate is to be renewed. Says whether there is one with this
    /// serial number.
    #[must_use]
    pub fn set_renewal_window(&self, serial: &str, window: RenewalWindow) -> bool {
        self.ca().set_renewal_window(serial, window)
    }

    /// Asks for all certificates to be renewed at once, as [`Ca::recall`] does.
    pub fn recall(&self, explanation_url: &str) -> usize {
        self.ca().recall(explanation_url, Timestamp::now())
    }

    /// Moves the CA's own clock forward.
    pub fn advance(&self, by: Duration) {
        self.ca().advance(by);
    }

    /// The counters, connections included.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { connections: self.shared.connections.load(Ordering::Relaxed), ..self.ca().counts() }
    }

    /// Writes down everything that must outlive the process, private keys included, for
    /// [`TestCaBuilder::saved`].
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.ca().save()
    }

    /// Does with the CA itself what this type has no method for. Requests wait meanwhile.
    pub fn with<T>(&self, act: impl FnOnce(&mut Ca) -> T) -> T {
        act(&mut self.ca())
    }

    fn ca(&self) -> MutexGuard<'_, Ca> {
        lock(&self.shared.ca)
    }
}

impl Drop for TestCa {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was reported by its own hook already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for TestCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCa").field("directory_url", &self.directory_url).finish_non_exhaustive()
    }
}

/// What a [`TestCa`] is to be like.
#[must_use = "nothing listens before it is started"]
pub struct TestCaBuilder {
    config: Config,
    listen: SocketAddr,
    http_port: u16,
    tls_port: u16,
    dns: Option<SocketAddr>,
    transport: Transport,
    saved: Option<Vec<u8>>,
    rules: Vec<String>,
    faults: Vec<Fault>,
    hook: Option<Hook>,
    pebble: Option<Pebble>,
}

impl TestCaBuilder {
    /// Sets all switches. An empty [`Config::base_url`] becomes the address it listens on.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Takes the switches of [`Config::gentle`], but for the seed.
    pub fn gentle(mut self) -> Self {
        self.config = Config { seed: self.config.seed, ..Config::gentle() };
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Leaves validations out: each challenge that is answered is valid.
    pub fn always_valid(mut self) -> Self {
        self.config.always_valid = true;
        self
    }

    /// Listens at this address instead of a free port of 127.0.0.1. It must be loopback.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Carries out http-01 validations at this port instead of 80.
    pub fn http_port(mut self, port: u16) -> Self {
        self.http_port = port;
        self
    }

    /// Carries out tls-alpn-01 validations at this port instead of 443.
    pub fn tls_port(mut self, port: u16) -> Self {
        self.tls_port = port;
        self
    }

    /// Asks the resolver at this address, which must be loopback, for the records of dns-01, its kin and, if
    /// there are [`Config::caa_identities`], for CAA. Without one, dns-01 validations fail, and CAA
    /// records are those of the configuration only. The rules of [`TestCaBuilder::resolve`] say where names lead
    /// all the same.
    pub fn dns(mut self, resolver: SocketAddr) -> Self {
        self.dns = Some(resolver);
        self
    }

    /// Adds a rule for where names lead: `NAME=ADDRESSES`, `*.DOMAIN=ADDRESSES` or `*=ADDRESSES`,
    /// where NAME may be an address as well, addresses are separated by commas, may have a port each, and must be loopback. No
    /// address at all means that the name does not exist. The last rule that fits is taken; without
    /// rules every name leads to 127.0.0.1, then ::1, and an address to itself if it is loopback.
    pub fn resolve(mut self, rule: impl Into<String>) -> Self {
        self.rules.push(rule.into());
        self
    }

    /// Adds a fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Adds all faults of a script.
    pub fn script(mut self, script: Script) -> Self {
        self.faults.extend(script.into_faults());
        self
    }

    /// Calls this before and after each request is carried out, on a thread of its own: the request
    /// (no other) waits until it returns, so that a test can end a process or change the world at
    /// a certain step.
    pub fn on_request(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Takes up what [`TestCa::save`] or [`Ca::save`] wrote.
    pub fn saved(mut self, state: Vec<u8>) -> Self {
        self.saved = Some(state);
        self
    }

    /// Is to programs what Pebble is to them.
    pub fn pebble(mut self, pebble: Pebble) -> Self {
        self.pebble = Some(pebble);
        self
    }

    /// Speaks HTTP without TLS. RFC 8555 section 6.1 forbids it to real CAs.
    pub fn plain_http(mut self) -> Self {
        self.transport = Transport::Plain;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// A configuration, rule or state that is wrong, an address that is not loopback or not free,
    /// and failures of the operating system and of the cryptographic library.
    pub fn start(self) -> Result<TestCa, Error> {
        if !self.listen.ip().is_loopback() {
            return Err(Error::NotLoopback(self.listen.ip()));
        }
        if let Some(beyond) = self.pebble.as_ref().filter(|pebble| !pebble.management.ip().is_loopback()) {
            return Err(Error::NotLoopback(beyond.management.ip()));
        }
        if let Some(beyond) = self.dns.filter(|resolver| !resolver.ip().is_loopback()) {
            return Err(Error::NotLoopback(beyond.ip()));
        }
        let mut resolver = Resolver::default();
        for rule in &self.rules {
            resolver.add(rule)?;
        }
        let (listener, address) = listen(self.listen)?;
        let mut config = self.config;
        if config.base_url.is_empty() {
            config.base_url = format!("{}://{address}", self.transport.scheme());
        }
        let now = Timestamp::now();
        let mut ca = match &self.saved {
            Some(state) => Ca::load(state, config)?,
            None => Ca::new(config, now)?,
        };
        ca.add_faults(self.faults);
        let acceptor = match (self.transport, self.pebble.as_ref().and_then(Pebble::identity)) {
            (Transport::Plain, _) => None,
            (Transport::Tls, Some((chain, key))) => Some(acceptor(identity::read(chain, key)?)?),
            (Transport::Tls, None) => Some(acceptor(identity::make(&ca, now)?)?),
        };
        let management = self.pebble.as_ref().map(|pebble| listen(pebble.management)).transpose()?;
        let directory_url = match &self.pebble {
            Some(_) => ca.directory_url().replacen(DIRECTORY_PATH, pebble::DIRECTORY_PATH, 1),
            None => ca.directory_url(),
        };
        let root_pem = ca.root_pem();
        let shared = Arc::new(Shared {
            ca: Mutex::new(ca),
            resolver: Mutex::new(resolver),
            http_port: AtomicU16::new(self.http_port),
            tls_port: AtomicU16::new(self.tls_port),
            dns: Mutex::new(self.dns),
            connections: AtomicU64::new(0),
            arrivals: AtomicU64::new(0),
            hook: self.hook,
            is_pebble: self.pebble.is_some(),
            resolves_by_dns: self.pebble.is_some_and(|pebble| pebble.resolves_by_dns),
        });
        let (stop, stopped) = oneshot::channel();
        let management_address = management.as_ref().map(|(_, address)| *address);
        let listeners = Listeners { acme: listener, management: management.map(|(listener, _)| listener) };
        let thread = spawn(listeners, acceptor, Arc::clone(&shared), stopped)?;
        let thread = Some(thread);
        let stop = Some(stop);
        Ok(TestCa { shared, address, management_address, directory_url, root_pem, stop, thread })
    }
}

impl Default for TestCaBuilder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            http_port: HTTP_PORT,
            tls_port: TLS_PORT,
            dns: None,
            transport: Transport::Tls,
            saved: None,
            rules: Vec::new(),
            faults: Vec::new(),
            hook: None,
            pebble: None,
        }
    }
}

impl fmt::Debug for TestCaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCaBuilder")
            .field("config", &self.config)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// A request, as a hook sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Whether it is about to be carried out, or was.
    pub moment: Moment,
    /// The number of the request: 1, 2, 3, in order of arrival at the server.
    pub number: u64,
    /// What it is for.
    pub operation: Operation,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status of the response; `None` before, and if the connection will be closed instead.
    pub status: Option<u16>,
}

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The request is here, and nothing has been done.
    Before,
    /// The request is carried out, and its response not sent.
    After,
}

type Hook = Arc<dyn Fn(&Event) + Send + Sync>;

/// What the server's tasks share with the [`TestCa`].
struct Shared {
    ca: Mutex<Ca>,
    resolver: Mutex<Resolver>,
    http_port: AtomicU16,
    tls_port: AtomicU16,
    dns: Mutex<Option<SocketAddr>>,
    connections: AtomicU64,
    arrivals: AtomicU64,
    hook: Option<Hook>,
    is_pebble: bool,
    /// Whether names lead where the resolver says, instead of the rules.
    resolves_by_dns: bool,
}

/// Where clients come in.
struct Listeners {
    acme: TcpListener,
    management: Option<TcpListener>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Plain,
    Tls,
}

impl Transport {
    fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }
}

/// Whoever panicked while holding the lock was a test; the CA's state is whole between calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects to the first address that takes the connection.
async fn connect(addresses: &[SocketAddr]) -> io::Result<tokio::net::TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match tokio::net::TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind(address).map_err(|error| serve_error("listen", error))?;
    listener.set_nonblocking(true).map_err(|error| serve_error("set up its socket", error))?;
    let address = listener.local_addr().map_err(|error| serve_error("learn its address", error))?;
    Ok((listener, address))
}

fn acceptor((chain, key): Identity) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| serve_error("set up TLS", error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn spawn(
    listeners: Listeners,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> Result<JoinHandle<()>, Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| serve_error("start its runtime", error))?;
    let adopt = |listener| {
        let _context = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(|error| serve_error("set up its socket", error))
    };
    let acme = adopt(listeners.acme)?;
    let management = listeners.management.map(adopt).transpose()?;
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => {}
                () = connection::accept(&acme, acceptor.as_ref(), &shared, Door::Acme) => {}
                () = accept_management(management.as_ref(), acceptor.as_ref(), &shared) => {}
            }
        });
        // Hooks that wait for something that will not come any more must not hold up the end.
        runtime.shutdown_background();
    };
    std::thread::Builder::new()
        .name("acme-testca".to_owned())
        .spawn(run)
        .map_err(|error| serve_error("start its thread", error))
}

async fn accept_management(
    listener: Option<&tokio::net::TcpListener>,
    acceptor: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
) {
    match listener {
        Some(listener) => connection::accept(listener, acceptor, shared, Door::Management).await,
        None => std::future::pending().await,
    }
}

fn serve_error(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Serve { what, source: Box::new(source) }
}

const DIRECTORY_PATH: &str = "/directory";
const HTTP_PORT: u16 = 80;
const TLS_PORT: u16 = 443;
