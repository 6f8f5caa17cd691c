//! Where an account's key is kept, and how another one takes its place.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_keys::{AccountKey, KeyFile, KeyFileChange};
use acme_proto::{OpenAccount, Registration, RollOver, Signer as _};
use tokio::task::spawn_blocking;

use crate::driver::Driver;
use crate::error::{Error, Result};

/// The key that an account signs with, and its place.
pub(crate) struct ChangingKey {
    /// None where it is not in this process.
    current: Mutex<Option<Arc<AccountKey>>>,
    file: Option<KeyFile>,
    changing: tokio::sync::Mutex<()>,
}

/// A key that is to become the account's, or has.
pub(crate) struct Pending {
    key: Arc<AccountKey>,
    change: Option<(KeyFile, KeyFileChange)>,
}

impl ChangingKey {
    /// The key of an account; without a file the caller keeps it.
    pub(crate) fn new(key: Option<Arc<AccountKey>>, file: Option<KeyFile>) -> Self {
        Self { current: Mutex::new(key), file, changing: tokio::sync::Mutex::default() }
    }

    pub(crate) fn current(&self) -> Option<Arc<AccountKey>> {
        lock(&self.current).clone()
    }

    /// Changes the key at the CA, then in its place.
    pub(crate) async fn change(&self, driver: &Driver, new_key: AccountKey) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let pending = self.begin_change(Arc::new(new_key)).await?;
        match driver.call(RollOver::new(pending.key.clone())).await {
            Ok(()) => {
                *lock(&self.current) = Some(Arc::clone(&pending.key));
                pending.commit().await
            }
            Err(error @ acme_proto::Error::KeyUnsettled(_)) => Err(error.into()),
            Err(error) => {
                // The first error is the one to tell; what is left costs a look at the next start.
                drop(pending.abandon().await);
                Err(error.into())
            }
        }
    }

    async fn begin_change(&self, key: Arc<AccountKey>) -> Result<Pending> {
        let Some(file) = self.file.clone() else { return Ok(Pending { key, change: None }) };
        in_file(move || {
            let change = file.begin_change(&key).map_err(|source| failed(file.path(), source))?;
            Ok(Pending { key, change: Some((file, change)) })
        })
        .await
    }
}

impl Pending {
    pub(crate) fn elsewhere(key: AccountKey) -> Self {
        Self { key: Arc::new(key), change: None }
    }

    async fn commit(self) -> Result<()> {
        let Some((file, change)) = self.change else { return Ok(()) };
        in_file(move || change.commit().map_err(|source| failed(file.path(), source))).await
    }

    async fn abandon(self) -> Result<()> {
        let Some((file, change)) = self.change else { return Ok(()) };
        in_file(move || change.abandon().map_err(|source| failed(file.path(), source))).await
    }
}

/// The key of a file, and the one that was to take its place.
pub(crate) async fn of_file(file: KeyFile) -> Result<(AccountKey, Option<Pending>)> {
    in_file(move || {
        let failed = |source| failed(file.path(), source);
        let key = file.read_or_make().map_err(failed)?;
        let Some(change) = file.unsettled_change().map_err(failed)? else { return Ok((key, None)) };
        let pending = Arc::new(change.key().map_err(failed)?);
        Ok((key, Some(Pending { key: pending, change: Some((file, change)) })))
    })
    .await
}

/// Opens the account, with whichever of its keys is in force.
pub(crate) async fn open(
    driver: &Driver,
    key: AccountKey,
    pending: Option<Pending>,
    registration: Registration,
) -> Result<Arc<AccountKey>> {
    let key = Arc::new(key);
    let flow = OpenAccount::new(key.clone(), registration);
    let Some(pending) = pending else {
        driver.call(flow).await?;
        return Ok(key);
    };
    driver.call(flow.or_with(pending.key.clone())).await?;
    let in_force = driver.with_session(|session| session.public_key_der().map(<[u8]>::to_vec));
    if in_force.as_deref() != Some(pending.key.public_key_der()) {
        pending.abandon().await?;
        return Ok(key);
    }
    let key = Arc::clone(&pending.key);
    pending.commit().await?;
    Ok(key)
}

async fn in_file<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(Error::Runtime)?
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::KeyFile { path: path.to_path_buf(), source }
}
