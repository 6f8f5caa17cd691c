//! http-01 answered from tokio: by a listener of our own, or by a server that is there.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, SolverError, SolverFuture};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Http01;
use super::request::Request;
use crate::listener::tokio::{Bound, Listening};
use crate::listener::{BindError, MAX_DRAINED};
use crate::response::{http_token, http_types};

/// The responses of http-01 challenges, for a server that is there to give out.
///
/// Clones share the responses: one is the solver, one answers.
///
/// ```
/// use acme_solver::Http01Responder;
///
/// let responder = Http01Responder::new();
/// // In the handler of `/.well-known/acme-challenge/…`; `None` is a 404.
/// assert_eq!(responder.respond("/.well-known/acme-challenge/unknown"), None);
/// ```
///
/// It is a tower service, too: axum takes it in `Router::route_service`.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.3>
#[derive(Clone, Default)]
pub struct Http01Responder {
    tokens: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Http01Responder {
    /// Begins without a response.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The body for a path, to be sent as `application/octet-stream`; none where nothing is in
    /// place.
    #[must_use]
    pub fn respond(&self, path: &str) -> Option<String> {
        self.tokens().get(path.strip_prefix(Challenge::HTTP_PREFIX)?).cloned()
    }

    fn put(&self, challenge: &Challenge) -> Result<(), SolverError> {
        let token = http_token(challenge)?.to_owned();
        self.tokens().insert(token, challenge.key_authorization().to_owned());
        tracing::debug!(identifier = %challenge.identifier, "http-01 response presented");
        Ok(())
    }

    fn take(&self, challenge: &Challenge) -> Result<(), SolverError> {
        self.tokens().remove(http_token(challenge)?);
        tracing::debug!(identifier = %challenge.identifier, "http-01 response withdrawn");
        Ok(())
    }

    fn tokens(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // A map between two operations is whole, whoever panicked.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncSolver for Http01Responder {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        http_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { challenges.iter().map(|challenge| self.put(challenge)).collect() })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { challenges.iter().map(|challenge| self.take(challenge)).collect() })
    }
}

impl fmt::Debug for Http01Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http01Responder")
    }
}

/// [`Http01`] on tokio: a listener that answers http-01 challenges, and nothing else.
///
/// The port is taken by [`AsyncHttp01::bind`], before any CA hears of a name; it is free again soon
/// after the last clone is dropped, and at the end of the runtime. Clones share the port and the
/// responses. The limits are those of [`Http01`].
#[derive(Clone)]
#[must_use = "the port is free again when the listener is dropped"]
pub struct AsyncHttp01 {
    address: SocketAddr,
    responder: Http01Responder,
    _listening: Arc<Listening>,
}

impl AsyncHttp01 {
    /// Listens, as [`Http01::bind`] does.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried.
    pub async fn bind(addresses: impl ToSocketAddrs + Send + 'static) -> Result<Self, BindError> {
        Self::start(Bound::at(addresses).await?)
    }

    /// Listens on a port of every address, of both families.
    ///
    /// # Errors
    ///
    /// [`BindError`], as from [`AsyncHttp01::bind`].
    pub async fn bind_any(port: u16) -> Result<Self, BindError> {
        Self::bind((Ipv6Addr::UNSPECIFIED, port)).await
    }

    /// Takes over a socket that listens, such as one inherited from a service manager.
    ///
    /// # Errors
    ///
    /// [`BindError`], if the socket is none that listens.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn from_listener(listener: TcpListener) -> Result<Self, BindError> {
        Self::start(Bound::from_listener(listener)?)
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn start(bound: Bound) -> Result<Self, BindError> {
        let (address, responder) = (bound.address, Http01Responder::new());
        let answers = responder.clone();
        let listening = bound.serve(move |socket| answer(socket, answers.clone()));
        Ok(Self { address, responder, _listening: listening })
    }
}

impl AsyncSolver for AsyncHttp01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        http_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        self.responder.present(challenges)
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        self.responder.withdraw(challenges)
    }
}

impl fmt::Debug for AsyncHttp01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncHttp01").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn answer(mut socket: TcpStream, responder: Http01Responder) -> io::Result<()> {
    let mut buffer = vec![0; Http01::MAX_REQUEST];
    let mut filled = 0;
    let response = loop {
        let fresh = socket.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        filled += fresh;
        let request = Request::read(buffer.get(..filled).unwrap_or_default(), fresh);
        match response(&request, &responder) {
            Some(response) => break response,
            // It is larger than any request has to be, or ends too early.
            None if fresh == 0 => break malformed(),
            None => {}
        }
    };
    socket.write_all(&response).await?;
    socket.shutdown().await?;
    // A close with bytes unread resets the connection, and the reset may overtake the answer.
    tokio::io::copy(&mut socket.take(MAX_DRAINED as u64), &mut tokio::io::sink()).await.map(drop)
}

/// The answer to a request, once it is whole.
fn response(request: &Request<'_>, responder: &Http01Responder) -> Option<Vec<u8>> {
    Some(match request {
        Request::Incomplete => return None,
        Request::Malformed => malformed(),
        Request::OtherMethod => {
            text("405 Method Not Allowed\r\nAllow: GET, HEAD", "text/plain", "GET only\n", false)
        }
        Request::Path { path, is_head } => match responder.respond(path) {
            Some(body) => text("200 OK", "application/octet-stream", &body, *is_head),
            None => text("404 Not Found", "text/plain", "no such ACME challenge\n", *is_head),
        },
    })
}

fn malformed() -> Vec<u8> {
    text("400 Bad Request", "text/plain", "bad request\n", false)
}

fn text(status: &str, kind: &str, body: &str, is_head: bool) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let body = if is_head { "" } else { body };
    [head.as_bytes(), body.as_bytes()].concat()
}
