//! Ending an issuance without dropping it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Ends an issuance from elsewhere: what is in place is taken away first.
///
/// Where there is time for that, it is better than to drop the future: the CA is told, and the
/// issuance returns when all is done.
#[derive(Clone)]
pub struct Interrupt {
    triggered: Arc<watch::Sender<bool>>,
}

impl Interrupt {
    /// Makes one that is not triggered.
    #[must_use]
    pub fn new() -> Self {
        Self { triggered: Arc::new(watch::Sender::new(false)) }
    }

    /// Asks for the end. A wait ends at once, a request that is out is waited for.
    pub fn trigger(&self) {
        self.triggered.send_replace(true);
    }

    /// Tells whether the end was asked for.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        *self.triggered.borrow()
    }

    pub(crate) async fn wait(&self, time: Duration) {
        let mut triggered = self.triggered.subscribe();
        // Either that it was triggered, or that the time is over; the sender is here.
        let _ = timeout(time, triggered.wait_for(|triggered| *triggered)).await.is_ok();
    }
}

impl Default for Interrupt {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").field("is_triggered", &self.is_triggered()).finish()
    }
}
