//! The way from a provider to its service: requests, waits, and what becomes of both.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use acme_proto::{Exchange, Operation, TransportError};
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::desk::Desk;
use super::error::{DnsError, DnsErrorKind};
use super::provider::{Fault, Profile};

/// What a task of a provider is: it ends, and may fail.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = Result<T, DnsError>> + Send + 'a>>;

/// A provider's way to its service.
///
/// What several tasks ask for at the same time goes out at the same time. A task may wait for
/// nothing but what it asks for here.
#[derive(Clone, Debug)]
pub struct Api {
    desk: Arc<Desk>,
    profile: Profile,
}

impl Api {
    /// Most requests that are out at a time.
    pub const WIDTH: usize = 8;
    /// How often a request is sent at most.
    pub const MAX_TRIES: u32 = 4;
    /// The wait before the second try where the service does not say; each is twice the one before.
    pub const FIRST_WAIT: Duration = Duration::from_secs(1);
    /// The longest wait that a service may ask for; a longer one ends the task, with a temporary
    /// error.
    pub const MAX_WAIT: Duration = Duration::from_secs(60);
    /// Most pages of a list that are read.
    pub const MAX_PAGES: usize = 200;
    /// The largest body of a reply, in bytes.
    pub const MAX_BODY: usize = 4 << 20;
    /// How long a request may take.
    pub const TIME_LIMIT: Duration = Duration::from_secs(30);

    pub(super) fn new(desk: Arc<Desk>, profile: Profile) -> Self {
        Self { desk, profile }
    }

    /// The time of the last step.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.desk.now()
    }

    /// Lets time pass.
    pub async fn wait(&self, time: Duration) {
        let timer = self.desk.start(time);
        future::poll_fn(|_| if self.desk.is_over(timer) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Sends a request, and again where the service is busy or was not reached: every request has
    /// to be one that may be repeated.
    ///
    /// # Errors
    /// When there is no reply, or the service stays busy.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Reply, DnsError> {
        let mut wait = Self::FIRST_WAIT;
        for is_last in (1..=Self::MAX_TRIES).map(|tries| tries == Self::MAX_TRIES) {
            let retry_after = match self.exchange(request.clone()).await {
                Ok(reply) if !self.is_busy(&reply) && !reply.status.is_server_error() => return Ok(reply),
                Ok(reply) if is_last && !self.is_busy(&reply) => return Ok(reply),
                Ok(reply) => reply.retry_after(self.now()),
                Err(error) if is_last || !error.is_temporary() => {
                    return Err(self.error(DnsErrorKind::Transport(Arc::new(error))));
                }
                Err(_) => None,
            };
            let time = retry_after.unwrap_or(wait);
            if is_last || time > Self::MAX_WAIT {
                return Err(self.error(DnsErrorKind::Busy { retry_after: time }));
            }
            self.wait(time).await;
            wait *= 2;
        }
        Err(self.error(DnsErrorKind::Busy { retry_after: wait }))
    }

    /// Sends a request that may not be repeated by itself.
    ///
    /// # Errors
    /// When there is no reply, or the service is busy.
    pub async fn send_once(&self, request: Request<Vec<u8>>) -> Result<Reply, DnsError> {
        let reply = self.exchange(request).await;
        let reply = reply.map_err(|error| self.error(DnsErrorKind::Transport(Arc::new(error))))?;
        if !self.is_busy(&reply) {
            return Ok(reply);
        }
        let retry_after = reply.retry_after(self.now()).unwrap_or(Self::FIRST_WAIT);
        Err(self.error(DnsErrorKind::Busy { retry_after }))
    }

    /// Sends a request as [`send`](Self::send) does, and takes success only.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), and what [`refusal`](Self::refusal) makes of any other reply.
    pub async fn call(&self, request: Request<Vec<u8>>) -> Result<Reply, DnsError> {
        let reply = self.send(request).await?;
        if reply.status.is_success() { Ok(reply) } else { Err(self.refusal(&reply)) }
    }

    /// The error that a reply stands for.
    #[must_use]
    pub fn refusal(&self, reply: &Reply) -> DnsError {
        let detail = (self.profile.detail)(reply).unwrap_or_default();
        let (status, detail) = (reply.status.as_u16(), self.profile.printable(&detail));
        let is_forbidden = matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let needs = self.profile.needs;
        self.error(match (self.profile.fault)(reply) {
            Some(Fault::Credentials) => DnsErrorKind::Credentials { status, detail, needs },
            None if is_forbidden => DnsErrorKind::Credentials { status, detail, needs },
            Some(Fault::Busy) | None => DnsErrorKind::Refused { status, detail },
        })
    }

    /// The error for something that the service took on, and that came to nothing.
    #[must_use]
    pub fn failure(&self, detail: &str) -> DnsError {
        self.error(DnsErrorKind::Failed { detail: self.profile.printable(detail) })
    }

    /// The error for a reply that makes no sense.
    #[must_use]
    pub fn unclear(&self, what: &'static str) -> DnsError {
        self.error(DnsErrorKind::Reply { what })
    }

    /// An error of the service.
    #[must_use]
    pub fn error(&self, kind: DnsErrorKind) -> DnsError {
        DnsError { service: self.profile.service, kind }
    }

    /// What the service and its provider have to say of themselves.
    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    fn is_busy(&self, reply: &Reply) -> bool {
        reply.is_rate_limit() || (self.profile.fault)(reply) == Some(Fault::Busy)
    }

    async fn exchange(&self, mut request: Request<Vec<u8>>) -> Result<Reply, TransportError> {
        request.headers_mut().entry(USER_AGENT).or_insert(OWN_NAME);
        let exchange = Exchange::new(request, Operation::Dns, Self::MAX_BODY, Self::TIME_LIMIT);
        let ticket = self.desk.queue(exchange);
        let response = future::poll_fn(|_| match self.desk.collect(ticket) {
            Some(response) => Poll::Ready(response),
            None => Poll::Pending,
        });
        response.await.map(Reply::from)
    }
}

/// Does several things at the same time; the results are in the same order.
pub async fn all<F: Future>(tasks: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = tasks.into_iter().map(|task| Some(Box::pin(task))).collect();
    let mut results: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    future::poll_fn(|context| {
        for (task, result) in running.iter_mut().zip(&mut results) {
            if let Some(running) = task
                && let Poll::Ready(output) = running.as_mut().poll(context)
            {
                (*task, *result) = (None, Some(output));
            }
        }
        if running.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// The reply of a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
    headers: http::HeaderMap,
}

impl Reply {
    /// The body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the service wants to be left alone.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header(&RETRY_AFTER)?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let moment = DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(moment.duration_since(now).try_into().unwrap_or_default())
    }

    fn is_rate_limit(&self) -> bool {
        let asks = self.status == StatusCode::SERVICE_UNAVAILABLE && self.headers.contains_key(RETRY_AFTER);
        self.status == StatusCode::TOO_MANY_REQUESTS || asks
    }
}

impl From<Response<Vec<u8>>> for Reply {
    fn from(response: Response<Vec<u8>>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, body, headers: parts.headers }
    }
}

const OWN_NAME: HeaderValue = HeaderValue::from_static(concat!("acme-solver/", env!("CARGO_PKG_VERSION")));
