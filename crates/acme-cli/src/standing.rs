//! How a certificate stands: what `list` and `show` say of it in one word.

use acme_store::{AfterRevocation, CertificateRecord, Timestamp};

use crate::moment;

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was asked for, and never obtained.
    Absent,
    /// It is to be renewed now.
    Due,
    /// Its time is over.
    Expired,
    /// The last attempts failed.
    Failing,
    /// It is obtained, and a hook has yet to succeed.
    HookOwed,
    /// It is right, and not due.
    Right,
    /// It was revoked; the next renewal replaces it, or nothing does.
    Revoked(AfterRevocation),
}

impl Standing {
    pub(crate) fn of(record: &CertificateRecord, now: Timestamp) -> Self {
        let is_failing = record.failures > 0;
        let Some(current) = &record.current else {
            return if is_failing { Self::Failing } else { Self::Absent };
        };
        if let Some(revocation) = &record.revocation {
            return Self::Revoked(revocation.then);
        }
        if current.not_after <= now {
            return Self::Expired;
        }
        if is_failing {
            return Self::Failing;
        }
        if record.due.is_some_and(|due| due <= now) {
            return Self::Due;
        }
        if record.pending_hooks.is_empty() { Self::Right } else { Self::HookOwed }
    }

    /// Tells whether somebody should look at it.
    pub(crate) fn is_failing(self) -> bool {
        match self {
            Self::Absent | Self::Expired | Self::Failing | Self::HookOwed => true,
            Self::Due | Self::Right | Self::Revoked(_) => false,
        }
    }

    /// The word in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Due => "due",
            Self::Expired => "expired",
            Self::Failing => "failing",
            Self::HookOwed => "hook_failed",
            Self::Right => "ok",
            Self::Revoked(_) => "revoked",
        }
    }

    /// The words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Absent => "not obtained",
            Self::Due => "due",
            Self::Expired => "EXPIRED",
            Self::Failing => "FAILING",
            Self::HookOwed => "hook failed",
            Self::Right => "ok",
            Self::Revoked(AfterRevocation::Replace) => "revoked, due",
            Self::Revoked(AfterRevocation::Retire) => "revoked",
        }
    }
}

/// What happens next, in a sentence.
pub(crate) fn next(record: &CertificateRecord, now: Timestamp) -> String {
    if matches!(Standing::of(record, now), Standing::Revoked(AfterRevocation::Retire)) {
        return "it is not renewed any more".to_owned();
    }
    let due = record.due.filter(|due| *due > now);
    let allowed = record.next_attempt_at.filter(|next| *next > now);
    match (due, allowed) {
        (_, Some(allowed)) => {
            let allowed = moment::for_people(allowed, now);
            format!("the next acmectl renew after {allowed} tries again")
        }
        (Some(due), None) => {
            format!("the first acmectl renew after {} renews it", moment::for_people(due, now))
        }
        (None, None) if record.current.is_some() => "the next acmectl renew renews it".to_owned(),
        (None, None) => "the next acmectl renew tries to obtain it".to_owned(),
    }
}
