//! The errors of this library.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The result of this library's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation failed.
///
/// [`Acme`](Self::Acme) says whose fault it is: the CA's, the network's, the caller's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The conversation with the CA failed.
    #[error(transparent)]
    Acme(Box<acme_proto::Error>),
    /// The HTTP client could not be set up: a damaged root certificate, a proxy URL.
    #[error(transparent)]
    Http(Box<acme_http::Error>),
    /// A key, a request or a certificate could not be made or read.
    #[error(transparent)]
    Key(Box<acme_keys::Error>),
    /// The account's key file could not be used.
    #[error("the account key file {} can't be used", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A request with a CSR of one's own has no private key to return.
    #[error("the private key of the request is elsewhere")]
    NoPrivateKey,
    /// The system has no randomness to give.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
    /// The runtime ended, or ran out of threads for work that blocks.
    #[error("the runtime did not finish the work")]
    Runtime(#[source] tokio::task::JoinError),
}

impl Error {
    /// Tells whether the same operation may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.as_acme().is_some_and(acme_proto::Error::is_temporary)
    }

    /// How long the CA wants to be left alone with this request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.as_acme().and_then(acme_proto::Error::retry_after)
    }

    /// The failure of the conversation with the CA, where that is the error.
    #[must_use]
    pub fn as_acme(&self) -> Option<&acme_proto::Error> {
        match self {
            Self::Acme(error) => Some(error),
            Self::Http(_)
            | Self::Key(_)
            | Self::KeyFile { .. }
            | Self::NoPrivateKey
            | Self::Random(_)
            | Self::Runtime(_) => None,
        }
    }
}

impl From<acme_proto::Error> for Error {
    fn from(error: acme_proto::Error) -> Self {
        Self::Acme(Box::new(error))
    }
}

impl From<acme_http::Error> for Error {
    fn from(error: acme_http::Error) -> Self {
        Self::Http(Box::new(error))
    }
}

impl From<acme_keys::Error> for Error {
    fn from(error: acme_keys::Error) -> Self {
        Self::Key(Box::new(error))
    }
}
