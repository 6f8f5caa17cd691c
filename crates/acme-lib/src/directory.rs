//! The step-by-step API's way in.

use std::fmt;
use std::sync::Arc;

use acme_http::Transport;
use acme_keys::{CertificateInfo, CertificateKey};
use acme_proto::{DirectoryUrl, Registration, RevocationReason, Revoke};

use crate::account::{self, Account, AccountParts, ChangingKey, KeptKey};
use crate::api::{ApiAccount, ApiDirectory};
use crate::connect::{Connect, seed};
use crate::driver::Driver;
use crate::error::Result;
use crate::persist::Persist;

/// A CA's directory, and a place to keep accounts and certificates.
///
/// # Examples
///
/// ```no_run
/// use acme_lib::persist::FilePersist;
/// use acme_lib::{Directory, DirectoryUrl};
///
/// let directory = Directory::from_url(FilePersist::new("."), DirectoryUrl::LetsEncryptStaging)?;
/// let account = directory.account("admin@example.com")?;
/// # Ok::<(), acme_lib::Error>(())
/// ```
#[derive(Clone)]
pub struct Directory<P: Persist> {
    persist: P,
    driver: Arc<Driver>,
    api_directory: ApiDirectory,
}

/// Settings for a [`Directory`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before connect"]
pub struct DirectoryBuilder<P> {
    connect: Connect,
    persist: P,
}

impl Directory<crate::persist::MemoryPersist> {
    /// Begins the settings for a CA that needs more than a URL.
    pub fn builder(url: DirectoryUrl<'_>) -> DirectoryBuilder<()> {
        DirectoryBuilder { connect: Connect::new(url), persist: () }
    }
}

impl<P: Persist> Directory<P> {
    /// Fetches the directory of a CA, which is trusted by the system's roots.
    ///
    /// # Errors
    /// When the CA can't be reached or is not trusted, or when its directory can't be read.
    pub fn from_url(persist: P, url: DirectoryUrl<'_>) -> Result<Self> {
        Directory::builder(url).persist(persist).connect()
    }

    /// Opens the account of an e-mail address.
    ///
    /// The account's key is kept under the address; it is made, and kept, before the CA hears of
    /// it. This agrees to the CA's terms of service without asking: that is the contract of this
    /// function, and of no other in this library except
    /// [`account_with_realm`](Self::account_with_realm).
    ///
    /// # Errors
    /// When the key can't be kept, or when the CA refuses the account.
    pub fn account(&self, contact_email: &str) -> Result<Account<P>> {
        self.account_with_realm(contact_email, Some(vec![format!("mailto:{contact_email}")]))
    }

    /// Opens the account of a realm: a name under which its key and certificates are kept.
    ///
    /// The contacts, as URLs, are told to the CA when the account is made; a CA may keep none.
    ///
    /// # Errors
    /// As [`account`](Self::account).
    pub fn account_with_realm(&self, realm: &str, contact: Option<Vec<String>>) -> Result<Account<P>> {
        let kept = KeptKey { persist: self.persist.clone(), realm: realm.to_string() };
        let (key, place, pending) = kept.read_or_make()?;
        let registration = Registration::new().agree_to_terms().contact(contact.clone().unwrap_or_default());
        let session =
            self.driver.with_session(|session| seed().map(|seed| session.for_another_account(seed)))?;
        let driver = Driver::new(Arc::clone(&self.driver.transport), session);
        let (account, key) = account::open(&driver, key, pending, registration)?;
        Ok(Account::new(AccountParts {
            api_account: ApiAccount::from(&account),
            driver,
            key: ChangingKey::new(Some(key), place),
            persist: Some(self.persist.clone()),
            realm: realm.to_string(),
        }))
    }

    /// Revokes a certificate with its own private key, both as PEM: no account is needed. That it
    /// was revoked before is no error.
    ///
    /// # Errors
    /// [`KeyMismatch`](acme_keys::Error::KeyMismatch) when the key is another one's; when either can't be read, or when
    /// the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.6>
    pub fn revoke_with_key(
        &self,
        certificate_pem: &str,
        private_key_pem: &str,
        reason: RevocationReason,
    ) -> Result<()> {
        let key = CertificateKey::from_pem(private_key_pem)?;
        if !CertificateInfo::from_pem(certificate_pem)?.matches(&key) {
            return Err(acme_keys::Error::KeyMismatch.into());
        }
        let certificates = acme_keys::certificates_from_pem(certificate_pem)?;
        let leaf = certificates.first().map(AsRef::as_ref).unwrap_or_default();
        let signer = Arc::new(key.to_signer()?);
        Ok(self.driver.call(Revoke::by_certificate_key(leaf, reason, signer))?)
    }

    /// The directory as JSON members, for debugging.
    #[must_use]
    pub fn api_directory(&self) -> &ApiDirectory {
        &self.api_directory
    }
}

impl<P: Persist> fmt::Debug for Directory<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("api_directory", &self.api_directory).finish_non_exhaustive()
    }
}

impl<P> DirectoryBuilder<P> {
    /// Trusts only these roots, as PEM, for the connection to the CA.
    pub fn root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connect.root_pem = Some(pem.into());
        self
    }

    /// As [`AccountBuilder::transport`](crate::AccountBuilder::transport).
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.connect.transport = Some(Arc::new(transport));
        self
    }

    /// Reaches the CA through an HTTP proxy, by its URL.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.connect.proxy = Some(url.into());
        self
    }

    /// Keeps accounts and certificates here.
    pub fn persist<Q: Persist>(self, persist: Q) -> DirectoryBuilder<Q> {
        DirectoryBuilder { connect: self.connect, persist }
    }
}

impl<P: Persist> DirectoryBuilder<P> {
    /// Fetches the directory.
    ///
    /// # Errors
    /// When the CA can't be reached or is not trusted, or when its directory can't be read.
    pub fn connect(self) -> Result<Directory<P>> {
        let driver = self.connect.driver()?;
        let directory = driver.call(acme_proto::Directory::fetch())?;
        Ok(Directory {
            persist: self.persist,
            driver: Arc::new(driver),
            api_directory: ApiDirectory::from(&directory),
        })
    }
}
