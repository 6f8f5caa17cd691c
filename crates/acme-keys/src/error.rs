//! Errors.

use std::error::Error as StdError;
use std::fmt;

use acme_proto::Identifier;

/// Why a key, a request or a certificate could not be made or read.
///
/// No variant holds any part of a private key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The crypto library failed: out of memory, or a fault of ours.
    #[error("the crypto library could not {0}")]
    Crypto(CryptoOperation),
    /// The signature of a request does not fit the request and its key.
    #[error("the signature of the certificate signing request is wrong")]
    CsrSignature,
    /// The signature algorithm of a request is none that can be checked.
    #[error("the certificate signing request is signed with {algorithm}, which can't be checked")]
    CsrSignatureAlgorithm {
        /// The algorithm, by name where it has one.
        algorithm: String,
    },
    /// The bytes are not what they should be.
    #[error("the {item} can't be read")]
    Der {
        /// What was expected.
        item: Item,
        /// What was wrong.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A request or a certificate can't hold a name of this type.
    #[error("a certificate can't hold '{0}': it is neither a DNS name nor an IP address")]
    Identifier(Identifier),
    /// A certificate and a private key do not belong together.
    #[error("the certificate is for another key")]
    KeyMismatch,
    /// The key is well-formed, but the library refuses it: too small, or its parts contradict each
    /// other.
    #[error("the private key is refused")]
    KeyRejected(#[source] Box<dyn StdError + Send + Sync>),
    /// The MAC key is neither base64url nor base64, or it is empty.
    #[error("the MAC key is not base64url text")]
    MacKey,
    /// A key outside this process could not sign.
    #[error("signing failed")]
    Sign(#[source] acme_proto::SignError),
    /// A request was asked for without a name.
    #[error("a certificate signing request needs a name")]
    NoNames,
    /// The text is not the PEM that it should be.
    #[error("{item} in PEM was expected, but {fault}")]
    Pem {
        /// What was expected.
        item: Item,
        /// What was found.
        fault: PemFault,
    },
    /// The name is none of an algorithm that TSIG keys may have here.
    #[error("the TSIG algorithm is none of hmac-sha1, -sha224, -sha256, -sha384 and -sha512")]
    TsigAlgorithm,
    /// The TSIG key is not base64, or it is empty.
    #[error("the TSIG key is not base64 text")]
    TsigKey,
    /// The key is of a kind that is not used here.
    #[error("a private key of type {found} is not supported here")]
    UnsupportedKey {
        /// Its type, by name where it has one.
        found: String,
    },
}

impl Error {
    pub(crate) fn der(item: Item, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Der { item, source: source.into() }
    }
}

/// What the crypto library was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoOperation {
    /// Write a key.
    Encode,
    /// Make a key.
    Generate,
    /// Sign.
    Sign,
}

impl fmt::Display for CryptoOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encode => "write the key",
            Self::Generate => "make a key",
            Self::Sign => "sign",
        })
    }
}

/// What bytes or a text should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// A certificate.
    Certificate,
    /// A certificate signing request.
    CertificateSigningRequest,
    /// A private key.
    PrivateKey,
    /// A public key.
    PublicKey,
    /// A signature.
    Signature,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::CertificateSigningRequest => "certificate signing request",
            Self::PrivateKey => "private key",
            Self::PublicKey => "public key",
            Self::Signature => "signature",
        })
    }
}

/// What is wrong with a PEM text. It holds labels at most, never contents.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemFault {
    /// There are sections, but none of the wanted kind.
    Absent {
        /// The labels of the sections.
        found: Vec<String>,
    },
    /// A section is not base64.
    Base64,
    /// A `-----BEGIN` line has no proper end.
    Boundary,
    /// There is nothing.
    Empty,
    /// The private key is encrypted with a passphrase.
    Encrypted,
    /// There is text, but no `-----BEGIN` line.
    NoSection,
    /// A section has no `-----END` line.
    Truncated {
        /// The label of the section.
        label: String,
    },
}

impl fmt::Display for PemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { found } => write!(f, "there is only {}", found.join(", ")),
            Self::Base64 => f.write_str("a section is not base64"),
            Self::Boundary => f.write_str("a '-----BEGIN' line does not end in '-----'"),
            Self::Empty => f.write_str("there is nothing"),
            Self::Encrypted => f.write_str("it is encrypted; decrypt it first, with openssl pkey"),
            Self::NoSection => f.write_str("there is no '-----BEGIN' line"),
            Self::Truncated { label } => write!(f, "the line '-----END {label}-----' is missing"),
        }
    }
}
