//! What survives the process.

use std::pin::Pin;

use acme_proto::{Checkpoint, StoreError};

/// What a [`Journal`] returns.
pub type JournalFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A place that makes checkpoints durable, so that an issuance survives the end of its process.
///
/// It holds one checkpoint. That is for one certificate: use one journal for each.
pub trait Journal: Send {
    /// The checkpoint that an earlier process left.
    ///
    /// # Errors
    /// When it can't be told whether there is one.
    fn load(&mut self) -> JournalFuture<'_, Option<Checkpoint>>;

    /// Makes a checkpoint durable, in place of the one before. Where the future is dropped, either
    /// of the two may be there, and whole.
    ///
    /// # Errors
    /// When it is not durable; the issuance ends then.
    fn save<'a>(&'a mut self, checkpoint: &'a Checkpoint) -> JournalFuture<'a, ()>;
}
