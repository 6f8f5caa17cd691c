//! What a certificate is asked for.

use std::fmt;

use acme_proto::{Identifier, Intent, Misuse};
use jiff::Timestamp;

use crate::certificate_key::{CertificateKey, KeyType};
use crate::error::Error;
use crate::private_key::PrivateKey;
use crate::request::CertificateSigningRequest;

/// What a certificate is asked for.
///
/// ```
/// use acme_keys::{IssueRequest, KeyType};
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
    pub fn identifiers(&self) -> Result<Vec<Identifier>, Misuse> {
        let mut identifiers = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let identifier: Identifier =
                name.parse().map_err(|source| Misuse::Identifier { name: name.clone(), source })?;
            if !identifiers.contains(&identifier) {
                identifiers.push(identifier);
            }
        }
        Ok(identifiers)
    }

    /// The primary name, as it was given.
    #[must_use]
    pub fn primary_name(&self) -> &str {
        self.names.first().map(String::as_str).unwrap_or_default()
    }

    /// Tells whether there will be a key to return: not with a CSR, whose key is elsewhere.
    #[must_use]
    pub fn has_key(&self) -> bool {
        !matches!(self.key, Key::Csr(_))
    }

    /// Tells whether [`intent`](Self::intent) makes an RSA key, which takes up to seconds.
    #[must_use]
    pub fn makes_rsa_key(&self) -> bool {
        match &self.key {
            Key::Fresh(KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096) => true,
            Key::Fresh(KeyType::EcdsaP256 | KeyType::EcdsaP384) | Key::Given(_) | Key::Csr(_) => false,
        }
    }

    /// What to order, and the key for it unless that is elsewhere. A fresh key is another one each
    /// time.
    ///
    /// # Errors
    /// When the key can't be made, or the request can't hold a name.
    pub fn intent(&self, identifiers: Vec<Identifier>) -> Result<(Intent, Option<PrivateKey>), Error> {
        let key = match &self.key {
            Key::Fresh(key_type) => PrivateKey::generate(*key_type)?,
            Key::Given(key) => PrivateKey::clone(key),
            Key::Csr(der) => return Ok((self.dated(Intent::new(identifiers, der.clone(), None)), None)),
        };
        let csr = CertificateSigningRequest::new(&identifiers, key.as_ref())?.into_der();
        Ok((self.dated(Intent::new(identifiers, csr, Some(key.as_ref().to_pem()))), Some(key)))
    }

    fn dated(&self, mut intent: Intent) -> Intent {
        intent.not_before = self.not_before;
        intent.not_after = self.not_after;
        intent
    }

    /// Tells whether a checkpoint is of the same request, so that its order can be used.
    #[must_use]
    pub fn is_of(&self, intent: &Intent, identifiers: &[Identifier]) -> bool {
        let has_key = match (&self.key, &intent.private_key) {
            (Key::Csr(der), None) => *der == intent.csr,
            (Key::Csr(_), Some(_)) | (Key::Fresh(_) | Key::Given(_), None) => false,
            (Key::Fresh(key_type), Some(pem)) => {
                CertificateKey::from_pem(pem.expose()).is_ok_and(|key| key.key_type() == *key_type)
            }
            (Key::Given(given), Some(pem)) => CertificateKey::from_pem(pem.expose())
                .is_ok_and(|key| key.public_key_der() == given.as_ref().public_key_der()),
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
