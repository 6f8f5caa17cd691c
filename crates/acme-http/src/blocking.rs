//! The client for threads.

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use acme_proto::{Delivery, Exchange, TransportError, TransportErrorKind};
use http::uri::Scheme;
use http::{Method, Request, Response};
use tracing::{Span, debug, debug_span};
use ureq::{Agent, AsSendBody, Body, Proxy, ProxyProtocol};

use self::address::{Addresses, Lookup};
use self::dialer::Dialer;
use crate::error::Error;
use crate::tls::Roots;

mod address;
mod dialer;
mod failure;
mod transport;

/// Most connections that one call of [`Client::perform`] keeps busy, and most that are kept idle.
pub const MAX_CONNECTIONS: usize = 16;

/// An HTTP/1.1 client for threads.
///
/// It keeps connections and the addresses of hosts. Clones share both.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
}

impl Client {
    /// Sets a client up that trusts the system's roots and uses no proxy.
    ///
    /// # Errors
    /// [`Error::SystemRoots`] when the system has none.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Begins to set a client up.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Carries exchanges out, and returns what became of each, in the same order.
    ///
    /// A lone exchange is carried out on the calling thread, several at the same time on up to
    /// [`MAX_CONNECTIONS`] threads that end with the call. Every status is a response. The errors
    /// say whether the request may have reached the CA.
    pub fn perform(&self, exchanges: Vec<Exchange>) -> Vec<Result<Response<Vec<u8>>, TransportError>> {
        if exchanges.len() <= 1 {
            return exchanges.into_iter().map(|exchange| self.exchange(exchange)).collect();
        }
        let helpers = exchanges.len().min(MAX_CONNECTIONS) - 1;
        let queue = Mutex::new(exchanges.into_iter().enumerate());
        let span = Span::current();
        let work = || span.in_scope(|| self.work(&queue));
        let mut done = thread::scope(|scope| {
            // Where no thread can be had, those that are there do the work.
            let spawn =
                |_| thread::Builder::new().name("acme-http".to_owned()).spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (0..helpers).map_while(spawn).collect();
            let mut done = work();
            for helper in helpers {
                done.extend(helper.join().unwrap_or_else(|payload| panic::resume_unwind(payload)));
            }
            done
        });
        done.sort_unstable_by_key(|done| done.position);
        done.into_iter().map(|done| done.result).collect()
    }

    /// Takes exchanges from a queue until it is empty.
    fn work(&self, queue: &Mutex<impl Iterator<Item = (usize, Exchange)>>) -> Vec<Done> {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::iter::from_fn(next)
            .map(|(position, exchange)| Done { position, result: self.exchange(exchange) })
            .collect()
    }

    fn exchange(&self, exchange: Exchange) -> Result<Response<Vec<u8>>, TransportError> {
        let span = debug_span!(
            "exchange",
            operation = exchange.operation.as_str(),
            method = exchange.request.method().as_str(),
            host = exchange.request.uri().host(),
        );
        let _entered = span.enter();
        let started = Instant::now();
        let result = self.send(exchange);
        let duration = started.elapsed();
        match &result {
            Ok(response) => {
                debug!(
                    status = response.status().as_u16(),
                    length = response.body().len(),
                    ?duration,
                    "response"
                );
            }
            Err(error) => debug!(kind = ?error.kind, delivery = ?error.delivery, ?duration, "no response"),
        }
        result
    }

    fn send(&self, exchange: Exchange) -> Result<Response<Vec<u8>>, TransportError> {
        let Exchange { request, max_body, time_limit, .. } = exchange;
        if request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Err(TransportError::new(Delivery::NotSent, TransportErrorKind::Connect, NotHttps));
        }
        let response = match *request.method() {
            Method::GET | Method::HEAD => self.run(request.map(|_| ()), time_limit),
            _ => self.run(request, time_limit),
        }?;
        let (parts, body) = response.into_parts();
        read(body, max_body).map(|body| Response::from_parts(parts, body))
    }

    fn run(
        &self,
        request: Request<impl AsSendBody>,
        time_limit: Duration,
    ) -> Result<Response<Body>, TransportError> {
        let request = self.agent.configure_request(request).timeout_global(Some(time_limit)).build();
        self.agent.run(request).map_err(failure::of_exchange)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// What became of the exchange at a position.
struct Done {
    position: usize,
    result: Result<Response<Vec<u8>>, TransportError>,
}

/// Sets a [`Client`] up.
///
/// ```
/// let error = acme_http::Client::builder().root_pem("not PEM").build().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the root certificates are not PEM: there is no '-----BEGIN CERTIFICATE-----' line"
/// );
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    roots: Roots,
    proxy: Option<String>,
    lookup: Lookup,
}

