//! Keys of external account bindings.

use std::fmt;

use acme_proto::Mac;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use zeroize::Zeroizing;

use crate::error::Error;

/// The hash function of an [`HmacKey`].
///
/// <https://www.rfc-editor.org/rfc/rfc7518#section-3.2>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256; what CAs ask for.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// The symmetric key with which a CA's customer binds an account to a contract.
///
/// ```
/// use acme_keys::{HmacAlgorithm, HmacKey};
/// use acme_proto::Mac;
///
/// let key = HmacKey::from_text(HmacAlgorithm::Hs256, "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV")?;
/// assert_eq!(key.algorithm(), "HS256");
/// assert_eq!(key.sign(b"message").len(), 32);
/// # Ok::<(), acme_keys::Error>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4>
pub struct HmacKey {
    key: hmac::Key,
    algorithm: HmacAlgorithm,
    seems_encoded_twice: bool,
}

impl HmacKey {
    /// Takes a key as bytes.
    #[must_use]
    pub fn from_bytes(algorithm: HmacAlgorithm, key: &[u8]) -> Self {
        let hash = match algorithm {
            HmacAlgorithm::Hs256 => hmac::HMAC_SHA256,
            HmacAlgorithm::Hs384 => hmac::HMAC_SHA384,
            HmacAlgorithm::Hs512 => hmac::HMAC_SHA512,
        };
        Self { key: hmac::Key::new(hash, key), algorithm, seems_encoded_twice: is_encoded(key) }
    }

    /// Reads a key as CAs hand it out: base64url, or base64, with padding or without, with white
    /// space around it.
    ///
    /// # Errors
    /// [`Error::MacKey`] when it is neither, or empty.
    pub fn from_text(algorithm: HmacAlgorithm, text: &str) -> Result<Self, Error> {
        let key = decode(text.trim().as_bytes()).filter(|key| !key.is_empty()).ok_or(Error::MacKey)?;
        Ok(Self::from_bytes(algorithm, &key))
    }

    /// Tells whether the key itself reads like base64url or base64, as one does that somebody
    /// encoded who did not know that it was encoded. A CA refuses what is signed with it; it may
    /// be right all the same.
    #[must_use]
    pub fn seems_encoded_twice(&self) -> bool {
        self.seems_encoded_twice
    }
}

impl Mac for HmacKey {
    fn algorithm(&self) -> &'static str {
        match self.algorithm {
            HmacAlgorithm::Hs256 => "HS256",
            HmacAlgorithm::Hs384 => "HS384",
            HmacAlgorithm::Hs512 => "HS512",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, message).as_ref().to_vec()
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey")
    }
}

fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = URL_SAFE_PAD_INDIFFERENT.decode(text);
    decoded.or_else(|_| STANDARD_PAD_INDIFFERENT.decode(text)).ok().map(Zeroizing::new)
}

/// Sixteen random octets look like text once in 4^16 times.
fn is_encoded(key: &[u8]) -> bool {
    key.len() >= LEAST_ENCODED && decode(key.trim_ascii()).is_some()
}

const LEAST_ENCODED: usize = 16;
