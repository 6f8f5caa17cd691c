//! The store as the journal of an issuance.

use acme_lib::Checkpoint;
use acme_proto::StoreError;
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
        self.store.checkpoint(self.name).map_err(StoreError::from)
    }

    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.store.save_checkpoint(self.name, checkpoint).map_err(StoreError::from)
    }
}
