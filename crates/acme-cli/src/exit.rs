//! The exit status.

use std::process::ExitCode;

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Done, kept, or nothing due.
    Done,
    /// Refused, or failed for good.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// It may succeed later.
    Temporary,
    /// Some succeeded, and some did not.
    Partial,
    /// Obtained, but a hook failed.
    HookFailed,
    /// Ended by a signal.
    Interrupted,
    /// What the program came to that `dev-ca` was to run.
    Program(u8),
}

impl Status {
    /// What two parts of a run come to together.
    pub(crate) fn max_with(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::Done) => one,
            (Self::Done, other) => other,
            (one, _) => one,
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Temporary => 3,
            Self::Partial => 4,
            Self::HookFailed => 5,
            Self::Interrupted => 130,
            Self::Program(code) => code,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}
