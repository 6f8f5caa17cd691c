//! What failures mean that both clients know.

use std::error::Error as StdError;
use std::io;

use acme_proto::{Delivery, TransportError, TransportErrorKind};
use http::Uri;
use http::uri::Scheme;

/// Tells whether a client speaks the scheme of a URL.
pub(crate) fn is_taken(url: &Uri, takes_plain: bool) -> bool {
    url.scheme() == Some(&Scheme::HTTPS) || (takes_plain && url.scheme() == Some(&Scheme::HTTP))
}

pub(crate) fn not_https() -> TransportError {
    TransportError::new(Delivery::NotSent, TransportErrorKind::Connect, NotHttps)
}

pub(crate) fn too_large(max_body: usize) -> TransportError {
    TransportError::new(Delivery::Unknown, TransportErrorKind::BodyTooLarge, TooLarge { max_body })
}

/// What an error of a socket is, where it is more than a broken connection.
pub(crate) fn of_io(error: &io::Error) -> Option<TransportErrorKind> {
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
pub(crate) fn tls_cause(error: io::Error) -> Box<dyn StdError + Send + Sync> {
    match error.downcast::<rustls::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the URL is not https")]
struct NotHttps;

#[derive(Debug, thiserror::Error)]
#[error("more than {max_body} bytes")]
struct TooLarge {
    max_body: usize,
}
