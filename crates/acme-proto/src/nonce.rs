//! The nonces that a session holds.

use alloc::collections::VecDeque;
use alloc::string::String;

use jiff::Timestamp;

use crate::limits;

/// Nonces of earlier responses, each good for one request.
///
/// The newest goes out first: it is the one that a CA is least likely to have forgotten.
#[derive(Debug, Default)]
pub(crate) struct NoncePool {
    nonces: VecDeque<(Timestamp, String)>,
}

impl NoncePool {
    pub(crate) fn add(&mut self, nonce: String, received: Timestamp, capacity: usize) {
        self.nonces.push_back((received, nonce));
        while self.nonces.len() > capacity {
            self.nonces.pop_front();
        }
    }

    pub(crate) fn take(&mut self, now: Timestamp) -> Option<String> {
        self.drop_old(now);
        self.nonces.pop_back().map(|(_, nonce)| nonce)
    }

    pub(crate) fn len(&mut self, now: Timestamp) -> usize {
        self.drop_old(now);
        self.nonces.len()
    }

    /// Drops what is too old; what seems to come from the future came before a clock was set
    /// back, and is dropped as well.
    fn drop_old(&mut self, now: Timestamp) {
        let max_age = limits::MAX_NONCE_AGE.as_secs();
        self.nonces.retain(|(received, _)| {
            u64::try_from(now.as_second() - received.as_second()).is_ok_and(|age| age <= max_age)
        });
    }
}
