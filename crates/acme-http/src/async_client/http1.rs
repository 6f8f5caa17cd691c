//! Exchanges over HTTP/1.1.

use std::time::Duration;

use acme_proto::{Delivery, TransportError, TransportErrorKind};
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::stream::Duplex;
use crate::failure::{of_io, too_large};
use crate::limits::MAX_RESPONSE_HEAD;

/// A connection for one exchange after the other. It closes when this is dropped.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(super) async fn begin(stream: impl Duplex + 'static) -> Result<Self, TransportError> {
        // Head and body in one buffer leave in one record.
        let (sender, connection) = Builder::new()
            .writev(false)
            .max_buf_size(MAX_RESPONSE_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| TransportError::new(Delivery::NotSent, TransportErrorKind::Io, error))?;
        // It ends with the sender, or with the peer; exchanges get its errors.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Waits until the last exchange is over on the connection, too; none if it did not survive.
    pub(super) async fn ready(mut self) -> Option<Self> {
        let is_ready = matches!(timeout(READY_LIMIT, self.sender.ready()).await, Ok(Ok(())));
        is_ready.then_some(self)
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<Vec<u8>>,
        max_body: usize,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let request = in_origin_form(request)
            .map_err(|error| TransportError::new(Delivery::NotSent, TransportErrorKind::Io, error))?;
        let response = self.sender.try_send_request(request).await.map_err(|mut error| {
            // What comes back never left.
            let is_back = error.take_message().is_some();
            failure(error.into_error(), if is_back { Delivery::NotSent } else { Delivery::Unknown })
        })?;
        let (parts, body) = response.into_parts();
        read(body, max_body).await.map(|body| Response::from_parts(parts, body))
    }
}

/// The path alone, and the host as a header.
///
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1>
fn in_origin_form(request: Request<Vec<u8>>) -> Result<Request<Full<Bytes>>, http::Error> {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.authority().map(|authority| HeaderValue::try_from(authority.as_str()));
    if let Some(host) = host.transpose()? {
        parts.headers.entry(HOST).or_insert(host);
    }
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    Ok(Request::from_parts(parts, Full::from(body)))
}

async fn read(mut body: Incoming, max_body: usize) -> Result<Vec<u8>, TransportError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max_body {
        return Err(too_large(max_body));
    }
    let mut bytes = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| failure(error, Delivery::Unknown))?.into_data() else {
            continue; // trailers
        };
        if data.len() > max_body - bytes.len() {
            return Err(too_large(max_body));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn failure(error: hyper::Error, delivery: Delivery) -> TransportError {
    let io = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    let kind = match io.and_then(of_io) {
        Some(kind) => kind,
        None if error.is_parse_too_large() => TransportErrorKind::BodyTooLarge,
        None => TransportErrorKind::Io,
    };
    TransportError::new(delivery, kind, error)
}

/// How long a connection may take to be ready for the next exchange.
const READY_LIMIT: Duration = Duration::from_secs(1);
