//! Errors of setting up; those of an exchange are [`acme_proto::TransportError`]s.

use std::error::Error as StdError;
use std::fmt;

/// Why a client could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The proxy is not given as an `http` or `https` URL. The text is not repeated, since it may
    /// hold a password.
    #[error("the proxy is not an http or https URL")]
    Proxy,
    /// A root certificate can't be read.
    #[error("root certificate {position} can't be read")]
    RootCertificate {
        /// Which one of the PEM text, from 1.
        position: usize,
        /// What was wrong.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The root certificates are not PEM.
    #[error("the root certificates are not PEM: {0}")]
    RootPem(RootPemFault),
    /// The system has no usable root certificates.
    #[error("the root certificates of the system can't be used")]
    SystemRoots(#[source] Box<dyn StdError + Send + Sync>),
    /// The TLS library refused its own defaults: a fault of ours.
    #[error("TLS can't be set up")]
    Tls(#[source] Box<dyn StdError + Send + Sync>),
}

/// What is wrong with the PEM text of root certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootPemFault {
    /// There is no `-----BEGIN CERTIFICATE-----`.
    Absent,
    /// A section is not base64.
    Base64,
    /// A `-----BEGIN` line has no proper end.
    Boundary,
    /// A section has no `-----END` line.
    Truncated,
}

impl fmt::Display for RootPemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "there is no '-----BEGIN CERTIFICATE-----' line",
            Self::Base64 => "a section is not base64",
            Self::Boundary => "a '-----BEGIN' line does not end in '-----'",
            Self::Truncated => "a section has no '-----END' line",
        })
    }
}
