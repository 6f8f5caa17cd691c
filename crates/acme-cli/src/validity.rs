//! The end of validity to ask for: a moment, or how long from now.

use std::time::Duration;

use acme_proto::{Operation, ProblemKind};
use acme_store::{Settings, Timestamp};

use crate::advice::Advice;
use crate::error::Error;
use crate::exit::Status;

/// An end of validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAfter {
    At(Timestamp),
    In(Duration),
}

/// Why no certificate can be asked for that ends then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValidityError {
    #[error("the certificate would end in the past, at {at}")]
    Past { at: Timestamp },
    #[error("the CA did not take an order that is to end at a certain time")]
    Refused(#[source] Box<acme_lib::Error>),
    #[error("'{text}' is neither a moment nor a time")]
    Unreadable { text: String },
}

impl ValidityError {
    /// What the run came to if this is how it ended.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Refused(_) => Status::Failed,
            Self::Past { .. } | Self::Unreadable { .. } => Status::Usage,
        }
    }

    pub(crate) fn advice(&self) -> Vec<Advice> {
        vec![Advice::text(match self {
            Self::Past { .. } => {
                "give --not-after a later moment, or a time such as 30d, which counts from each renewal"
            }
            Self::Refused(_) => {
                "leave --not-after away, or take it back with --not-after '': then it is for the CA to say"
            }
            Self::Unreadable { .. } => {
                "give --not-after a moment as in 2027-01-31T12:00:00Z, or a time as in 30d or 36h"
            }
        })]
    }
}

/// What to say where the CA refused an order for a certificate that is to end then: many CAs take no
/// such orders.
pub(crate) fn explained(error: Error, settings: &Settings) -> Error {
    let is_of_dates = error.refusal().is_some_and(|refusal| {
        refusal.operation == Operation::NewOrder && refusal.problem.kind == ProblemKind::Malformed
    });
    if !is_of_dates || settings.not_after.is_none() {
        return error;
    }
    let Error::Acme(source) = error else { return error };
    ValidityError::Refused(source).into()
}

impl NotAfter {
    /// Reads a moment (RFC 3339), or a number of days or hours.
    pub(crate) fn parse(text: &str) -> Result<Self, ValidityError> {
        let unreadable = || ValidityError::Unreadable { text: text.to_owned() };
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
        let (number, seconds) = unit.ok_or_else(unreadable)?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 =
            number.parse().ok().filter(|number| is_number && *number > 0).ok_or_else(unreadable)?;
        let seconds = number.checked_mul(*seconds).filter(|seconds| *seconds <= MAX_SECONDS);
        Ok(Self::In(Duration::from_secs(seconds.ok_or_else(unreadable)?)))
    }

    /// The moment itself.
    ///
    /// `begun` is what an order has that was begun before: one that is not much earlier is meant by
    /// the same time from now, and going on with it costs no second order.
    pub(crate) fn resolve(
        self,
        begun: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Timestamp, ValidityError> {
        let at = match self {
            Self::At(at) => at,
            Self::In(time) => {
                let whole_second = Timestamp::from_second(now.as_second()).unwrap_or(now);
                let latest = whole_second.saturating_add(time).unwrap_or(Timestamp::MAX);
                let earliest = latest.saturating_sub(time / LATE_PART).unwrap_or(Timestamp::MIN);
                begun.filter(|begun| (earliest..=latest).contains(begun)).unwrap_or(latest)
            }
        };
        if at <= now { Err(ValidityError::Past { at }) } else { Ok(at) }
    }
}

const UNITS: [(&str, u64); 2] = [("d", 86_400), ("h", 3_600)];

/// A hundred years; no CA goes so far.
const MAX_SECONDS: u64 = 100 * 365 * 86_400;

/// An order that was begun may end earlier by this part of the time.
const LATE_PART: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn moments_and_times_are_read() {
        let day = Duration::from_secs(86_400);
        assert_eq!(NotAfter::parse("30d").unwrap(), NotAfter::In(30 * day));
        assert_eq!(NotAfter::parse("36h").unwrap(), NotAfter::In(day + day / 2));
        let moment = NotAfter::parse("2027-01-31T12:00:00+01:00").unwrap();
        assert_eq!(moment, NotAfter::At(at("2027-01-31T11:00:00Z")));
        for text in ["", "d", "0d", "+1d", "-1d", "1.5d", "30", "30m", "2027-01-31", "99999999d"] {
            assert!(NotAfter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_count_from_now_unless_an_order_was_begun() {
        let now = at("2027-01-01T00:00:00.5Z");
        let time = NotAfter::parse("10d").unwrap();
        assert_eq!(time.resolve(None, now).unwrap(), at("2027-01-11T00:00:00Z"));
        let begun = at("2027-01-10T12:00:00Z");
        assert_eq!(time.resolve(Some(begun), now).unwrap(), begun);
        let long_ago = at("2027-01-09T00:00:00Z");
        assert_eq!(time.resolve(Some(long_ago), now).unwrap(), at("2027-01-11T00:00:00Z"));
        assert!(NotAfter::At(at("2026-12-31T00:00:00Z")).resolve(None, now).is_err());
    }
}
