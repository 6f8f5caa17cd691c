//! What a run over many certificates came to.

use crate::exit::Status;

/// What became of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    /// It was right as it was.
    Skipped,
    Failed,
    Temporary,
}

/// How many came to what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) succeeded: usize,
    pub(crate) skipped: usize,
    pub(crate) failed: usize,
    pub(crate) temporary: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Failed => &mut self.failed,
            Outcome::Temporary => &mut self.temporary,
        } += 1;
    }

    /// The exit status; `hooks` is what the hooks came to, of those that succeeded.
    pub(crate) fn status(&self, hooks: Status) -> Status {
        match (self.succeeded, self.failed, self.temporary) {
            (_, 0, 0) => hooks,
            (1.., _, _) => Status::Partial,
            (0, 0, _) => Status::Temporary,
            (0, _, _) => Status::Failed,
        }
    }
}
