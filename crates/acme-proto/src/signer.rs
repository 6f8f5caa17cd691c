//! Keys as the protocol sees them: an algorithm, a public key, and something that signs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::SignError;

/// A key that signs requests; the private part stays behind this trait.
///
/// Signatures are what JWS wants (RFC 7518, section 3.4, and RFC 8037): an ECDSA signature is
/// R and S of fixed length, one after the other, not DER.
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
            Self::Ec { curve, x, y } => format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Okp { curve, x } => format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{x}"}}"#),
            Self::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        }
    }
}
