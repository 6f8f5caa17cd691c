//! An HTTPS server that does what a test says, byte by byte.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use acme_http::Client;
use acme_proto::{Exchange, Operation, TransportError};
use http::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivateKeyDer;

/// Long enough for anything that works.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Where nobody listens: a port below those that are handed out, so that no other test gets it.
pub(crate) const NOBODY: &str = "127.0.0.1:1";
/// For what never comes.
pub(crate) const SHORT: Duration = Duration::from_millis(80);

/// A root of its own and a certificate below it.
pub(crate) struct Authority {
    pub(crate) root_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each has a name of its own, so that none passes for another with a wrong signature.
        let number = ROOTS.fetch_add(1, Ordering::SeqCst);
        root.distinguished_name.push(rcgen::DnType::CommonName, format!("Root {number} of the tests"));
        let root_pem = root.self_signed(&key).unwrap().pem();
        Self { root_pem, issuer: Issuer::new(root, key) }
    }

    /// TLS with a certificate for some names.
    pub(crate) fn config(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.config_of(
            CertificateParams::new(names.iter().copied().map(String::from).collect::<Vec<_>>()).unwrap(),
        )
    }

    pub(crate) fn config_of(&self, leaf: CertificateParams) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A listener on loopback with a thread for each connection, for as long as the tests run.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) root_pem: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Serves each connection by a function, until it returns.
    pub(crate) fn start(serve: impl Fn(Connection) + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        Self::start_with("127.0.0.1:0", &authority, authority.config(&["127.0.0.1", "ca.test"]), serve)
            .unwrap()
    }

    pub(crate) fn start_with(
        address: &str,
        authority: &Authority,
        config: Arc<ServerConfig>,
        serve: impl Fn(Connection) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (config, serve, number) =
                    (Arc::clone(&config), Arc::clone(&serve), count.fetch_add(1, Ordering::SeqCst));
                thread::spawn(move || {
                    if let Ok(connection) = Connection::accept(socket.unwrap(), config, number) {
                        serve(connection);
                    }
                });
            }
        });
        Ok(Self { address, root_pem: authority.root_pem.clone(), connections })
    }

    /// Answers every request in the same way.
    pub(crate) fn answering(response: impl Into<String>) -> Self {
        let response = response.into();
        Self::start(move |mut connection| {
            while connection.request().is_some() {
                connection.send(&response);
            }
        })
    }

    pub(crate) fn client(&self) -> Client {
        Client::builder().root_pem(self.root_pem.as_str()).build().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn get(&self, client: &Client) -> Result<Response<Vec<u8>>, TransportError> {
        perform(client, get(&self.url("/")))
    }
}

/// One connection, after the handshake.
pub(crate) struct Connection {
    /// Which one it is, from 0.
    pub(crate) number: usize,
    /// The end of the handshake, in TLS 1.3 a record like any other, comes before the first request.
    finished: usize,
    stream: BufReader<StreamOwned<ServerConnection, Tap>>,
}

/// A request as it came.
pub(crate) struct Incoming {
    pub(crate) head: String,
    pub(crate) body: String,
    /// In how many TLS records.
    pub(crate) records: usize,
}

impl Connection {
    fn accept(socket: TcpStream, config: Arc<ServerConfig>, number: usize) -> io::Result<Self> {
        let mut tap = Tap { socket, seen: Vec::new() };
        let mut tls = ServerConnection::new(config).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tap)?;
        }
        let mut stream = StreamOwned::new(tls, tap);
        stream.flush()?;
        Ok(Self { number, finished: 1, stream: BufReader::new(stream) })
    }

    /// Reads a request; none when the client has gone.
    pub(crate) fn request(&mut self) -> Option<Incoming> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).ok()?;
        let seen = std::mem::take(&mut self.stream.get_mut().sock.seen);
        Some(Incoming {
            head,
            body: String::from_utf8(body).unwrap(),
            records: records(&seen) - std::mem::take(&mut self.finished),
        })
    }

    /// Sends text, and tells whether the client is still there.
    pub(crate) fn send(&mut self, text: &str) -> bool {
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_ok()
    }

    /// Says goodbye as TLS wants it.
    pub(crate) fn close_notify(&mut self) {
        let stream = self.stream.get_mut();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}

/// A socket that remembers what came in.
struct Tap {
    socket: TcpStream,
    seen: Vec<u8>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.socket.read(buffer)?;
        self.seen.extend_from_slice(&buffer[..amount]);
        Ok(amount)
    }
}

impl Write for Tap {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Counts records of application data: a type, a version, a length, and that much more.
fn records(mut bytes: &[u8]) -> usize {
    const APPLICATION_DATA: u8 = 23;
    let mut count = 0;
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        bytes = rest.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
        count += usize::from(*kind == APPLICATION_DATA);
    }
    count
}

/// A response with a length.
pub(crate) fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn get(url: &str) -> Exchange {
    Exchange::new(Request::get(url).body(Vec::new()).unwrap(), Operation::Directory, 10_000, LONG)
}

pub(crate) fn post(url: &str, body: &str) -> Exchange {
    let request = Request::post(url).header("content-type", "application/jose+json");
    Exchange::new(request.body(body.as_bytes().to_vec()).unwrap(), Operation::NewOrder, 10_000, LONG)
}

/// Exchanges whose requests are as large as signatures of ML-DSA make them, and larger, and whose
/// responses may be as large.
pub(crate) fn large_posts(url: &str) -> Vec<Exchange> {
    [10_000, 30_000, 100_000]
        .into_iter()
        .map(|length| {
            let mut exchange = post(url, &"0123456789".repeat(length / 10));
            exchange.max_body = length + 100;
            exchange
        })
        .collect()
}

/// Performs one exchange.
pub(crate) fn perform(client: &Client, exchange: Exchange) -> Result<Response<Vec<u8>>, TransportError> {
    let mut results = client.perform(vec![exchange]);
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// The causes of an error, outermost first.
pub(crate) fn causes(error: &TransportError) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    causes
}

static ROOTS: AtomicUsize = AtomicUsize::new(0);
