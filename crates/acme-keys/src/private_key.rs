//! The private key of a certificate, to be shared.

use std::fmt;
use std::sync::Arc;

use crate::certificate_key::{CertificateKey, KeyType};
use crate::error::Error;

/// The private key of a certificate.
#[derive(Clone)]
pub struct PrivateKey {
    key: Arc<CertificateKey>,
}

impl PrivateKey {
    /// Makes a key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate(key_type: KeyType) -> Result<Self, Error> {
        Ok(Self { key: Arc::new(CertificateKey::generate(key_type)?) })
    }

    /// Reads a key as PEM: PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// When it can't be read, or is of a type that no CA takes.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        Ok(Self { key: Arc::new(CertificateKey::from_pem(pem)?) })
    }

    /// The key as PKCS#8 PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.key.to_pem().expose().to_string()
    }
}

impl AsRef<CertificateKey> for PrivateKey {
    fn as_ref(&self) -> &CertificateKey {
        &self.key
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}
