//! What is logged about an exchange.

use std::time::Duration;

use acme_proto::{Exchange, TransportError};
use http::Response;
use tracing::{Span, debug, debug_span};

pub(crate) fn span(exchange: &Exchange) -> Span {
    debug_span!(
        "exchange",
        operation = exchange.operation.as_str(),
        method = exchange.request.method().as_str(),
        host = exchange.request.uri().host(),
    )
}

pub(crate) fn outcome(result: &Result<Response<Vec<u8>>, TransportError>, duration: Duration) {
    match result {
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
}
