//! One certificate in one call.

use std::fmt;

use acme_keys::{CertificateKey, CertificateSigningRequest, KeyType};
use acme_proto::{
    Challenge, ChallengeType, Checkpoint, Identifier, Intent, Issue, SecretText, Solver, SolverError,
};
use jiff::Timestamp;

use crate::account::Account;
use crate::certificate::{Certificate, PrivateKey};
use crate::driver::{Event, Hands, Interrupt, Journal};
use crate::error::{Error, Result};
use crate::persist::Persist;

/// What a certificate is asked for.
///
/// ```
/// use acme_lib::{IssueRequest, KeyType};
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
    Given(Box<PrivateKey>),
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
        self.key = Key::Given(Box::new(key));
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

    /// What to order, and the key for it unless that is elsewhere.
    fn intent(&self, identifiers: Vec<Identifier>) -> Result<(Intent, Option<PrivateKey>)> {
        let key = match &self.key {
            Key::Fresh(key_type) => PrivateKey::generate(*key_type)?,
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
    fn is_of(&self, intent: &Intent, identifiers: &[Identifier]) -> bool {
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

/// An issuance with everything that it can be given.
///
/// With a [`Journal`], an issuance that was interrupted at whatever instant goes on where it was:
/// run it again with the same request. What an earlier one left in place is taken away.
#[must_use = "nothing happens before run"]
pub struct Issuance<'a, P: Persist> {
    account: &'a Account<P>,
    request: &'a IssueRequest,
    journal: Option<&'a mut dyn Journal>,
    observer: Option<&'a mut dyn FnMut(&Event<'_>)>,
    interrupt: Option<&'a Interrupt>,
}

/// What an issuance ends in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The certificate with its key.
    pub certificate: Certificate,
    /// The URL of the order.
    pub order_url: String,
    /// The responses that could not be taken away, and why; they stay in the journal's last
    /// checkpoint, to be taken away later.
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

/// The chain for a CSR whose key is elsewhere.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedChain {
    /// The chain as PEM, the leaf first.
    pub chain_pem: String,
    /// The private key, PKCS#8 PEM, unless the request came with a CSR.
    pub private_key_pem: Option<SecretText>,
    /// The URL of the order.
    pub order_url: String,
    /// As [`Issued::left_in_place`].
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

impl<'a, P: Persist> Issuance<'a, P> {
    pub(crate) fn new(account: &'a Account<P>, request: &'a IssueRequest) -> Self {
        Self { account, request, journal: None, observer: None, interrupt: None }
    }

    /// Makes progress durable here.
    pub fn journal(mut self, journal: &'a mut dyn Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Tells what is about to happen.
    pub fn observe(mut self, observer: &'a mut dyn FnMut(&Event<'_>)) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Ends early when this is triggered.
    pub fn interrupt(mut self, interrupt: &'a Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Obtains the certificate, and keeps it under its primary name where the account has a
    /// [`Persist`].
    ///
    /// # Errors
    /// As [`Account::issue`]. [`Error::NoPrivateKey`] for a request with a CSR of one's own:
    /// [`run_for_chain`](Self::run_for_chain) is for that.
    pub fn run(self, solver: &mut dyn Solver) -> Result<Issued> {
        if matches!(self.request.key, Key::Csr(_)) {
            return Err(Error::NoPrivateKey);
        }
        let account = self.account;
        let primary = self.request.names.first().cloned().unwrap_or_default();
        let (issued, key) = self.obtain(solver)?;
        let certificate = Certificate::new(&key.ok_or(Error::NoPrivateKey)?, &issued.chain)?;
        account.parts.keep(&primary, &certificate)?;
        Ok(Issued { certificate, order_url: issued.order_url, left_in_place: issued.left_in_place })
    }

    /// Obtains the chain, and the key where there is one.
    ///
    /// # Errors
    /// As [`Account::issue`].
    pub fn run_for_chain(self, solver: &mut dyn Solver) -> Result<IssuedChain> {
        let (issued, key) = self.obtain(solver)?;
        Ok(IssuedChain {
            chain_pem: issued.chain.to_pem(),
            private_key_pem: key.map(|key| key.key.to_pem()),
            order_url: issued.order_url,
            left_in_place: issued.left_in_place,
        })
    }

    fn obtain(mut self, solver: &mut dyn Solver) -> Result<(acme_proto::Issued, Option<PrivateKey>)> {
        let identifiers = self.request.identifiers()?;
        let choices = identifiers.iter().map(|name| (name.clone(), solver.challenge_types(name))).collect();
        let (flow, key) = self.flow(identifiers, choices)?;
        let hands = Hands {
            solver: Some(solver),
            journal: self.journal.map(|journal| journal as _),
            observer: self.observer.map(|observer| observer as _),
            interrupt: self.interrupt,
        };
        Ok((self.account.parts.driver.run(flow, hands)?, key))
    }

    /// Goes on with what the journal has, if it is of the same request.
    fn flow(
        &mut self,
        identifiers: Vec<Identifier>,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
    ) -> Result<(Issue, Option<PrivateKey>)> {
        let left = match &mut self.journal {
            Some(journal) => journal.load().map_err(acme_proto::Error::Store)?,
            None => None,
        };
        let Some(left) = left else {
            let (intent, key) = self.request.intent(identifiers)?;
            return Ok((Issue::new(intent, choices)?, key));
        };
        if self.request.is_of(&left.intent, &identifiers) {
            let pem = left.intent.private_key.as_ref();
            let key = pem.map(|pem| PrivateKey::from_pem(pem.expose())).transpose()?;
            return Ok((Issue::resume_from(left, choices)?, key));
        }
        let (intent, key) = self.request.intent(identifiers)?;
        let mut checkpoint = Checkpoint::new(intent);
        checkpoint.presented = left.presented;
        Ok((Issue::start_from(checkpoint, choices)?, key))
    }
}

impl<P: Persist> fmt::Debug for Issuance<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuance").field("request", self.request).finish_non_exhaustive()
    }
}
