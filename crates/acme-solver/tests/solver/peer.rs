use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use acme_keys::ChallengeCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// Sends bytes and reads the answer to its end.
pub(crate) fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_ref()).unwrap();
    read(&mut stream)
}

/// Reads to the end; a reset is one too.
pub(crate) fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(answer).unwrap()
}

pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    send(address, format!("GET {path} HTTP/1.1\r\nHost: any.example\r\n\r\n"))
}

/// A web server that answers what a test wants.
pub(crate) struct WebServer {
    pub(crate) address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl WebServer {
    /// Answers each request by what `answer` makes of its path and `Host`.
    pub(crate) fn start(answer: impl Fn(&str, &str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
                // What speaks something else is not answered.
                let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { continue };
                let Some(host) = head.iter().find_map(|line| line.strip_prefix("Host: ")) else { continue };
                // A client that has seen enough may be gone.
                let _ = stream.write_all(&answer(path, host));
            }
        });
        Self { address, is_over, thread: Some(thread) }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

/// The address of something that says a line to whoever connects, once, and listens to nobody.
pub(crate) fn banner(line: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        // Unread bytes would reset the connection, and the line with it.
        let _ = stream.read(&mut [0; 4096]);
    });
    address
}

/// A TLS server with a certificate for `server.example`.
pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    is_over: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsServer {
    /// Answers each request by what `answer` makes of its first line; ALPN is what it names.
    pub(crate) fn start(protocols: &[&[u8]], answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let config = tls_config(protocols);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_over, asked) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (ends, notes) = (Arc::clone(&is_over), Arc::clone(&asked));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream.unwrap()));
                let mut line = String::new();
                // A client that has seen enough may be gone.
                if stream.read_line(&mut line).is_ok() {
                    notes.lock().unwrap().push(line.trim_end().to_owned());
                    let _ = stream.get_mut().write_all(answer(line.trim_end()).as_bytes());
                }
            }
        });
        Self { address, is_over, asked, thread: Some(thread) }
    }

    /// The first lines of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

fn tls_config(protocols: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    // Any certificate will do: nobody looks at its extension.
    let name = "server.example".parse().unwrap();
    let certificate = ChallengeCertificate::new(&name, &[1; 32]).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(certificate.private_key_der()).unwrap();
    let shown = CertifiedKey::new(vec![certificate.certificate_der()], key);
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}
