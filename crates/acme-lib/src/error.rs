//! The errors of this library.

use std::io;
use std::path::PathBuf;

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
    /// A failure of the caller's own code; this library never makes it.
    #[error(transparent)]
    Io(io::Error),
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
    /// The request came with a CSR, and the operation returns the private key.
    #[error("the request came with a CSR, whose private key is elsewhere")]
    NoPrivateKey,
    /// A failure of the caller's own code; this library never makes it.
    #[error("{0}")]
    Other(String),
    /// A file of [`FilePersist`](crate::persist::FilePersist) could not be used.
    #[error("{} can't be used", path.display())]
    Persist {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A name with `/` or NUL, which can't be part of a file name.
    #[error("'{0}' can't be part of a file name")]
    PersistKey(String),
    /// The system has no randomness to give.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
}

impl Error {
    /// Tells whether the same operation may succeed later without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Acme(error) => error.is_temporary(),
            Self::Http(_)
            | Self::Io(_)
            | Self::Key(_)
            | Self::KeyFile { .. }
            | Self::NoPrivateKey
            | Self::Other(_)
            | Self::Persist { .. }
            | Self::PersistKey(_)
            | Self::Random(_) => false,
        }
    }

    /// How long the CA wants to be left alone with this request.
    #[must_use]
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        self.as_acme().and_then(acme_proto::Error::retry_after)
    }

    /// The failure of the conversation with the CA, where that is the error.
    #[must_use]
    pub fn as_acme(&self) -> Option<&acme_proto::Error> {
        match self {
            Self::Acme(error) => Some(error),
            Self::Http(_)
            | Self::Io(_)
            | Self::Key(_)
            | Self::KeyFile { .. }
            | Self::NoPrivateKey
            | Self::Other(_)
            | Self::Persist { .. }
            | Self::PersistKey(_)
            | Self::Random(_) => None,
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

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::Other(text.to_string())
    }
}
