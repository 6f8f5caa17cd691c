//! Certificates with their keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use acme_proto::Chain;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::CertificateInfo;
use crate::certificate_key::CertificateKey;
use crate::error::Error;
use crate::pem;
use crate::private_key::PrivateKey;

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
    ///
    /// # Errors
    /// [`Error::KeyMismatch`] when they do not belong together, [`Error::Der`] when the leaf can't
    /// be read.
    pub fn new(key: &PrivateKey, chain: &Chain) -> Result<Self, Error> {
        let leaf = chain.certificates.first().map(Vec::as_slice).unwrap_or_default();
        let info = CertificateInfo::from_der(leaf)?;
        if !info.matches(key.as_ref()) {
            return Err(Error::KeyMismatch);
        }
        Ok(Self {
            private_key: key.to_pem(),
            certificate: chain.to_pem(),
            chain_der: chain.certificates.iter().cloned().map(CertificateDer::from).collect(),
            key_der: Arc::new(key.as_ref().private_key_der()),
            info,
        })
    }

    /// Reads a chain, the leaf first, and its key.
    ///
    /// # Errors
    /// When either can't be read, or when they do not belong together.
    pub fn from_pem(private_key: String, certificate: String) -> Result<Self, Error> {
        let key = CertificateKey::from_pem(&private_key)?;
        let chain_der = pem::certificates_from_pem(&certificate)?;
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

impl AsRef<CertificateInfo> for Certificate {
    fn as_ref(&self) -> &CertificateInfo {
        &self.info
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
