//! What a failure means for the request, and whose it is.

use std::error::Error as StdError;

use acme_proto::{Delivery, TransportError, TransportErrorKind};

use crate::failure::{of_io, tls_cause};

/// A failure before there is a connection, for `ureq` to carry.
pub(super) fn of_connect(error: ureq::Error, kind: TransportErrorKind) -> ureq::Error {
    carry(classify(error, Delivery::NotSent, kind))
}

/// A failure of an exchange: one that was carried, or one after there was a connection.
///
/// The request goes out with the first wait for the response, and what the operating system took
/// may arrive.
pub(super) fn of_exchange(error: ureq::Error) -> TransportError {
    classify(error, Delivery::Unknown, TransportErrorKind::Io)
}

/// Hands a failure through `ureq` as it is.
pub(super) fn carry(error: TransportError) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum with many more variants")]
fn classify(error: ureq::Error, delivery: Delivery, kind: TransportErrorKind) -> TransportError {
    let new = |kind, source: Box<dyn StdError + Send + Sync>| TransportError::new(delivery, kind, source);
    match error {
        ureq::Error::Other(source) => match source.downcast::<TransportError>() {
            Ok(carried) => *carried,
            Err(source) => new(kind, source),
        },
        ureq::Error::ConnectProxyFailed(_) => new(TransportErrorKind::Proxy, error.into()),
        ureq::Error::Io(error) => {
            let kind = of_io(&error).unwrap_or(kind);
            new(kind, tls_cause(error))
        }
        ureq::Error::LargeResponseHeader(..) => new(TransportErrorKind::BodyTooLarge, error.into()),
        ureq::Error::Protocol(error) => new(kind, error.into()),
        ureq::Error::Timeout(_) => new(TransportErrorKind::Timeout, error.into()),
        _ => new(kind, error.into()),
    }
}
