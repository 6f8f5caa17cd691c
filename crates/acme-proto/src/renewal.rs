//! Renewal information: when a CA wants a certificate to be renewed.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::call::Call;
use crate::error::{Error, TransportErrorKind, Violation};
use crate::flow::Operation;
use crate::json;
use crate::limits;
use crate::reply::Reply;
use crate::request::{Request, Target};

/// What names a certificate in renewal information, and in the `replaces` of its successor.
///
/// <https://www.rfc-editor.org/rfc/rfc9773#section-4.1>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CertificateId(String);

impl CertificateId {
    /// Puts it together: the `keyIdentifier` of the certificate's authorityKeyIdentifier, and the
    /// content octets of its DER serial number with the leading zero where there is one.
    #[must_use]
    pub fn new(authority_key_id: &[u8], serial: &[u8]) -> Self {
        Self(format!("{}.{}", base64url::encode(authority_key_id), base64url::encode(serial)))
    }

    /// The identifier as it stands in URLs and orders.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a CA says about the renewal of one certificate.
///
/// Ask right after issuance, then whenever [`retry_after`](Self::retry_after) is over, and no more
/// once the certificate has expired or was replaced.
///
/// <https://www.rfc-editor.org/rfc/rfc9773#section-4.2>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalInfo {
    /// When to renew.
    pub suggested_window: SuggestedWindow,
    /// A page for people that says why, where the CA has a reason.
    pub explanation_url: Option<String>,
    /// When to ask again: the CA's wish, from [`limits::MIN_RENEWAL_INFO_WAIT`] to
    /// [`limits::MAX_RENEWAL_INFO_WAIT`]; without one [`limits::RENEWAL_INFO_WAIT`].
    pub retry_after: Duration,
}

/// The time in which a CA wants a certificate to be renewed.
///
/// <https://www.rfc-editor.org/rfc/rfc9773#section-4.2>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SuggestedWindow {
    /// Its start.
    pub start: Timestamp,
    /// Its end, after the start.
    pub end: Timestamp,
}

/// A moment of renewal, drawn once for a window. Keep it: to draw again at each look would move
/// renewals towards the window's start.
///
/// <https://www.rfc-editor.org/rfc/rfc9773#section-4.2>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenewalMoment {
    /// The window that it was drawn for.
    pub window: SuggestedWindow,
    /// When to renew; at once if it is over.
    pub at: Timestamp,
}

impl RenewalInfo {
    /// Asks for a certificate's renewal information. It takes no account.
    ///
    /// It ends in [`Misuse::NotOffered`](crate::Misuse::NotOffered) where the CA has none, in
    /// [`Violation::Window`] where the window is none. After any error,
    /// [`wait_after`](Self::wait_after) says when to ask again.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9773#section-4.1>
    pub fn read(certificate: &CertificateId) -> Call<Self> {
        let target = Target::RenewalInfo(certificate.to_string());
        Call::new(Request::get(Operation::RenewalInfo, target), Self::decode)
    }

    /// The moment of renewal: the earlier one if it was drawn for the same window, else a new one.
    /// `seed` is 64 bits of the system's randomness.
    #[must_use]
    pub fn moment(&self, earlier: Option<RenewalMoment>, seed: u64) -> RenewalMoment {
        earlier
            .filter(|earlier| earlier.window == self.suggested_window)
            .unwrap_or_else(|| self.suggested_window.draw(seed))
    }

    /// How long to wait after an error before asking again; `failures` counts the failures in a
    /// row, this one included.
    ///
    /// After a temporary one the waits double, up to [`limits::RENEWAL_INFO_WAIT`]; after any other
    /// it is that at once. A Retry-After is obeyed, between the same bounds as after a success.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9773#section-4.3.3>
    #[must_use]
    pub fn wait_after(error: &Error, failures: u32) -> Duration {
        if let Some(wait) = error.retry_after() {
            return clamped(wait);
        }
        if !is_temporary(error) {
            return limits::RENEWAL_INFO_WAIT;
        }
        let doublings = failures.saturating_sub(1).min(u32::BITS - 1);
        limits::MIN_RENEWAL_INFO_WAIT.saturating_mul(1 << doublings).min(limits::RENEWAL_INFO_WAIT)
    }

    fn decode(reply: &Reply) -> Result<Self, Error> {
        let document = reply.json()?;
        let window = document.get("suggestedWindow").and_then(|window| {
            let time = |member| json::string(window, member)?.parse().ok();
            Some(SuggestedWindow { start: time("start")?, end: time("end")? })
        });
        let window = window.ok_or_else(|| reply.violation(Violation::Member("suggestedWindow")))?;
        if window.end <= window.start {
            return Err(reply.violation(Violation::Window { start: window.start, end: window.end }));
        }
        Ok(Self {
            suggested_window: window,
            explanation_url: json::string(&document, "explanationURL").map(ToString::to_string),
            retry_after: reply.retry_after().map_or(limits::RENEWAL_INFO_WAIT, clamped),
        })
    }
}

impl SuggestedWindow {
    /// Draws a moment, each as likely as any other.
    #[must_use]
    pub fn draw(&self, seed: u64) -> RenewalMoment {
        let (start, end) = (self.start.as_nanosecond(), self.end.as_nanosecond());
        let length = u128::try_from(end - start).unwrap_or(0);
        // A window is at most 20,000 years long: less than 2^70 ns, with 58 bits of the seed.
        let share = (length * u128::from(seed >> SEED_SHIFT)) >> (u64::BITS - SEED_SHIFT);
        let at = start.saturating_add_unsigned(share);
        RenewalMoment { window: *self, at: Timestamp::from_nanosecond(at).unwrap_or(self.start) }
    }
}

impl RenewalMoment {
    /// How long it is until then; nothing if that is over.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.at.duration_since(now)).unwrap_or_default()
    }
}

const SEED_SHIFT: u32 = 6;

fn clamped(wait: Duration) -> Duration {
    wait.clamp(limits::MIN_RENEWAL_INFO_WAIT, limits::MAX_RENEWAL_INFO_WAIT)
}

/// Timeouts and errors within the CA pass; a CA that can't be found, refuses, or sends what makes
/// no sense does not mend so soon.
fn is_temporary(error: &Error) -> bool {
    match error {
        Error::Transport { source, .. } => {
            matches!(source.kind, TransportErrorKind::Io | TransportErrorKind::Timeout)
        }
        Error::Problem(refusal) => refusal.is_temporary(),
        Error::Cancelled => true,
        Error::KeyInUse(_)
        | Error::KeyUnsettled(_)
        | Error::Misuse(_)
        | Error::Protocol(_)
        | Error::Sign(_)
        | Error::Solver { .. }
        | Error::Store(_)
        | Error::Unfinished(_) => false,
    }
}
