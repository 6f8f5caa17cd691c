//! Exchanges over HTTP/2.

use std::error::Error as StdError;
use std::task::{Context, Poll, Waker};

use acme_proto::{Delivery, TransportError, TransportErrorKind};
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Bytes;

use super::stream::TlsStream;
use crate::failure::{of_io, too_large};
use crate::limits::{MAX_CONNECTIONS, MAX_RESPONSE_HEAD};

/// A share of a connection. It closes when the last share is dropped.
#[derive(Clone)]
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
}

impl Connection {
    pub(super) async fn begin(stream: TlsStream) -> Result<Self, TransportError> {
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(MAX_CONNECTIONS) // until the server says how many
            .max_header_list_size(MAX_HEADER_LIST)
            .handshake(stream)
            .await
            .map_err(|error| failure(error, Delivery::NotSent))?;
        // It ends with the senders, or with the peer; exchanges get its errors.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Whether it takes requests: the peer has not closed it, and has not said that it will.
    pub(super) fn is_open(&mut self) -> bool {
        // Free streams are not what this tells: requests beyond them wait in the connection.
        matches!(self.sender.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
    }

    /// How many streams the peer grants.
    pub(super) fn max_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    pub(super) async fn exchange(
        mut self,
        request: Request<Vec<u8>>,
        max_body: usize,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let (mut parts, body) = request.into_parts();
        parts.version = Version::HTTP_2;
        let is_empty = body.is_empty();
        if !is_empty {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        // Both are held to the end: when all of a stream is dropped before, it is reset.
        let (response, mut stream) = self
            .sender
            .send_request(Request::from_parts(parts, ()), is_empty)
            .map_err(|error| failure(error, Delivery::NotSent))?;
        if !is_empty {
            stream.send_data(body.into(), true).map_err(after_sending)?;
        }
        let (parts, body) = response.await.map_err(after_sending)?.into_parts();
        let body = read(body, &parts.headers, max_body).await?;
        Ok(Response::from_parts(parts, body))
    }
}

async fn read(mut body: RecvStream, headers: &HeaderMap, max_body: usize) -> Result<Vec<u8>, TransportError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > max_body) && !body.is_end_stream() {
        return Err(too_large(max_body));
    }
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(after_sending)?;
        if data.len() > max_body - bytes.len() {
            return Err(too_large(max_body));
        }
        body.flow_control().release_capacity(data.len()).map_err(after_sending)?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The failure of a stream that was opened.
///
/// A stream that the peer refused, or that is beyond the last one it names when it goes away, was
/// not acted upon; streams up to that one go on and are not failed by its going.
///
/// <https://www.rfc-editor.org/rfc/rfc9113#section-8.7>
fn after_sending(error: h2::Error) -> TransportError {
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    let is_untouched = error.is_remote() && (is_refused || error.is_go_away());
    failure(error, if is_untouched { Delivery::NotSent } else { Delivery::Unknown })
}

fn failure(error: h2::Error, delivery: Delivery) -> TransportError {
    let kind = error.get_io().and_then(of_io).unwrap_or(TransportErrorKind::Io);
    let source: Box<dyn StdError + Send + Sync> = error.into();
    TransportError::new(delivery, kind, source)
}

/// Bytes of all responses that may be under way: more than a round of certificates has.
const CONNECTION_WINDOW: u32 = 2 << 20;
/// The same bound as over HTTP/1.1.
const MAX_HEADER_LIST: u32 = MAX_RESPONSE_HEAD as u32;
