//! The store as the journal of an issuance.

use acme_keys::CertificateKey;
use acme_lib::Checkpoint;
use acme_proto::{Challenge, StoreError};
use acme_store::{CertificateName, Store};

/// Keeps the progress of one certificate's issuance in the store.
pub(crate) struct StoreJournal<'a> {
    store: &'a Store,
    name: &'a CertificateName,
}

impl<'a> StoreJournal<'a> {
    pub(crate) fn new(store: &'a Store, name: &'a CertificateName) -> Self {
        Self { store, name }
    }
}

impl acme_lib::Journal for StoreJournal<'_> {
    fn load(&mut self) -> Result<Option<Checkpoint>, StoreError> {
        let checkpoint = self.store.checkpoint(self.name).map_err(StoreError::from)?;
        let Some(mut checkpoint) = checkpoint else { return Ok(None) };
        // What was swept away is not to be taken away once more.
        let listed = self.store.presented().map_err(StoreError::from)?;
        let is_listed = |challenge: &Challenge| {
            listed.iter().any(|one| one.certificate == *self.name && one.challenge == *challenge)
        };
        checkpoint.presented.retain(is_listed);
        let Some(pem) = &checkpoint.intent.private_key else { return Ok(Some(checkpoint)) };
        // An order for a key that somebody else has come to know is not gone on with.
        let Ok(key) = CertificateKey::from_pem(pem.expose()) else { return Ok(Some(checkpoint)) };
        let digest = acme_keys::sha256(key.public_key_der());
        let is_compromised = self.store.is_compromised_key(digest).map_err(StoreError::from)?;
        Ok((!is_compromised).then_some(checkpoint))
    }

    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.store.save_checkpoint(self.name, checkpoint).map_err(StoreError::from)
    }
}
