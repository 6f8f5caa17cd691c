//! Where an account's key is kept, and how another one takes its place.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_keys::{AccountKey, KeyFile, KeyFileChange};
use acme_proto::{Algorithm, OpenAccount, Registration, RollOver, Signer as _};

use crate::driver::Driver;
use crate::error::{Error, Result};
use crate::persist::{ACCOUNT_KEY, NEW_ACCOUNT_KEY, Persist, PersistKey, PersistKind};

/// The key that an account signs with, and its place.
pub(crate) struct ChangingKey<P> {
    /// None where it is not in this process.
    current: Mutex<Option<Arc<AccountKey>>>,
    place: KeyPlace<P>,
    changing: Mutex<()>,
}

/// Where a key is kept.
pub(crate) enum KeyPlace<P> {
    /// The caller keeps it.
    Elsewhere,
    File(KeyFile),
    Persist(KeptKey<P>),
}

/// The entries of an account in a store.
#[derive(Clone)]
pub(crate) struct KeptKey<P> {
    pub(crate) persist: P,
    pub(crate) realm: String,
}

/// A key that is to become the account's, or has.
pub(crate) struct Pending<P> {
    key: Arc<AccountKey>,
    change: Change<P>,
}

enum Change<P> {
    Elsewhere,
    File(KeyFile, KeyFileChange),
    Persist(KeptKey<P>),
}

impl<P: Persist> ChangingKey<P> {
    pub(crate) fn new(key: Option<Arc<AccountKey>>, place: KeyPlace<P>) -> Self {
        Self { current: Mutex::new(key), place, changing: Mutex::default() }
    }

    pub(crate) fn current(&self) -> Option<Arc<AccountKey>> {
        lock(&self.current).clone()
    }

    /// Changes the key at the CA, then in its place.
    pub(crate) fn change(&self, driver: &Driver, new_key: AccountKey) -> Result<()> {
        let _one_at_a_time = lock(&self.changing);
        let pending = self.place.begin_change(Arc::new(new_key))?;
        match driver.call(RollOver::new(pending.key.clone())) {
            Ok(()) => {
                *lock(&self.current) = Some(Arc::clone(&pending.key));
                pending.commit()
            }
            Err(error @ acme_proto::Error::KeyUnsettled(_)) => Err(error.into()),
            Err(error) => {
                // The first error is the one to tell; what is left costs a look at the next start.
                drop(pending.abandon(self.current().as_deref()));
                Err(error.into())
            }
        }
    }
}

impl<P: Persist> KeyPlace<P> {
    fn begin_change(&self, key: Arc<AccountKey>) -> Result<Pending<P>> {
        let change = match self {
            Self::Elsewhere => Change::Elsewhere,
            Self::File(file) => {
                let change = file.begin_change(&key).map_err(|source| failed(file.path(), source))?;
                Change::File(file.clone(), change)
            }
            Self::Persist(kept) => {
                kept.put(NEW_ACCOUNT_KEY, &key)?;
                Change::Persist(kept.clone())
            }
        };
        Ok(Pending { key, change })
    }
}

impl<P: Persist> KeptKey<P> {
    /// Reads the key, or makes it; and the one that was to take its place.
    pub(crate) fn read_or_make(self) -> Result<(AccountKey, KeyPlace<P>, Option<Pending<P>>)> {
        let Some(pem) = self.get(ACCOUNT_KEY)? else {
            let key = AccountKey::generate(Algorithm::Es256)?;
            self.put(ACCOUNT_KEY, &key)?;
            return Ok((key, KeyPlace::Persist(self), None));
        };
        let pending = match self.get(NEW_ACCOUNT_KEY)?.filter(|new| *new != pem) {
            Some(new) => Some(Pending {
                key: Arc::new(AccountKey::from_pem(new)?),
                change: Change::Persist(self.clone()),
            }),
            None => None,
        };
        Ok((AccountKey::from_pem(pem)?, KeyPlace::Persist(self), pending))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.persist.get(&PersistKey::new(&self.realm, PersistKind::AccountPrivateKey, name))
    }

    fn put(&self, name: &str, key: &AccountKey) -> Result<()> {
        let entry = PersistKey::new(&self.realm, PersistKind::AccountPrivateKey, name);
        self.persist.put(&entry, key.to_pem().expose().as_bytes())
    }
}

impl<P: Persist> Pending<P> {
    pub(crate) fn elsewhere(key: AccountKey) -> Self {
        Self { key: Arc::new(key), change: Change::Elsewhere }
    }

    fn commit(self) -> Result<()> {
        match self.change {
            Change::Elsewhere => Ok(()),
            Change::File(file, change) => change.commit().map_err(|source| failed(file.path(), source)),
            Change::Persist(kept) => kept.put(ACCOUNT_KEY, &self.key),
        }
    }

    /// The old key stays; a store forgets nothing, so that the old one stands there twice.
    fn abandon(self, old_key: Option<&AccountKey>) -> Result<()> {
        match self.change {
            Change::Elsewhere => Ok(()),
            Change::File(file, change) => change.abandon().map_err(|source| failed(file.path(), source)),
            Change::Persist(kept) => old_key.map_or(Ok(()), |key| kept.put(NEW_ACCOUNT_KEY, key)),
        }
    }

    /// The CA does not take this key.
    fn leave(self) -> Result<()> {
        match self.change {
            // A store has no locks: another process may be about to change to this key.
            Change::Elsewhere | Change::Persist(_) => Ok(()),
            Change::File(file, change) => change.abandon().map_err(|source| failed(file.path(), source)),
        }
    }
}

/// The key of a file, and the one that was to take its place.
pub(crate) fn of_file<P>(file: KeyFile) -> Result<(AccountKey, KeyPlace<P>, Option<Pending<P>>)> {
    let failed = |source| failed(file.path(), source);
    let key = file.read_or_make().map_err(failed)?;
    let pending = match file.unsettled_change().map_err(failed)? {
        Some(change) => {
            let key = Arc::new(change.key().map_err(failed)?);
            Some(Pending { key, change: Change::File(file.clone(), change) })
        }
        None => None,
    };
    Ok((key, KeyPlace::File(file), pending))
}

/// Opens the account, with whichever of its keys is in force.
pub(crate) fn open<P: Persist>(
    driver: &Driver,
    key: AccountKey,
    pending: Option<Pending<P>>,
    registration: Registration,
) -> Result<(acme_proto::Account, Arc<AccountKey>)> {
    let key = Arc::new(key);
    let flow = OpenAccount::new(key.clone(), registration);
    let Some(pending) = pending else { return Ok((driver.call(flow)?, key)) };
    let account = driver.call(flow.or_with(pending.key.clone()))?;
    let in_force = driver.with_session(|session| session.public_key_der().map(<[u8]>::to_vec));
    if in_force.as_deref() != Some(pending.key.public_key_der()) {
        pending.leave()?;
        return Ok((account, key));
    }
    let key = Arc::clone(&pending.key);
    pending.commit()?;
    Ok((account, key))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::KeyFile { path: path.to_path_buf(), source }
}
