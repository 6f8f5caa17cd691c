//! How a certificate stands: what `list` and `show` say of it in one word, and what happens next.

use acme_store::{AfterRevocation, Attempt, CertificateRecord, Outcome, Store, Timestamp};

use crate::moment;
use crate::schedule;

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was asked for, and never obtained.
    Absent,
    /// It is to be renewed now.
    Due,
    /// Its time is over.
    Expired,
    /// It is to be renewed, and the last attempts failed.
    Failing,
    /// It is obtained, and its files are not where they should be.
    FilesMissing,
    /// It is obtained, and a hook has yet to succeed.
    HookOwed,
    /// It has been due for long, and nothing has tried to renew it.
    Overdue,
    /// It was revoked, and is not replaced.
    Retired,
    /// It was revoked; the next renewal replaces it.
    Revoked,
    /// It is right, and not due.
    Right,
}

impl Standing {
    pub(crate) fn of(store: &Store, record: &CertificateRecord, now: Timestamp) -> Self {
        let is_failing = record.failures > 0;
        let Some(current) = &record.current else {
            return if is_failing { Self::Failing } else { Self::Absent };
        };
        let has_files = store.current_directory(&record.name).join("fullchain.pem").exists();
        let is_due = record.due.is_none_or(|due| due <= now);
        let is_late = record.due.is_some_and(|due| schedule::is_late(due, current.not_after, now));
        match record.revocation.map(|revocation| revocation.then) {
            Some(AfterRevocation::Retire) => Self::Retired,
            _ if !has_files => Self::FilesMissing,
            _ if current.not_after <= now => Self::Expired,
            // One that failed and is not due was to become something else, and is still right.
            _ if is_due && is_failing => Self::Failing,
            Some(AfterRevocation::Replace) => Self::Revoked,
            None if is_late => Self::Overdue,
            None if is_due => Self::Due,
            None if record.pending_hooks.is_empty() => Self::Right,
            None => Self::HookOwed,
        }
    }

    /// Tells whether somebody should look at it.
    pub(crate) fn is_failing(self) -> bool {
        match self {
            Self::Absent
            | Self::Expired
            | Self::Failing
            | Self::FilesMissing
            | Self::HookOwed
            | Self::Overdue => true,
            Self::Due | Self::Retired | Self::Revoked | Self::Right => false,
        }
    }

    /// The word in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Due => "due",
            Self::Expired => "expired",
            Self::Failing => "failing",
            Self::FilesMissing => "files_missing",
            Self::HookOwed => "hook_failed",
            Self::Overdue => "overdue",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
            Self::Right => "ok",
        }
    }

    /// The words for people; `failing_since` is when the first attempt failed of those in a row.
    pub(crate) fn words(self, failing_since: Option<Timestamp>) -> String {
        let words = match self {
            Self::Absent => "not obtained",
            Self::Due => "due",
            Self::Expired => "EXPIRED",
            Self::Failing => "FAILING",
            Self::FilesMissing => "FILES MISSING",
            Self::HookOwed => "hook failed",
            Self::Overdue => "OVERDUE",
            Self::Retired => "revoked",
            Self::Revoked => "revoked, due",
            Self::Right => "ok",
        };
        match failing_since.filter(|_| matches!(self, Self::Expired | Self::Failing)) {
            Some(since) => format!("{words} since {}", since.strftime("%Y-%m-%d")),
            None => words.to_owned(),
        }
    }
}

/// When the first attempt failed of those that have failed in a row, as far as they are kept.
/// The newest comes first.
pub(crate) fn failing_since(attempts: &[Attempt]) -> Option<Timestamp> {
    attempts
        .iter()
        .take_while(|attempt| attempt.outcome != Outcome::Succeeded)
        .last()
        .map(|attempt| attempt.at)
}

/// What happens next, in a sentence.
pub(crate) fn next(store: &Store, record: &CertificateRecord, now: Timestamp) -> String {
    let standing = Standing::of(store, record, now);
    let allowed = record.next_attempt_at.filter(|next| *next > now);
    match (standing, allowed, record.due) {
        (Standing::Retired, _, _) => "nothing: it is not renewed any more".to_owned(),
        (Standing::FilesMissing, _, _) => {
            "each command tries to write its files again; see what it warns of".to_owned()
        }
        (Standing::HookOwed, _, _) => "the next acmectl renew runs the hook again".to_owned(),
        (Standing::Right, _, Some(due)) => {
            format!("the first acmectl renew after {} renews it", moment::for_people(due, now))
        }
        (Standing::Absent, None, _) => "the next acmectl renew obtains it".to_owned(),
        (Standing::Revoked, None, _) => "the next acmectl renew replaces it".to_owned(),
        (_, Some(allowed), _) => {
            format!("acmectl renew tries again, not before {}", moment::for_people(allowed, now))
        }
        (_, None, _) => "the next acmectl renew renews it".to_owned(),
    }
}
