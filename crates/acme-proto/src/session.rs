//! A conversation with one CA.

use alloc::format;
use alloc::string::String;

use crate::base64url;
use crate::signer::Jwk;

/// SHA-256 as the protocol needs it.
pub type Sha256 = fn(&[u8]) -> [u8; 32];

/// The thumbprint of an account key, and the digest that made it.
///
/// <https://www.rfc-editor.org/rfc/rfc7638>
#[derive(Clone)]
pub struct Thumbprint {
    text: String,
    sha256: Sha256,
}

impl Thumbprint {
    /// Computes the thumbprint of a key.
    #[must_use]
    pub fn new(jwk: &Jwk, sha256: Sha256) -> Self {
        Self { text: base64url::encode(sha256(jwk.to_json().as_bytes())), sha256 }
    }

    /// The key authorization of a token (RFC 8555, section 8.1).
    #[must_use]
    pub fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", self.text)
    }

    pub(crate) fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        (self.sha256)(bytes)
    }
}
