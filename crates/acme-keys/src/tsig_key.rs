//! Keys that a DNS server and its clients share.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use zeroize::Zeroizing;

use crate::error::Error;

/// The algorithm of a [`TsigKey`].
///
/// HMAC-MD5 is none of them: it must not be used any more.
///
/// <https://www.rfc-editor.org/rfc/rfc8945#section-6>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TsigAlgorithm {
    /// HMAC with SHA-1; not recommended.
    HmacSha1,
    /// HMAC with SHA-224.
    HmacSha224,
    /// HMAC with SHA-256; recommended.
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl TsigAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] =
        [Self::HmacSha1, Self::HmacSha224, Self::HmacSha256, Self::HmacSha384, Self::HmacSha512];

    /// Its name, which is a domain name: without a dot at its end.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

impl fmt::Display for TsigAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TsigAlgorithm {
    type Err = Error;

    /// Reads a name in letters of either case, with a dot at its end or without.
    ///
    /// # Errors
    /// [`Error::TsigAlgorithm`] when it is none of them.
    fn from_str(text: &str) -> Result<Self, Error> {
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        known.ok_or(Error::TsigAlgorithm)
    }
}

/// A key that a DNS server and its clients share, with which both sign what they say.
///
/// ```
/// use acme_keys::{TsigAlgorithm, TsigKey};
///
/// let key = TsigKey::from_base64(TsigAlgorithm::HmacSha256, "c2VjcmV0IG9mIHRoZSB0d28gb2YgdGhlbQ==")?;
/// let mac = key.sign(b"message");
/// assert!(key.verifies(b"message", &mac));
/// assert!(!key.verifies(b"another", &mac));
/// # Ok::<(), acme_keys::Error>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc8945#section-4.3>
#[derive(Clone)]
pub struct TsigKey {
    key: hmac::Key,
    algorithm: TsigAlgorithm,
}

impl TsigKey {
    /// Reads a key as DNS servers have it: base64, with padding or without, with white space in it.
    ///
    /// # Errors
    /// [`Error::TsigKey`] when it is not that, or empty.
    pub fn from_base64(algorithm: TsigAlgorithm, text: &str) -> Result<Self, Error> {
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let key = STANDARD_PAD_INDIFFERENT.decode(text.as_bytes()).map(Zeroizing::new);
        match key {
            Ok(key) if !key.is_empty() => Ok(Self::from_bytes(algorithm, &key)),
            Ok(_) | Err(_) => Err(Error::TsigKey),
        }
    }

    /// Takes a key as bytes.
    #[must_use]
    pub fn from_bytes(algorithm: TsigAlgorithm, key: &[u8]) -> Self {
        let hash = match algorithm {
            TsigAlgorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            TsigAlgorithm::HmacSha224 => hmac::HMAC_SHA224,
            TsigAlgorithm::HmacSha256 => hmac::HMAC_SHA256,
            TsigAlgorithm::HmacSha384 => hmac::HMAC_SHA384,
            TsigAlgorithm::HmacSha512 => hmac::HMAC_SHA512,
        };
        Self { key: hmac::Key::new(hash, key), algorithm }
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> TsigAlgorithm {
        self.algorithm
    }

    /// Computes the message authentication code.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, message).as_ref().to_vec()
    }

    /// Tells whether a message authentication code is the message's, whole: a truncated one is not.
    #[must_use]
    pub fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.key, message, mac).is_ok()
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TsigKey")
    }
}
