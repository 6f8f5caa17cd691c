//! Certificates with their keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use acme_keys::{CertificateInfo, CertificateKey, KeyType};
use acme_proto::Chain;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Result};

/// The private key of a certificate.
#[derive(Clone)]
pub struct PrivateKey {
    pub(crate) key: Arc<CertificateKey>,
}

impl PrivateKey {
    /// Makes a key. An RSA key takes up to seconds: give its type to
    /// [`IssueRequest::key_type`](crate::IssueRequest::key_type) instead, and no other task waits.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate(key_type: KeyType) -> Result<Self> {
        Ok(Self { key: Arc::new(CertificateKey::generate(key_type)?) })
    }

    /// Makes a key without holding other tasks up.
    pub(crate) async fn generate_aside(key_type: KeyType) -> Result<Self> {
        match key_type {
            KeyType::EcdsaP256 | KeyType::EcdsaP384 => Self::generate(key_type),
            KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 | _ => {
                tokio::task::spawn_blocking(move || Self::generate(key_type)).await.map_err(Error::Runtime)?
            }
        }
    }

    /// Reads a key as PEM: PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// When it can't be read, or is of a type that no CA takes.
    pub fn from_pem(pem: &str) -> Result<Self> {
        Ok(Self { key: Arc::new(CertificateKey::from_pem(pem)?) })
    }

    /// The key as PKCS#8 PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.key.to_pem().expose().to_string()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

/// A certificate chain with its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    private_key: String,
    certificate: String,
    chain_der: Vec<CertificateDer<'static>>,
    key_der: Arc<PrivateKeyDer<'static>>,
    info: CertificateInfo,
}

impl Certificate {
    /// Puts a chain and its key together, without reading them a second time.
    pub(crate) fn new(key: &PrivateKey, chain: &Chain) -> Result<Self> {
        let leaf = chain.certificates.first().map(Vec::as_slice).unwrap_or_default();
        let info = CertificateInfo::from_der(leaf)?;
        if !info.matches(&key.key) {
            return Err(Error::KeyMismatch);
        }
        Ok(Self {
            private_key: key.to_pem(),
            certificate: chain.to_pem(),
            chain_der: chain.certificates.iter().cloned().map(CertificateDer::from).collect(),
            key_der: Arc::new(key.key.private_key_der()),
            info,
        })
    }

    /// Reads a chain, the leaf first, and its key.
    ///
    /// # Errors
    /// When either can't be read, or when they do not belong together.
    pub fn from_pem(private_key: String, certificate: String) -> Result<Self> {
        let key = CertificateKey::from_pem(&private_key)?;
        let chain_der = acme_keys::certificates_from_pem(&certificate)?;
        let info = CertificateInfo::from_pem(&certificate)?;
        if !info.matches(&key) {
            return Err(Error::KeyMismatch);
        }
        Ok(Self { key_der: Arc::new(key.private_key_der()), private_key, certificate, chain_der, info })
    }

    /// The private key as PEM.
    #[must_use]
    pub fn private_key(&self) -> &str {
        &self.private_key
    }

    /// The private key as rustls takes it.
    #[must_use]
    pub fn rustls_key(&self) -> PrivateKeyDer<'static> {
        self.key_der.clone_key()
    }

    /// The chain as PEM, the leaf first.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The leaf as DER.
    #[must_use]
    pub fn certificate_der(&self) -> Vec<u8> {
        self.chain_der.first().map(|leaf| leaf.to_vec()).unwrap_or_default()
    }

    /// The chain as rustls takes it, the leaf first.
    #[must_use]
    pub fn chain_der(&self) -> &[CertificateDer<'static>] {
        &self.chain_der
    }

    /// What the leaf says: names, validity, serial number, issuer.
    #[must_use]
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// When to renew: after two thirds of the lifetime, or half of one under ten days.
    #[must_use]
    pub fn renew_after(&self) -> Timestamp {
        const SHORT: Duration = Duration::from_secs(10 * 24 * 3600);
        let (from, until) = (self.info.not_before, self.info.not_after);
        let seconds = (until.as_second() - from.as_second()).max(0);
        let after = if seconds < SHORT.as_secs() as i64 { seconds / 2 } else { seconds / 3 * 2 };
        Timestamp::from_second(from.as_second() + after).unwrap_or(from)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("info", &self.info).finish_non_exhaustive()
    }
}
