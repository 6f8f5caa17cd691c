//! What keeps a driver from carrying out a step.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

/// An exchange without a response.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct TransportError {
    /// Whether the request may have reached the CA.
    pub delivery: Delivery,
    /// What went wrong.
    pub kind: TransportErrorKind,
    /// The cause, from the transport's library.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Whether a request that got no response may have reached the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It can't have; it may be sent again.
    NotSent,
    /// It may have been carried out; only a look at the resource tells.
    Unknown,
}

/// What kept an exchange from getting a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The body is larger than the exchange allows.
    BodyTooLarge,
    /// The connection could not be made: refused, unreachable.
    Connect,
    /// The connection broke, or the response was not HTTP.
    Io,
    /// The proxy refused.
    Proxy,
    /// The host name was not found.
    Resolve,
    /// The time limit of the exchange ran out.
    Timeout,
    /// TLS failed.
    Tls,
    /// The CA's HTTPS certificate is not trusted.
    Untrusted,
}

impl TransportError {
    /// Puts an error together.
    #[must_use]
    pub fn new(
        delivery: Delivery,
        kind: TransportErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { delivery, kind, source: Some(source.into()) }
    }

    /// Tells whether a later try may fare better. A certificate that is not trusted stays so.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self.kind {
            TransportErrorKind::BodyTooLarge | TransportErrorKind::Untrusted => false,
            TransportErrorKind::Connect
            | TransportErrorKind::Io
            | TransportErrorKind::Proxy
            | TransportErrorKind::Resolve
            | TransportErrorKind::Timeout
            | TransportErrorKind::Tls => true,
        }
    }

    fn text(&self) -> &'static str {
        match self.kind {
            TransportErrorKind::BodyTooLarge => "the response is larger than allowed",
            TransportErrorKind::Connect => "the connection could not be made",
            TransportErrorKind::Io => "the connection broke",
            TransportErrorKind::Proxy => "the proxy refused",
            TransportErrorKind::Resolve => "the host name was not found",
            TransportErrorKind::Timeout => "no response in time",
            TransportErrorKind::Tls => "the TLS connection failed",
            TransportErrorKind::Untrusted => "the HTTPS certificate of the CA is not trusted",
        }
    }
}

macro_rules! driver_error {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            source: Box<dyn StdError + Send + Sync>,
            pub(super) is_temporary: bool,
            // In seconds, since every error has to carry it.
            retry_after: Option<NonZeroU32>,
        }

        impl $name {
            /// Wraps a cause that may go away without anybody's help.
            #[must_use]
            pub fn temporary(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
                Self { source: source.into(), is_temporary: true, retry_after: None }
            }

            /// Wraps a cause that stays until somebody does something.
            #[must_use]
            pub fn permanent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
                Self { source: source.into(), is_temporary: false, retry_after: None }
            }

            /// Says when a later try may fare better, to the second.
            #[must_use]
            pub fn with_retry_after(self, time: Duration) -> Self {
                let seconds = time.as_secs().max(1).try_into().unwrap_or(u32::MAX);
                Self { retry_after: NonZeroU32::new(seconds), ..self }
            }

            /// Tells whether a later try may fare better.
            #[must_use]
            pub fn is_temporary(&self) -> bool {
                self.is_temporary
            }

            /// How long to wait before it, where that is known.
            #[must_use]
            pub fn retry_after(&self) -> Option<Duration> {
                self.retry_after.map(|seconds| Duration::from_secs(seconds.get().into()))
            }

            /// The cause, for a look at its type.
            #[must_use]
            pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
                &*self.source
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.source, f)
            }
        }

        impl StdError for $name {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                self.source.source()
            }
        }
    };
}

driver_error! {
    /// A key outside this process, or its token, failed.
    SignError
}
driver_error! {
    /// A response could not be put in place or taken away.
    SolverError
}
driver_error! {
    /// A checkpoint could not be made durable.
    StoreError
}
