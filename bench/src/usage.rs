//! What a process has used so far.

use std::io;
use std::ops::Sub;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// Processor time and memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, in user code and in the kernel.
    pub cpu: Duration,
    /// The largest resident size so far, in KiB.
    pub max_rss_kib: u64,
}

impl Usage {
    /// What this process has used.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of_this_process() -> io::Result<Self> {
        Self::of(UsageWho::RUSAGE_SELF)
    }

    /// What the children of this process have used that have ended.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of_children() -> io::Result<Self> {
        Self::of(UsageWho::RUSAGE_CHILDREN)
    }

    fn of(who: UsageWho) -> io::Result<Self> {
        let usage = getrusage(who)?;
        Ok(Self {
            cpu: duration(usage.user_time()) + duration(usage.system_time()),
            max_rss_kib: usage.max_rss().unsigned_abs(),
        })
    }
}

impl Sub for Usage {
    type Output = Self;

    /// What was used since `earlier`; the memory is the largest of both.
    fn sub(self, earlier: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(earlier.cpu), max_rss_kib: self.max_rss_kib }
    }
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_secs(time.tv_sec().unsigned_abs()) + Duration::from_micros(time.tv_usec().unsigned_abs())
}
