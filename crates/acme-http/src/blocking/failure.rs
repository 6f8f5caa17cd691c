//! What a failure means for the request, and whose it is.

use std::error::Error as StdError;
use std::io;

use acme_proto::{Delivery, TransportError, TransportErrorKind};

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

fn of_io(error: &io::Error) -> Option<TransportErrorKind> {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Some(of_tls(error));
    }
    (error.kind() == io::ErrorKind::TimedOut).then_some(TransportErrorKind::Timeout)
}

fn of_tls(error: &rustls::Error) -> TransportErrorKind {
    if matches!(error, rustls::Error::InvalidCertificate(_)) {
        TransportErrorKind::Untrusted
    } else {
        TransportErrorKind::Tls
    }
}

/// The error of the TLS library itself, where that is the cause.
fn tls_cause(error: io::Error) -> Box<dyn StdError + Send + Sync> {
    match error.downcast::<rustls::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}
