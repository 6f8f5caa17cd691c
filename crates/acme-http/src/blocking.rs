//! The client for threads.

use std::fmt;
use std::io::Read;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use acme_proto::{Exchange, TransportError};
use http::{Method, Request, Response};
use tracing::Span;
use ureq::{Agent, AsSendBody, Body, Proxy, ProxyProtocol};

use self::address::Addresses;
use self::dialer::Dialer;
use crate::builder::ClientBuilder;
use crate::error::Error;
use crate::failure::{is_taken, not_https, too_large};
use crate::limits::{CONNECT_LIMIT, MAX_CONNECTIONS, MAX_IDLE, MAX_RESPONSE_HEAD};
use crate::log;
use crate::lookup::Lookup;
use crate::tls::Roots;

mod address;
mod dialer;
mod failure;
mod transport;

/// An HTTP/1.1 client for threads.
///
/// It keeps connections and the addresses of hosts. Clones share both.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    takes_plain: bool,
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
        let span = log::span(&exchange);
        let _entered = span.enter();
        let started = Instant::now();
        let result = self.send(exchange);
        log::outcome(&result, started.elapsed());
        result
    }

    fn send(&self, exchange: Exchange) -> Result<Response<Vec<u8>>, TransportError> {
        let Exchange { request, max_body, time_limit, .. } = exchange;
        if !is_taken(request.uri(), self.takes_plain) {
            return Err(not_https());
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

/// Builds a client.
pub(crate) fn build(
    roots: &Roots,
    proxy_url: Option<&str>,
    lookup: Lookup,
    takes_plain: bool,
) -> Result<Client, Error> {
    let tls = Arc::new(roots.client_config(&[b"http/1.1"])?);
    let proxy = proxy_url.map(proxy).transpose()?;
    let addresses = Addresses::new(lookup);
    let config = Agent::config_builder()
        .accept("")
        .accept_encoding("")
        .http_status_as_error(false)
        .https_only(!takes_plain)
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
    Ok(Client { agent: Agent::with_parts(config, dialer, addresses), takes_plain })
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

/// Larger than [`MAX_RESPONSE_HEAD`], so that it is the limit that is met.
const INPUT_BUFFER: usize = 32 * 1024;
/// A whole TLS record with its overhead, so that it goes out at once.
const OUTPUT_BUFFER: usize = 17 * 1024;
