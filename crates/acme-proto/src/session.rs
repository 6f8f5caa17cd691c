//! A conversation with one CA.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;

use crate::base64url;
use crate::directory::Directory;
use crate::error::{Error, Misuse};
use crate::limits;
use crate::nonce::{NonceFetches, NoncePool};
use crate::persist;
use crate::signer::{Jwk, SigningKey};
use crate::url::Url;

/// SHA-256 as the protocol needs it.
pub type Sha256 = fn(&[u8]) -> [u8; 32];

/// One conversation with one CA: its directory, the nonces, and perhaps an account.
///
/// All flows of an account share a session; a driver locks it for one
/// [`resume`](crate::Flow::resume) only, never while it carries out a step.
pub struct Session {
    pub(crate) directory_url: Url,
    pub(crate) user_agent: String,
    pub(crate) language: String,
    sha256: Sha256,
    width: usize,
    jitter: u64,
    directory: Option<(Directory, Timestamp)>,
    nonces: NoncePool,
    nonce_fetches: NonceFetches,
    account: Option<SessionAccount>,
    /// Counts the keys that the session has signed with: what was signed or computed with an
    /// earlier one may be refused.
    key_generation: u64,
    is_changing_key: bool,
}

/// The account that a session signs with.
#[derive(Clone, Debug)]
pub(crate) struct SessionAccount {
    pub(crate) url: Url,
    pub(crate) key: SigningKey,
}

impl Session {
    /// Begins a conversation. Nothing is sent until a flow is resumed.
    ///
    /// `sha256` computes the digest, `seed` is 64 bits of the system's randomness; the session
    /// draws its jitter from it. `user_agent` names the program, as RFC 8555, section 6.1, asks.
    ///
    /// # Errors
    /// [`Misuse::Url`] if the directory's URL is not an absolute https URL.
    pub fn new(directory_url: &str, user_agent: &str, sha256: Sha256, seed: u64) -> Result<Self, Error> {
        Ok(Self {
            directory_url: Url::parse(directory_url).ok_or_else(|| Misuse::Url(directory_url.into()))?,
            user_agent: user_agent.into(),
            language: DEFAULT_LANGUAGE.into(),
            sha256,
            width: limits::DEFAULT_WIDTH,
            jitter: seed,
            directory: None,
            nonces: NoncePool::default(),
            nonce_fetches: NonceFetches::default(),
            account: None,
            key_generation: 0,
            is_changing_key: false,
        })
    }

    /// Begins another conversation with the same CA, for another account: the directory is known.
    #[must_use]
    pub fn for_another_account(&self, seed: u64) -> Self {
        Self {
            directory_url: self.directory_url.clone(),
            user_agent: self.user_agent.clone(),
            language: self.language.clone(),
            sha256: self.sha256,
            width: self.width,
            jitter: seed,
            directory: self.directory.clone(),
            nonces: NoncePool::default(),
            nonce_fetches: NonceFetches::default(),
            account: None,
            key_generation: 0,
            is_changing_key: false,
        }
    }

    /// Sets how many exchanges one step may hold, at least one.
    #[must_use]
    pub fn with_width(self, width: usize) -> Self {
        Self { width: width.max(1), ..self }
    }

    /// Sets how many exchanges one step may hold from now on, at least one: servers change what
    /// they grant.
    pub fn resize(&mut self, width: usize) {
        self.width = width.max(1);
    }

    /// Asks for the CA's texts in these languages, the content of an `Accept-Language` header;
    /// without this call in English. What can't stand in such a header is left out.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.1>
    #[must_use]
    pub fn with_language(self, languages: &str) -> Self {
        let is_allowed = |c: &char| c.is_ascii_alphanumeric() || "-*,;=. ".contains(*c);
        Self { language: languages.chars().filter(is_allowed).collect(), ..self }
    }

    /// Signs with an account that is known to exist, without asking the CA.
    ///
    /// # Errors
    /// [`Misuse::Url`] if the account's URL is not an absolute https URL.
    pub fn sign_in(&mut self, account_url: &str, key: impl Into<SigningKey>) -> Result<(), Error> {
        let key = key.into();
        let url = Url::parse(account_url).ok_or_else(|| Misuse::Url(account_url.into()))?;
        if self.public_key_der() != Some(key.public_key_der()) {
            self.key_generation += 1;
        }
        self.account = Some(SessionAccount { url, key });
        Ok(())
    }

