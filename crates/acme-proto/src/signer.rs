//! Keys as the protocol sees them: an algorithm, a public key, and something that signs.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;

use crate::error::SignError;
use crate::flow::ToSign;

/// A key that signs requests; the private part stays behind this trait.
///
/// Signatures are what JWS wants (RFC 7518, section 3.4, RFC 8037 and RFC 9964): an ECDSA signature
/// is R and S of fixed length, one after the other, not DER; one of ML-DSA has an empty context.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The signature algorithm of the key.
    fn algorithm(&self) -> Algorithm;
    /// The public key.
    fn jwk(&self) -> &Jwk;
    /// The public key as a DER `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7), to tell
    /// whether a certificate is asked for with an account key.
    fn public_key_der(&self) -> &[u8];
    /// Signs a message.
    ///
    /// # Errors
    /// When the key can't be used; no request is sent then.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A key that is not in this process, such as one in a token or at a key management service: flows
/// have it sign through [`Step::Sign`](crate::Step::Sign), which holds nothing up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalKey {
    /// Which key it is, in the words of the one who configured it:
    /// [`ToSign::key`](crate::ToSign::key).
    pub name: String,
    /// The signature algorithm of the key.
    pub algorithm: Algorithm,
    /// The public key.
    pub jwk: Jwk,
    /// The public key as a DER `SubjectPublicKeyInfo`.
    pub public_key_der: Vec<u8>,
}

/// A key that signs requests, in memory or elsewhere.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SigningKey {
    /// It signs at once.
    Memory(Arc<dyn Signer>),
    /// The driver has it sign.
    External(Arc<ExternalKey>),
}

impl SigningKey {
    /// The signature algorithm of the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Memory(signer) => signer.algorithm(),
            Self::External(key) => key.algorithm,
        }
    }

    /// The public key.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        match self {
            Self::Memory(signer) => signer.jwk(),
            Self::External(key) => &key.jwk,
        }
    }

    /// The public key as a DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        match self {
            Self::Memory(signer) => signer.public_key_der(),
            Self::External(key) => &key.public_key_der,
        }
    }
}

impl<S: Signer + 'static> From<Arc<S>> for SigningKey {
    fn from(signer: Arc<S>) -> Self {
        Self::Memory(signer)
    }
}

impl From<Arc<dyn Signer>> for SigningKey {
    fn from(signer: Arc<dyn Signer>) -> Self {
        Self::Memory(signer)
    }
}

impl From<ExternalKey> for SigningKey {
    fn from(key: ExternalKey) -> Self {
        Self::External(Arc::new(key))
    }
}

/// Has keys sign that are elsewhere, on the calling thread.
///
/// All messages that go out together come together, so that they can be signed at the same time;
/// there is one result for each, in the same order. Signatures are as those of a [`Signer`]: many
/// services give DER for ECDSA, which has to be turned into R and S first.
pub trait RemoteSigner: Send + Sync {
    /// Signs the messages.
    fn sign(&self, messages: &[ToSign]) -> Vec<Result<Vec<u8>, SignError>>;
}

/// What an [`AsyncRemoteSigner`] returns: one result for each message, in the same order.
pub type SignFuture<'a> = Pin<Box<dyn Future<Output = Vec<Result<Vec<u8>, SignError>>> + Send + 'a>>;

/// Has keys sign that are elsewhere, as a future.
pub trait AsyncRemoteSigner: Send + Sync {
    /// As [`RemoteSigner::sign`].
    fn sign<'a>(&'a self, messages: &'a [ToSign]) -> SignFuture<'a>;
}

/// A symmetric key that binds an account to one outside ACME.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4>
pub trait Mac: Send + Sync + fmt::Debug {
    /// The algorithm's name in JWS: `HS256`, `HS384` or `HS512`.
    fn algorithm(&self) -> &'static str;
    /// Computes the message authentication code.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// Signature algorithms of account keys.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-6.2>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8037). No public CA takes it.
    EdDsa,
    /// ECDSA on P-256 with SHA-256; every CA takes it.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ML-DSA with the parameters of category 2 (RFC 9964). No public CA takes it.
    MlDsa44,
    /// ML-DSA with the parameters of category 3 (RFC 9964). No public CA takes it.
    MlDsa65,
    /// ML-DSA with the parameters of category 5 (RFC 9964). No public CA takes it.
    MlDsa87,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// The name in JWS.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
            Self::Rs256 => "RS256",
        }
    }
}

/// A public key; the members are base64url without padding, coordinates at full length.
///
/// <https://www.rfc-editor.org/rfc/rfc7517>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jwk {
    /// An algorithm key pair (RFC 9964, section 3).
    Akp {
        /// One of ML-DSA; it is part of the key.
        algorithm: Algorithm,
        /// The public key, which is `pub` in JSON.
        public: String,
    },
    /// An elliptic curve key.
    Ec {
        /// `P-256` or `P-384`.
        curve: &'static str,
        /// The x coordinate.
        x: String,
        /// The y coordinate.
        y: String,
    },
    /// An octet key pair.
    Okp {
        /// `Ed25519`.
        curve: &'static str,
        /// The public key.
        x: String,
    },
    /// An RSA key.
    Rsa {
        /// The public exponent.
        e: String,
        /// The modulus, without leading zero octets.
        n: String,
    },
}

impl Jwk {
    /// The JSON form whose digest is the thumbprint: members sorted, no white space.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc7638#section-3>
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Akp { algorithm, public } => {
                let alg = algorithm.as_str();
                format!(r#"{{"alg":"{alg}","kty":"AKP","pub":"{public}"}}"#)
            }
            Self::Ec { curve, x, y } => format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Okp { curve, x } => format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{x}"}}"#),
            Self::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        }
    }
}
