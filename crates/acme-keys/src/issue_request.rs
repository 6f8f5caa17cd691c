//! What a certificate is asked for.

use std::fmt;

use acme_proto::{CertificateId, ChainPreference, Identifier, Intent, Issue, Misuse, Profile};
use jiff::Timestamp;

use crate::certificate::CertificateInfo;
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
    profile: Option<Profile>,
    replaces: Option<CertificateId>,
    ancestor_domains: Vec<String>,
    preferred_chain: Option<ChainPreference>,
    confirmed_account_uris: Vec<String>,
    allows_partial: bool,
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
            profile: None,
            replaces: None,
            ancestor_domains: Vec::new(),
            preferred_chain: None,
            confirmed_account_uris: Vec::new(),
            allows_partial: false,
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

    /// Asks for a profile. Where the CA does not offer it, the request ends in
    /// [`Misuse::ProfileNotOffered`]; where it refuses it, with its reason.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-profiles-01>
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(Profile::Required(name.into()));
        self
    }

    /// Asks for a profile, and does without it where the CA does not offer it, or refuses it.
    pub fn preferred_profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(Profile::Preferred(name.into()));
        self
    }

    /// Names the certificate that this one is to replace, which may spare it rate limits. It is
    /// left out where the CA has no renewal information, or refuses it.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9773#section-5>
    pub fn replaces(mut self, predecessor: &impl AsRef<CertificateInfo>) -> Self {
        self.replaces = predecessor.as_ref().certificate_id();
        self
    }

    /// Has the names below this domain proved by control of the domain, where the CA does that.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9444#section-4.3>
    pub fn ancestor_domain(mut self, domain: impl Into<String>) -> Self {
        self.ancestor_domains.push(domain.into());
        self
    }

    /// Prefers one of several chains. Where the CA has none like it, its first one is taken.
    pub fn preferred_chain(mut self, preference: ChainPreference) -> Self {
        self.preferred_chain = Some(preference);
        self
    }

    /// Takes the URI of another account in a dns-persist-01 challenge for right: whoever has that
    /// account will have certificates for the names.
    pub fn danger_confirm_account_uri(mut self, uri: impl Into<String>) -> Self {
        self.confirmed_account_uris.push(uri.into());
        self
    }

    /// Leaves names out that the CA refuses to make an order for, if it names them and others are
    /// left. Which ones, the outcome says. With a CSR of one's own it makes no difference.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.7.1>
    pub fn allow_partial(mut self) -> Self {
        self.allows_partial = true;
        self
    }

    pub(crate) fn allows_partial(&self) -> bool {
        self.allows_partial
    }

    /// Tells a flow what it needs to know besides what is ordered.
    pub(crate) fn direct(&self, flow: Issue) -> Issue {
        flow.preferring(self.preferred_chain.clone())
            .danger_confirm_account_uris(self.confirmed_account_uris.clone())
    }

    /// The names as the CA gets them.
    ///
    /// # Errors
    /// When one of them, or an ancestor domain, can't be certified.
    pub fn identifiers(&self) -> Result<Vec<Identifier>, Misuse> {
        parsed(&self.ancestor_domains)?;
        parsed(&self.names)
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
            Key::Csr(der) => return Ok((self.wished(Intent::new(identifiers, der.clone(), None)), None)),
        };
        let csr = CertificateSigningRequest::new(&identifiers, key.as_ref())?.into_der();
        Ok((self.wished(Intent::new(identifiers, csr, Some(key.as_ref().to_pem()))), Some(key)))
    }

    fn wished(&self, mut intent: Intent) -> Intent {
        intent.not_before = self.not_before;
        intent.not_after = self.not_after;
        intent.profile = self.profile.clone();
        intent.replaces = self.replaces.clone();
        intent.ancestor_domains = parsed(&self.ancestor_domains).unwrap_or_default();
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
            && self.has_names_of(intent, identifiers)
            && intent.not_before == self.not_before
            && intent.not_after == self.not_after
            && intent.profile == self.profile
    }

    /// All names, or those that the CA did not refuse.
    fn has_names_of(&self, intent: &Intent, identifiers: &[Identifier]) -> bool {
        if intent.left_out.is_empty() {
            return intent.identifiers == identifiers;
        }
        let is_there = |name: &Identifier| {
            intent.identifiers.contains(name) || intent.left_out.iter().any(|out| out.identifier == *name)
        };
        self.allows_partial
            && identifiers.iter().all(is_there)
            && intent.identifiers.iter().all(|name| identifiers.contains(name))
    }
}

/// The names of a list, each once.
fn parsed(names: &[String]) -> Result<Vec<Identifier>, Misuse> {
    let mut identifiers = Vec::with_capacity(names.len());
    for name in names {
        let identifier: Identifier =
            name.parse().map_err(|source| Misuse::Identifier { name: name.clone(), source })?;
        if !identifiers.contains(&identifier) {
            identifiers.push(identifier);
        }
    }
    Ok(identifiers)
}

impl fmt::Debug for IssueRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueRequest").field("names", &self.names).finish_non_exhaustive()
    }
}