impl ClientBuilder {
    /// Trusts the certificates of a PEM text, and no others.
    ///
    /// Without it those of the system are trusted, or those in the file that the environment
    /// variable `SSL_CERT_FILE` names.
    pub fn root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Roots::Pem(pem.into());
        self
    }

    /// Sends everything through a proxy: `http://[USER:PASSWORD@]HOST:PORT`, or the same with
    /// `https`. None is taken from the environment.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6>
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Looks up host names (with their port) otherwise than the system does, to pin the address of
    /// a host.
    pub fn lookup(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.lookup = Lookup::new(lookup);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`Error::RootPem`] and [`Error::RootCertificate`] for damaged roots, [`Error::SystemRoots`]
    /// when the system has none, [`Error::Proxy`] for a URL that names no proxy.
    pub fn build(self) -> Result<Client, Error> {
        let tls = Arc::new(self.roots.client_config(&[b"http/1.1"])?);
        let proxy = self.proxy.as_deref().map(proxy).transpose()?;
        let addresses = Addresses::new(self.lookup);
        let config = Agent::config_builder()
            .accept("")
            .accept_encoding("")
            .http_status_as_error(false)
            .https_only(true)
            .input_buffer_size(INPUT_BUFFER)
            .max_idle_age(MAX_IDLE)
            .max_idle_connections(MAX_CONNECTIONS)
            .max_idle_connections_per_host(MAX_CONNECTIONS)
            .max_redirects(0)
            .max_response_header_size(MAX_RESPONSE_HEAD)
            .no_delay(true)
            .output_buffer_size(OUTPUT_BUFFER)
            .proxy(proxy)
            .timeout_connect(Some(CONNECT_LIMIT))
            .user_agent("")
            .build();
        let dialer = Dialer::new(tls, addresses.clone());
        Ok(Client { agent: Agent::with_parts(config, dialer, addresses) })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientBuilder")
    }
}

fn proxy(url: &str) -> Result<Proxy, Error> {
    let proxy = Proxy::new(url).map_err(|_| Error::Proxy)?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(proxy),
        ProxyProtocol::Socks4 | ProxyProtocol::Socks4A | ProxyProtocol::Socks5 | _ => Err(Error::Proxy),
    }
}

/// Reads a body to its end, so that the connection is of further use.
fn read(body: Body, max_body: usize) -> Result<Vec<u8>, TransportError> {
    let limit = u64::try_from(max_body).unwrap_or(u64::MAX);
    let announced = body.content_length().unwrap_or(0);
    if announced > limit {
        return Err(too_large(max_body));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    body.into_reader()
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| failure::of_exchange(error.into()))?;
    if bytes.len() > max_body { Err(too_large(max_body)) } else { Ok(bytes) }
}

fn too_large(max_body: usize) -> TransportError {
    TransportError::new(Delivery::Unknown, TransportErrorKind::BodyTooLarge, TooLarge { max_body })
}

#[derive(Debug, thiserror::Error)]
#[error("the URL is not https")]
struct NotHttps;

#[derive(Debug, thiserror::Error)]
#[error("more than {max_body} bytes")]
struct TooLarge {
    max_body: usize,
}

/// How long a connection may take to be made; an exchange's own limit may be shorter.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection is kept without being used.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// Most bytes of a response before its body.
const MAX_RESPONSE_HEAD: usize = 16 * 1024;
/// Larger than [`MAX_RESPONSE_HEAD`], so that it is the limit that is met.
const INPUT_BUFFER: usize = 32 * 1024;
/// A whole TLS record with its overhead, so that it goes out at once.
const OUTPUT_BUFFER: usize = 17 * 1024;
