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
    /// Makes a key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate(key_type: KeyType) -> Result<Self> {
        Ok(Self { key: Arc::new(CertificateKey::generate(key_type)?) })
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

/// Makes an RSA key of 2048, 3072 or 4096 bits.
///
/// # Panics
/// With any other number of bits: [`PrivateKey::generate`] has no such number.
#[must_use]
pub fn create_rsa_key(bits: u32) -> PrivateKey {
    let key_type = match bits {
        2048 => KeyType::Rsa2048,
        3072 => KeyType::Rsa3072,
        4096 => KeyType::Rsa4096,
        _ => panic!("an RSA key has 2048, 3072 or 4096 bits, not {bits}"),
    };
    generate(key_type)
}

/// Makes a P-256 key.
///
/// # Panics
/// When the system has no randomness to give; [`PrivateKey::generate`] returns that as an error.
#[must_use]
pub fn create_p256_key() -> PrivateKey {
    generate(KeyType::EcdsaP256)
}

/// Makes a P-384 key.
///
/// # Panics
/// As [`create_p256_key`].
#[must_use]
pub fn create_p384_key() -> PrivateKey {
    generate(KeyType::EcdsaP384)
}

fn generate(key_type: KeyType) -> PrivateKey {
    PrivateKey::generate(key_type).unwrap_or_else(|error| panic!("{error}"))
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

    /// The private key as DER. ([`private_key_der`](Self::private_key_der) of acme-lib 0.9; for
    /// rustls there is [`rustls_key`](Self::rustls_key).)
    #[must_use]
    pub fn private_key_der(&self) -> Vec<u8> {
        self.key_der.secret_der().to_vec()
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

    /// How many whole days are left; negative after the end.
    #[must_use]
    pub fn valid_days_left(&self) -> i64 {
        const SECONDS_PER_DAY: i64 = 24 * 3600;
        let left = self.info.not_after.as_second() - Timestamp::now().as_second();
        left.div_euclid(SECONDS_PER_DAY)
    }

    /// When to renew: after two thirds of the lifetime, or half of one under ten days.
    #[must_use]
    pub fn renew_after(&self) -> Timestamp {
        renew_after(self.info.not_before, self.info.not_after)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("info", &self.info).finish_non_exhaustive()
    }
}

/// The moment from which a certificate of this validity is renewed.
fn renew_after(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    const SHORT: Duration = Duration::from_secs(10 * 24 * 3600);
    let seconds = (not_after.as_second() - not_before.as_second()).max(0);
    let after = if seconds < SHORT.as_secs() as i64 { seconds / 2 } else { seconds / 3 * 2 };
    Timestamp::from_second(not_before.as_second() + after).unwrap_or(not_before)
}
