//! One writer per zone at a time.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Which zones are being written. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    busy: Mutex<BTreeSet<String>>,
    freed: Condvar,
    #[cfg(feature = "tokio")]
    notify: tokio::sync::Notify,
}

/// The right to write some zones, until it is dropped.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub(super) struct Turn {
    turns: Turns,
    zones: Vec<String>,
}

impl Turns {
    /// Waits until none of the zones is being written; all are taken together or none.
    #[cfg(any(feature = "blocking", feature = "dns"))]
    pub(super) fn take(&self, zones: Vec<String>) -> Turn {
        let busy = self.busy();
        let is_taken = |busy: &mut BTreeSet<String>| zones.iter().any(|zone| busy.contains(zone));
        let mut busy = self.0.freed.wait_while(busy, is_taken).unwrap_or_else(PoisonError::into_inner);
        busy.extend(zones.iter().cloned());
        drop(busy);
        Turn { turns: self.clone(), zones }
    }

    /// As [`take`](Self::take).
    #[cfg(feature = "tokio")]
    pub(super) async fn take_async(&self, zones: Vec<String>) -> Turn {
        loop {
            // Begins to listen before it looks, so that nothing is missed in between.
            let freed = self.0.notify.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            if self.try_take(&zones) {
                return Turn { turns: self.clone(), zones };
            }
            freed.await;
        }
    }

    #[cfg(feature = "tokio")]
    fn try_take(&self, zones: &[String]) -> bool {
        let mut busy = self.busy();
        let is_free = !zones.iter().any(|zone| busy.contains(zone));
        if is_free {
            busy.extend(zones.iter().cloned());
        }
        is_free
    }

    fn busy(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut busy = self.turns.busy();
        for zone in &self.zones {
            busy.remove(zone);
        }
        drop(busy);
        self.turns.0.freed.notify_all();
        #[cfg(feature = "tokio")]
        self.turns.0.notify.notify_waiters();
    }
}
