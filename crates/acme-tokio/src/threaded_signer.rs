//! A signer for threads, used from tokio.

use std::fmt;
use std::panic;
use std::sync::Arc;

use acme_proto::{AsyncRemoteSigner, RemoteSigner, SignError, SignFuture, ToSign};

/// Runs a [`RemoteSigner`], such as a token, on tokio's threads for work that blocks.
///
/// A signature that has begun goes on to its end when its future is dropped.
pub struct ThreadedSigner<S> {
    signer: Arc<S>,
}

impl<S: RemoteSigner + 'static> ThreadedSigner<S> {
    /// Takes a signer over.
    #[must_use]
    pub fn new(signer: S) -> Self {
        Self { signer: Arc::new(signer) }
    }
}

impl<S: RemoteSigner + 'static> AsyncRemoteSigner for ThreadedSigner<S> {
    fn sign<'a>(&'a self, messages: &'a [ToSign]) -> SignFuture<'a> {
        let signer = Arc::clone(&self.signer);
        let own = messages.to_vec();
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || signer.sign(&own)).await {
                Ok(signatures) => signatures,
                Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                Err(_) => messages.iter().map(|_| Err(SignError::temporary("the runtime ended"))).collect(),
            }
        })
    }
}

impl<S> fmt::Debug for ThreadedSigner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThreadedSigner")
    }
}
