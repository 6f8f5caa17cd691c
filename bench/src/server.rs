//! The test CA behind HTTP/1.1 or HTTP/2, as far away as one likes.

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use acme_testca::{Ca, Config, Finalize};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::ca::Work;
use crate::distance;

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 for those who can.
    Http2,
}

impl Protocol {
    /// The name on command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Http1, Self::Http2];
        all.into_iter().find(|one| one.as_str() == text).ok_or_else(|| format!("'{text}' is no protocol"))
    }
}

/// The server, with threads of its own.
pub(crate) struct Server {
    directory_url: String,
    root_pem: String,
    shared: Arc<Mutex<Shared>>,
    _runtime: Runtime,
}

struct Shared {
    ca: Ca,
    work: Work,
}

impl Server {
    pub(crate) fn start(protocol: Protocol, round_trip: Duration) -> Result<Self, Box<dyn Error>> {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let mut config = Config::gentle();
        config.base_url = format!("https://{}", listener.local_addr()?);
        config.always_valid = true;
        config.finalize = Finalize::AfterPolls(0);
        let ca = Ca::new(config, Timestamp::now())?;
        let directory_url = ca.directory_url();
        let shared = Arc::new(Mutex::new(Shared { ca, work: Work::default() }));
        let (acceptor, root_pem) = tls(protocol)?;
        runtime.spawn(accept(listener, acceptor, Arc::clone(&shared), round_trip / 2));
        Ok(Self { directory_url, root_pem, shared, _runtime: runtime })
    }

    pub(crate) fn directory_url(&self) -> &str {
        &self.directory_url
    }

    pub(crate) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    pub(crate) fn work(&self) -> Work {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).work
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Mutex<Shared>>, one_way: Duration) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // A client that goes away takes its connection with it.
            let _ = socket.set_nodelay(true);
            let _ = if one_way.is_zero() {
                serve(acceptor, socket, shared).await
            } else {
                serve(acceptor, distance::far_away(socket, one_way), shared).await
            };
        });
    }
}

async fn serve<S>(
    acceptor: TlsAcceptor,
    socket: S,
    shared: Arc<Mutex<Shared>>,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = TokioIo::new(acceptor.accept(socket).await?);
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(MAX_STREAMS);
    builder.serve_connection(stream, service).await
}

async fn answer(
    request: http::Request<Incoming>,
    shared: Arc<Mutex<Shared>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let request = http::Request::from_parts(parts, body);
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = Instant::now();
    let response = shared.ca.handle(&request, Timestamp::now()).into_response().unwrap_or_default();
    shared.work.requests += 1;
    shared.work.time += begun.elapsed();
    Ok(response.map(|body| Full::new(body.into())))
}

fn tls(protocol: Protocol) -> Result<(TlsAcceptor, String), Box<dyn Error>> {
    let key = KeyPair::generate()?;
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&key)?.pem();
    let issuer = Issuer::new(root, key);
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key)?;
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok((TlsAcceptor::from(Arc::new(config)), root_pem))
}

/// As many as Let's Encrypt's server grants.
const MAX_STREAMS: u32 = 128;