    /// The directory, if it was fetched.
    #[must_use]
    pub fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref().map(|(directory, _)| directory)
    }

    /// The URL of the directory.
    #[must_use]
    pub fn directory_url(&self) -> &str {
        self.directory_url.as_str()
    }

    /// The URL of the account that the session signs with.
    #[must_use]
    pub fn account_url(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.url.as_str())
    }

    /// The public key that the session signs with, as a DER `SubjectPublicKeyInfo`: after
    /// [`OpenAccount::or_with`](crate::OpenAccount::or_with), which of the two keys it is.
    #[must_use]
    pub fn public_key_der(&self) -> Option<&[u8]> {
        self.account.as_ref().map(|account| account.key.public_key_der())
    }

    /// The thumbprint of the account's key.
    #[must_use]
    pub fn thumbprint(&self) -> Option<Thumbprint> {
        self.account.as_ref().map(|account| Thumbprint::new(account.key.jwk(), self.sha256))
    }

    /// The account as one that responds to challenges.
    #[must_use]
    pub fn respondent(&self) -> Option<Respondent> {
        let meta = self.directory().map(|directory| &directory.meta);
        Some(Respondent {
            thumbprint: self.thumbprint()?,
            account_url: self.account_url()?.into(),
            account_hash_prefix: meta.and_then(|meta| meta.account_hash_prefix.clone()),
            issuer_domain_names: meta.map(|meta| meta.issuer_domain_names.clone()).unwrap_or_default(),
            confirmed: Vec::new(),
        })
    }

    pub(crate) fn account(&self) -> Result<&SessionAccount, Error> {
        self.account.as_ref().ok_or(Error::Misuse(Misuse::NoAccount))
    }

    pub(crate) fn key_generation(&self) -> u64 {
        self.key_generation
    }

    /// Whether a request to change the key is under way: which key the CA takes is about to change.
    pub(crate) fn is_changing_key(&self) -> bool {
        self.is_changing_key
    }

    pub(crate) fn begin_key_change(&mut self) {
        self.is_changing_key = true;
    }

    pub(crate) fn end_key_change(&mut self) {
        self.is_changing_key = false;
    }

    pub(crate) fn sha256(&self) -> Sha256 {
        self.sha256
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The directory, unless it is missing or old.
    pub(crate) fn fresh_directory(&self, now: Timestamp) -> Option<&Directory> {
        let (directory, fetched) = self.directory.as_ref()?;
        let age = u64::try_from(now.as_second() - fetched.as_second()).unwrap_or(0);
        (age <= limits::MAX_DIRECTORY_AGE.as_secs()).then_some(directory)
    }

    pub(crate) fn remember_directory(&mut self, directory: Directory, now: Timestamp) {
        self.directory = Some((directory, now));
    }

    pub(crate) fn forget_directory(&mut self) {
        self.directory = None;
    }

    pub(crate) fn add_nonce(&mut self, nonce: String, now: Timestamp) {
        self.nonces.add(nonce, now, self.width * limits::NONCES_PER_WIDTH);
    }

    pub(crate) fn take_nonce(&mut self, now: Timestamp) -> Option<String> {
        self.nonces.take(now)
    }

    /// Tells whether one more newNonce request may go out.
    pub(crate) fn may_fetch_nonce(&mut self, now: Timestamp) -> bool {
        self.nonce_fetches.has_one(now)
    }

    pub(crate) fn count_nonce_fetch(&mut self, now: Timestamp) {
        self.nonce_fetches.count(now);
    }

    pub(crate) fn nonce_count(&mut self, now: Timestamp) -> usize {
        self.nonces.len(now)
    }

    /// A wait of at least this long, and up to a tenth longer.
    pub(crate) fn with_jitter(&mut self, wait: Duration) -> Duration {
        // SplitMix64: any generator will do that spreads clients apart.
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let thousandths = ((z ^ (z >> 31)) % 101) as u32;
        wait + wait * thousandths / 1000
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("directory_url", &self.directory_url.as_str())
            .field("account_url", &self.account_url())
            .finish_non_exhaustive()
    }
}

const DEFAULT_LANGUAGE: &str = "en";

/// Whoever responds to challenges: an account, and what its CA says of the records that name it.
#[derive(Clone, Debug)]
pub struct Respondent {
    pub(crate) thumbprint: Thumbprint,
    pub(crate) account_url: String,
    pub(crate) account_hash_prefix: Option<String>,
    pub(crate) issuer_domain_names: Vec<String>,
    pub(crate) confirmed: Vec<String>,
}

impl Respondent {
    /// Takes another account's URI in a dns-persist-01 challenge for right: whoever has that account
    /// will have certificates for the name.
    #[must_use]
    pub fn danger_confirm_account_uris(mut self, uris: &[String]) -> Self {
        self.confirmed.extend_from_slice(uris);
        self
    }

    pub(crate) fn account_label(&self) -> String {
        persist::account_label(&self.account_url, self.thumbprint.sha256)
    }
}

/// The thumbprint of an account key, and the digest that made it.
///
/// <https://www.rfc-editor.org/rfc/rfc7638>
#[derive(Clone)]
pub struct Thumbprint {
    text: String,
    sha256: Sha256,
}

impl Thumbprint {
    /// Computes the thumbprint of a key.
    #[must_use]
    pub fn new(jwk: &Jwk, sha256: Sha256) -> Self {
        Self { text: base64url::encode(sha256(jwk.to_json().as_bytes())), sha256 }
    }

    /// The thumbprint itself, base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key authorization of a token (RFC 8555, section 8.1).
    #[must_use]
    pub fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", self.text)
    }

    pub(crate) fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        (self.sha256)(bytes)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thumbprint").field(&self.text).finish()
    }
}
