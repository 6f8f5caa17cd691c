//! Opening an account.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acme_http::AsyncTransport;
use acme_keys::{AccountKey, KeyFile};
use acme_proto::{
    Algorithm, AsyncRemoteSigner, DirectoryUrl, ExternalAccount, ExternalKey, Mac, OpenAccount, Registration,
};

use super::Account;
use super::key_place::{self, ChangingKey, Pending};
use crate::connect::Connect;
use crate::error::Result;

/// Settings for an [`Account`]; see the example on the [crate's page](crate).
#[must_use = "nothing happens before open"]
pub struct AccountBuilder {
    connect: Connect,
    registration: Registration,
    key: Key,
    pending_key: Option<AccountKey>,
    known_url: Option<String>,
}

enum Key {
    Fresh,
    File(PathBuf),
    Given(AccountKey),
    Remote(ExternalKey, Arc<dyn AsyncRemoteSigner>),
}

impl AccountBuilder {
    pub(super) fn new(url: DirectoryUrl<'_>) -> Self {
        Self {
            connect: Connect::new(url),
            registration: Registration::new(),
            key: Key::Fresh,
            pending_key: None,
            known_url: None,
        }
    }

    /// Agrees to the CA's terms of service, which you have read. Without it a CA that has terms
    /// gets no registration, and the error names their URL.
    pub fn agree_to_terms(mut self) -> Self {
        self.registration = self.registration.agree_to_terms();
        self
    }

    /// Tells the CA how to reach you, as URLs such as `mailto:admin@example.com`. A CA may keep
    /// none; it is read only when the account is made.
    pub fn contact(mut self, contact: impl IntoIterator<Item = String>) -> Self {
        self.registration = self.registration.contact(contact);
        self
    }

    /// Binds a new account to one outside ACME: with the key identifier and the MAC key that the
    /// CA gave, such as [`HmacKey::from_text`](crate::HmacKey::from_text). It may be good for one
    /// use only, and is sent only when the CA says that the key has no account.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4>
    pub fn external_account(mut self, kid: impl Into<String>, key: impl Mac + 'static) -> Self {
        self.registration = self.registration.bind(ExternalAccount { kid: kid.into(), key: Arc::new(key) });
        self
    }

    /// Finds the account of the key and makes none: where there is none,
    /// [`open`](Self::open) ends in a refusal of the kind
    /// [`AccountDoesNotExist`](crate::ProblemKind::AccountDoesNotExist).
    pub fn only_existing(mut self) -> Self {
        self.registration = Registration::only_existing();
        self
    }

    /// Uses the key in a PEM file. A file that is absent is made, readable by its owner only,
    /// before the CA hears of the key; a file that can't be read is an error. A change of keys that
    /// an earlier process began is settled first.
    pub fn key_file(mut self, path: impl AsRef<Path>) -> Self {
        self.key = Key::File(path.as_ref().to_path_buf());
        self
    }

    /// Uses a key that is kept elsewhere.
    pub fn key(mut self, key: AccountKey) -> Self {
        self.key = Key::Given(key);
        self
    }

    /// Uses a key that is not in this process: `signer` has it sign, and nothing waits for it but the
    /// request that it signs. Describe the key with [`external_key`](crate::external_key).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use acme_tokio::{AsyncRemoteSigner, external_key, signature_from_der};
    /// use acme_tokio::proto::{SignError, SignFuture, ToSign};
    ///
    /// /// A key management service; its client knows how to reach it.
    /// struct Kms(Arc<Client>);
    ///
    /// impl AsyncRemoteSigner for Kms {
    ///     fn sign<'a>(&'a self, messages: &'a [ToSign]) -> SignFuture<'a> {
    ///         Box::pin(async move {
    ///             let mut signatures = Vec::new();
    ///             for message in messages {
    ///                 let signed = self.0.sign(&message.key, &message.message).await;
    ///                 signatures.push(signed.map_err(SignError::temporary).and_then(|der| {
    ///                     signature_from_der(&der, 32).map_err(SignError::permanent) // P-256
    ///                 }));
    ///             }
    ///             signatures
    ///         })
    ///     }
    /// }
    /// # struct Client;
    /// # impl Client {
    /// #     async fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, std::io::Error> { Ok(Vec::new()) }
    /// # }
    /// # fn example(client: Arc<Client>, public_key_der: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = external_key("projects/p/keys/acme", public_key_der)?;
    /// let builder = acme_tokio::Account::builder(acme_tokio::DirectoryUrl::LetsEncrypt)
    ///     .remote_key(key, Kms(client));
    /// # drop(builder);
    /// # Ok(())
    /// # }
    /// ```
    pub fn remote_key(mut self, key: ExternalKey, signer: impl AsyncRemoteSigner + 'static) -> Self {
        self.key = Key::Remote(key, Arc::new(signer));
        self
    }

