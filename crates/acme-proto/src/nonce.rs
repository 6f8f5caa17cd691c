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

/// How many newNonce requests may go out: at most [`limits::MAX_NONCE_FETCHES`], and after that
/// [`limits::NONCE_FETCHES_PER_SECOND`]. A clock that is set costs or gives at most the burst.
#[derive(Debug)]
pub(crate) struct NonceFetches {
    thousandths: u64,
    as_of: Option<Timestamp>,
}

impl Default for NonceFetches {
    fn default() -> Self {
        Self { thousandths: Self::BURST, as_of: None }
    }
}

impl NonceFetches {
    const ONE: u64 = 1000;
    const BURST: u64 = limits::MAX_NONCE_FETCHES as u64 * Self::ONE;

    /// Tells whether one more may go out.
    pub(crate) fn has_one(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        self.thousandths >= Self::ONE
    }

    /// Counts one that goes out.
    pub(crate) fn count(&mut self, now: Timestamp) {
        self.refill(now);
        self.thousandths = self.thousandths.saturating_sub(Self::ONE);
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = self.as_of.map_or(0, |as_of| now.as_millisecond() - as_of.as_millisecond());
        let passed = u64::try_from(passed).unwrap_or(0);
        let more = passed.saturating_mul(u64::from(limits::NONCE_FETCHES_PER_SECOND));
        self.thousandths = self.thousandths.saturating_add(more).min(Self::BURST);
        self.as_of = Some(now);
    }
}
