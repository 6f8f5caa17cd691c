//! What a certificate is asked for.

use std::fmt;

use acme_keys::{CertificateKey, CertificateSigningRequest, KeyType};
use acme_proto::{Identifier, Intent};
use jiff::Timestamp;

use crate::certificate::PrivateKey;
use crate::error::{Error, Result};

/// What a certificate is asked for.
///
/// ```
/// use acme_tokio::{IssueRequest, KeyType};
///
/// let request = IssueRequest::new(["example.com", "*.example.com"]).key_type(KeyType::EcdsaP384);
/// ```
#[derive(Clone)]
#[must_use]
pub struct IssueRequest {
    names: Vec<String>,
    key: Key,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

#[derive(Clone)]
enum Key {
    Fresh(KeyType),
    Given(PrivateKey),
    Csr(Vec<u8>),
}

impl IssueRequest {
    /// Asks for a certificate with these names, the primary one first. A name given twice counts
    /// once.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            key: Key::Fresh(KeyType::default()),
            not_before: None,
            not_after: None,
        }
    }

    /// Makes a new key of this type; without this call it is [`KeyType::EcdsaP256`].
    pub fn key_type(mut self, key_type: KeyType) -> Self {
        self.key = Key::Fresh(key_type);
        self
    }

    /// Uses a key that there is.
    pub fn private_key(mut self, key: PrivateKey) -> Self {
        self.key = Key::Given(key);
        self
    }

    /// Uses a certificate signing request that there is, as DER. Its key stays where it is.
    pub fn csr(mut self, der: Vec<u8>) -> Self {
        self.key = Key::Csr(der);
        self
    }

    /// Asks for a start of validity; not every CA takes it.
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Asks for an end of validity; not every CA takes it.
    pub fn not_after(mut self, time: Timestamp) -> Self {
        self.not_after = Some(time);
        self
    }

    /// The names as the CA gets them.
    ///
    /// # Errors
    /// When one of them can't be certified.
    pub fn identifiers(&self) -> Result<Vec<Identifier>> {
        let mut identifiers = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let identifier: Identifier = name.parse().map_err(|source| Error::identifier(name, source))?;
            if !identifiers.contains(&identifier) {
                identifiers.push(identifier);
            }
        }
        Ok(identifiers)
    }

    /// Tells whether there will be a key to return.
    pub(crate) fn has_key(&self) -> bool {
        !matches!(self.key, Key::Csr(_))
    }

    /// What to order, and the key for it unless that is elsewhere.
    pub(crate) async fn intent(&self, identifiers: Vec<Identifier>) -> Result<(Intent, Option<PrivateKey>)> {
        let key = match &self.key {
            Key::Fresh(key_type) => PrivateKey::generate_aside(*key_type).await?,
            Key::Given(key) => PrivateKey::clone(key),
            Key::Csr(der) => return Ok((self.dated(Intent::new(identifiers, der.clone(), None)), None)),
        };
        let csr = CertificateSigningRequest::new(&identifiers, &key.key)?.into_der();
        Ok((self.dated(Intent::new(identifiers, csr, Some(key.key.to_pem()))), Some(key)))
    }

    fn dated(&self, mut intent: Intent) -> Intent {
        intent.not_before = self.not_before;
        intent.not_after = self.not_after;
        intent
    }

    /// Tells whether a checkpoint is of the same request, so that its order can be used.
    pub(crate) fn is_of(&self, intent: &Intent, identifiers: &[Identifier]) -> bool {
        let has_key = match (&self.key, &intent.private_key) {
            (Key::Csr(der), None) => *der == intent.csr,
            (Key::Csr(_), Some(_)) | (Key::Fresh(_) | Key::Given(_), None) => false,
            (Key::Fresh(key_type), Some(pem)) => {
                CertificateKey::from_pem(pem.expose()).is_ok_and(|key| key.key_type() == *key_type)
            }
            (Key::Given(given), Some(pem)) => CertificateKey::from_pem(pem.expose())
                .is_ok_and(|key| key.public_key_der() == given.key.public_key_der()),
        };
        has_key
            && intent.identifiers == identifiers
            && intent.not_before == self.not_before
            && intent.not_after == self.not_after
    }
}

impl fmt::Debug for IssueRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueRequest").field("names", &self.names).finish_non_exhaustive()
    }
}