    /// Uses this key instead of the one of [`key`](Self::key) if the CA takes it: the one of a
    /// [`change_key`](Account::change_key) that did not come to its end.
    /// [`acme_private_key_pem`](Account::acme_private_key_pem) says which one it was.
    pub fn pending_key(mut self, key: AccountKey) -> Self {
        self.pending_key = Some(key);
        self
    }

    /// Trusts that the key's account has this URL: the CA is not asked.
    pub fn known_url(mut self, url: impl Into<String>) -> Self {
        self.known_url = Some(url.into());
        self
    }

    /// Trusts only these roots, as PEM, for the connection to the CA.
    pub fn root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connect.root_pem = Some(pem.into());
        self
    }

    /// Reaches the CA through an HTTP proxy, by its URL.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.connect.proxy = Some(url.into());
        self
    }

    /// Carries requests out by another HTTP client, whose contract [`AsyncTransport`] has, or
    /// through the connections of an [`AsyncClient`](crate::AsyncClient) that there is. Its own
    /// roots and proxy count, and those given here do not.
    pub fn transport(mut self, transport: impl AsyncTransport + 'static) -> Self {
        self.connect.transport = Some(Arc::new(transport));
        self
    }

    /// Names the program to the CA, as `product/version`, before the library's own name.
    pub fn user_agent(mut self, product: &str) -> Self {
        self.connect.user_agent = format!("{product} {}", self.connect.user_agent);
        self
    }

    /// Finds the account of the key, or registers it. Asking twice makes no second account.
    ///
    /// # Errors
    /// When the key can't be read or made, when the CA can't be reached, or when it refuses.
    /// [`Misuse`](acme_proto::Misuse) before the CA is asked for a new account:
    /// `TermsNotAgreed`, `ExternalAccountRequired`, and `Contact`.
    pub async fn open(self) -> Result<Account> {
        let (key, file, pending) = match self.key {
            Key::Fresh => (AccountKey::generate(Algorithm::Es256)?, None, None),
            Key::File(path) => {
                let file = KeyFile::new(path);
                let (key, pending) = key_place::of_file(file.clone()).await?;
                (key, Some(file), pending)
            }
            Key::Given(key) => (key, None, self.pending_key.map(Pending::elsewhere)),
            Key::Remote(key, signer) => {
                let driver = self.connect.driver()?.with_signer(signer);
                match self.known_url {
                    Some(url) => driver.with_session(|session| session.sign_in(&url, key))?,
                    None => drop(driver.call(OpenAccount::new(key, self.registration)).await?),
                }
                return Ok(Account::new(driver, ChangingKey::new(None, None)));
            }
        };
        let driver = self.connect.driver()?;
        let key = match (self.known_url, pending) {
            (Some(url), None) => {
                let key = Arc::new(key);
                driver.with_session(|session| session.sign_in(&url, key.clone()))?;
                key
            }
            (known_url, pending) => {
                let is_known = known_url.is_some();
                let registration = if is_known { Registration::only_existing() } else { self.registration };
                key_place::open(&driver, key, pending, registration).await?
            }
        };
        Ok(Account::new(driver, ChangingKey::new(Some(key), file)))
    }
}

impl fmt::Debug for AccountBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountBuilder").field("connect", &self.connect).finish_non_exhaustive()
    }
}
