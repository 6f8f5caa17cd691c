//! A load of HTTPS requests that never pauses, and counts what fails.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long one read or write may take.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// How many requests are sent on one connection before the next one is opened.
const REQUESTS: [u64; 3] = [1, 2, 15];
/// How large what is sent and asked for is.
const SIZES: [usize; 4] = [0, 100, 20_000, 300_000];

/// Clients that send files to a server and fetch them again, each on connections of its own.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a load came to.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Connections that were opened.
    pub connections: u64,
    /// Requests that were answered as they had to be.
    pub answered: u64,
    /// What did not work.
    pub failures: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    stop: AtomicBool,
    connections: AtomicU64,
    answered: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// Starts so many clients of a server that takes PUT, and adds the header `X-Client` with the
    /// address it sees.
    ///
    /// # Errors
    /// When the name or the certificate can't be used.
    pub fn start(
        clients: usize,
        address: SocketAddr,
        name: &str,
        certificate: CertificateDer<'static>,
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let shared = Arc::new(Shared {
            address,
            name: ServerName::try_from(name.to_owned()).map_err(io::Error::other)?,
            tls: Arc::new(tls),
            stop: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            failures: Mutex::new(Vec::new()),
        });
        let start = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.run(client))
        };
        let threads = (0..clients).map(start).collect();
        Ok(Self { shared, threads })
    }

    /// Waits until so many requests more were answered, or one failed.
    pub fn wait_for(&self, more: u64) {
        let end = self.shared.answered.load(Ordering::SeqCst) + more;
        while self.shared.answered.load(Ordering::SeqCst) < end && self.shared.failures().is_empty() {
            thread::yield_now();
        }
    }

    /// Ends it, after the request that each client is at.
    #[must_use]
    pub fn end(self) -> Figures {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            if thread.join().is_err() {
                self.shared.failures().push("a client panicked".to_owned());
            }
        }
        Figures {
            connections: self.shared.connections.load(Ordering::SeqCst),
            answered: self.shared.answered.load(Ordering::SeqCst),
            failures: self.shared.failures().clone(),
        }
    }
}

impl Shared {
    fn failures(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, client: usize) {
        let mut sizes = SIZES.iter().copied().cycle().skip(client);
        for requests in REQUESTS.iter().copied().cycle().skip(client) {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            if let Err(error) = self.converse(client, requests, &mut sizes) {
                return self.failures().push(format!("client {client}: {error}"));
            }
        }
    }

    /// One connection: files are sent and fetched again.
    fn converse(
        &self,
        client: usize,
        requests: u64,
        sizes: &mut impl Iterator<Item = usize>,
    ) -> io::Result<()> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(TIME_LIMIT))?;
        socket.set_write_timeout(Some(TIME_LIMIT))?;
        let own = socket.local_addr()?.to_string();
        let tls =
            ClientConnection::new(Arc::clone(&self.tls), self.name.clone()).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(tls, socket));
        self.connections.fetch_add(1, Ordering::SeqCst);
        for request in 0..requests {
            let path = format!("/up/{client}");
            let file: Vec<u8> =
                (0..sizes.next().unwrap_or_default()).map(|at| (at as u64 * 7 + request) as u8).collect();
            let put = self.exchange(&mut stream, "PUT", &path, &file, &own)?;
            let got = self.exchange(&mut stream, "GET", &path, &[], &own)?;
            if !put.is_empty() || got != file {
                return Err(io::Error::other("what was fetched is not what was sent"));
            }
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
        }
        stream.get_mut().conn.send_close_notify();
        stream.get_mut().flush()
    }

    fn exchange(
        &self,
        stream: &mut BufReader<StreamOwned<ClientConnection, TcpStream>>,
        method: &str,
        path: &str,
        body: &[u8],
        own: &str,
    ) -> io::Result<Vec<u8>> {
        let length = body.len();
        write!(
            stream.get_mut(),
            "{method} {path} HTTP/1.1\r\nHost: load\r\nContent-Length: {length}\r\n\r\n"
        )?;
        stream.get_mut().write_all(body)?;
        stream.get_mut().flush()?;
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_ascii_lowercase());
        }
        let header = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if !head.first().is_some_and(|status| status.starts_with("http/1.1 20")) {
            return Err(io::Error::other(format!("{method} answered by {head:?}")));
        }
        if header("x-client:") != Some(own) {
            return Err(io::Error::other(format!("the server takes {own} for another: {head:?}")));
        }
        let length = header("content-length:").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        self.answered.fetch_add(1, Ordering::SeqCst);
        Ok(answer)
    }
}
