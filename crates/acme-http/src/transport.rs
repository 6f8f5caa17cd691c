//! The door for other HTTP clients than ours.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use acme_proto::{Exchange, TransportError};
use http::{Response, Uri};

/// What became of exchanges, one result for each, in the same order.
pub type TransportResults = Vec<Result<Response<Vec<u8>>, TransportError>>;

/// What an [`AsyncTransport`] returns.
pub type TransportFuture<'a> = Pin<Box<dyn Future<Output = TransportResults> + Send + 'a>>;

/// Carries out requests to a CA, on the calling thread: the door for a program's own HTTP client.
///
/// Whoever implements it keeps to this:
///
/// - Every status is a response, redirects and errors of the server among them: nothing is followed
///   and nothing is tried again. The protocol decides about both.
/// - The request goes out as it is, over https, with the headers that HTTP needs added and no
///   others. An encoding of the body is neither asked for nor undone.
/// - A body that is larger than [`Exchange::max_body`] is an error, of the kind
///   [`BodyTooLarge`](acme_proto::TransportErrorKind::BodyTooLarge), and is not read further.
/// - An exchange ends after [`Exchange::time_limit`], with the error
///   [`Timeout`](acme_proto::TransportErrorKind::Timeout).
/// - [`Delivery::NotSent`](acme_proto::Delivery::NotSent) is said of a request only if no octet of
///   it can have reached the server; else it is [`Unknown`](acme_proto::Delivery::Unknown).
/// - There is one result for each exchange, in the same order. Exchanges may be carried out at the
///   same time.
///
/// ```
/// use acme_http::{Transport, TransportResults};
/// use acme_proto::{Delivery, Exchange, TransportError, TransportErrorKind};
///
/// struct Offline;
///
/// impl Transport for Offline {
///     fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults {
///         let refuse = |_| {
///             let kind = TransportErrorKind::Connect;
///             Err(TransportError::new(Delivery::NotSent, kind, "there is no network"))
///         };
///         exchanges.into_iter().map(refuse).collect()
///     }
/// }
/// ```
pub trait Transport: Send + Sync {
    /// Carries exchanges out.
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults;
}

/// As [`Transport`], for futures. The contract is the same.
///
/// When a future is dropped, its requests end, and whether they were sent is not known to anybody.
pub trait AsyncTransport: Send + Sync {
    /// Carries exchanges out.
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportFuture<'_>;

    /// How many exchanges with the host of a URL are worth performing at once, as things stand;
    /// without a word of the transport's, sixteen.
    fn width(&self, url: &Uri) -> usize {
        let _ = url;
        DEFAULT_WIDTH
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults {
        (**self).perform(exchanges)
    }
}

impl<T: AsyncTransport + ?Sized> AsyncTransport for Arc<T> {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportFuture<'_> {
        (**self).perform(exchanges)
    }

    fn width(&self, url: &Uri) -> usize {
        (**self).width(url)
    }
}

#[cfg(feature = "blocking")]
impl Transport for crate::Client {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportResults {
        Self::perform(self, exchanges)
    }
}

#[cfg(feature = "tokio")]
impl AsyncTransport for crate::AsyncClient {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportFuture<'_> {
        Box::pin(Self::perform(self, exchanges))
    }

    fn width(&self, url: &Uri) -> usize {
        Self::width(self, url)
    }
}

/// As many connections as our clients make over HTTP/1.1.
const DEFAULT_WIDTH: usize = 16;
