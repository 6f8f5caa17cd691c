//! Keeping accounts and certificates between runs, for the step-by-step API.
//!
//! A [`Persist`] is a map from [`PersistKey`] to bytes. [`FilePersist`] keeps one file for each
//! entry, [`MemoryPersist`] forgets everything with the process.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use siphasher::sip::SipHasher13;

use crate::error::Result;

mod file;

pub use file::FilePersist;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PersistKind {
    /// The private key of an account.
    AccountPrivateKey,
    /// The private key of a certificate.
    PrivateKey,
    /// A certificate chain.
    Certificate,
}

impl PersistKind {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "crt",
            Self::PrivateKey | Self::AccountPrivateKey => "key",
        }
    }
}

/// The name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersistKey<'a> {
    /// The hash of the realm: the account that the entry belongs to.
    pub realm: u64,
    /// What the entry is.
    pub kind: PersistKind,
    /// The entry's name within the realm: the primary name of a certificate.
    pub key: &'a str,
}

impl<'a> PersistKey<'a> {
    /// Makes the name of an entry in a realm, usually the account's e-mail address.
    ///
    /// The hash is SipHash-1-3 with a zero key over the text and a final octet 0xFF: what
    /// acme-lib 0.9 computed through the standard library, whose hasher may change.
    #[must_use]
    pub fn new(realm: &str, kind: PersistKind, key: &'a str) -> Self {
        let mut hasher = SipHasher13::new();
        realm.hash(&mut hasher);
        Self { realm: hasher.finish(), kind, key }
    }
}

impl fmt::Display for PersistKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.replace('.', "_").replace('*', "STAR");
        // The key for a host of this name is not to take the place of the account's.
        let is_account_key =
            self.kind == PersistKind::PrivateKey && (key == ACCOUNT_KEY || key == NEW_ACCOUNT_KEY);
        let key = if is_account_key { self.key } else { &key };
        write!(f, "{}_{}_{key}", self.realm, self.kind.name())
    }
}

/// A place to keep entries. Clones share it.
pub trait Persist: Clone + Send {
    /// Keeps a value, in place of the one before.
    ///
    /// # Errors
    /// When the value can't be kept; the one before must then be as it was.
    fn put(&self, key: &PersistKey<'_>, value: &[u8]) -> Result<()>;

    /// Finds a value; `None` if there is none.
    ///
    /// # Errors
    /// When it can't be told whether there is one: an entry that can't be read is not absent.
    fn get(&self, key: &PersistKey<'_>) -> Result<Option<Vec<u8>>>;
}

/// Keeps entries in memory, for tests and for programs that keep them elsewhere.
#[derive(Clone, Default)]
pub struct MemoryPersist {
    entries: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl MemoryPersist {
    /// Makes an empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Persist for MemoryPersist {
    fn put(&self, key: &PersistKey<'_>, value: &[u8]) -> Result<()> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(key.to_string(), value.to_vec());
        Ok(())
    }

    fn get(&self, key: &PersistKey<'_>) -> Result<Option<Vec<u8>>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(entries.get(&key.to_string()).cloned())
    }
}

impl fmt::Debug for MemoryPersist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryPersist")
    }
}

/// The name of the entry of an account's key.
pub(crate) const ACCOUNT_KEY: &str = "acme_account";

/// The name of the entry of the key that is to become the account's.
pub(crate) const NEW_ACCOUNT_KEY: &str = "acme_account_new";
