//! What a relay has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a relay has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayCounts {
    /// Connections for challenges that were answered here, with a certificate or an alert.
    pub answered: u64,
    /// Bytes from callers that were passed on.
    pub bytes_in: u64,
    /// Bytes to callers that were passed on.
    pub bytes_out: u64,
    /// Connections that ended before there was a ClientHello, or whose time for it ran out.
    pub incomplete: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Connections that were passed on.
    pub passed_on: u64,
    /// Connections that could not be passed on, because the server was not there.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) answered: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) incomplete: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) passed_on: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> RelayCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RelayCounts {
            answered: read(&self.answered),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            incomplete: read(&self.incomplete),
            open: read(&self.open),
            passed_on: read(&self.passed_on),
            refused: read(&self.refused),
        }
    }

    /// Counts a connection as open until what is returned is dropped.
    pub(super) fn open(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(&self.open)
    }
}

pub(super) struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
