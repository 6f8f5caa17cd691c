//! Rate limits: how much of what in how much time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A token bucket: full at first, refilled evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many tokens it holds.
    pub capacity: u32,
    /// In which time an empty one is full again.
    pub per: Duration,
}

impl Limit {
    /// So many in so much time.
    #[must_use]
    pub fn new(capacity: u32, per: Duration) -> Self {
        Self { capacity, per }
    }

    /// When there is a token; `debt` is when the bucket is full again.
    pub(crate) fn free_at(self, debt: Timestamp) -> Timestamp {
        let all = SignedDuration::try_from(self.per).unwrap_or(SignedDuration::MAX);
        let earlier = all.saturating_sub(self.interval());
        debt.saturating_sub(earlier).unwrap_or(debt)
    }

    /// When the bucket is full again after one more token was taken.
    pub(crate) fn spend(self, debt: Timestamp, now: Timestamp) -> Timestamp {
        debt.max(now).saturating_add(self.interval()).unwrap_or(debt)
    }

    fn interval(self) -> SignedDuration {
        let interval = self.per.checked_div(self.capacity).unwrap_or(self.per);
        SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX)
    }
}

/// What a CA lets its clients do, as Let's Encrypt models it. A limit that is `None` does not exist.
///
/// Renewals that name the certificate they replace (RFC 9773 section 5) are exempt from all limits
/// on orders; other orders with the identifiers of a certificate issued earlier, from those on new
/// orders and on registered domains.
///
/// See [Let's Encrypt's documentation](https://letsencrypt.org/docs/rate-limits/).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// New accounts. All clients count as one address.
    pub new_accounts: Option<Limit>,
    /// New orders of an account.
    pub new_orders: Option<Limit>,
    /// Certificates for a registered domain: two labels, since no list of public suffixes is at
    /// hand. An IPv6 address counts by its first 64 bits.
    pub certificates_per_domain: Option<Limit>,
    /// Certificates for the same identifiers.
    pub certificates_per_set: Option<Limit>,
    /// Failed authorizations of an account for an identifier.
    pub failed_authorizations: Option<Limit>,
    /// Failed authorizations of an account for an identifier with none that succeeded between them.
    /// After these the identifier is paused, until [`Ca::unpause`](crate::Ca::unpause).
    pub consecutive_failures: Option<Limit>,
    /// The page that the refusals link to.
    pub help_url: String,
}

impl RateLimits {
    /// No limits, to be filled in.
    #[must_use]
    pub fn none() -> Self {
        Self {
            new_accounts: None,
            new_orders: None,
            certificates_per_domain: None,
            certificates_per_set: None,
            failed_authorizations: None,
            consecutive_failures: None,
            help_url: HELP_URL.to_owned(),
        }
    }

    /// Those of Let's Encrypt's production, as of August 2026.
    #[must_use]
    pub fn lets_encrypt() -> Self {
        Self {
            new_accounts: limit(10, 3),
            new_orders: limit(300, 3),
            certificates_per_domain: limit(50, 7 * 24),
            certificates_per_set: limit(5, 7 * 24),
            failed_authorizations: limit(5, 1),
            consecutive_failures: limit(1152, 1152 * 24),
            ..Self::none()
        }
    }

    /// Those of Let's Encrypt's staging environment, as of August 2026.
    #[must_use]
    pub fn lets_encrypt_staging() -> Self {
        Self {
            new_accounts: limit(50, 3),
            new_orders: limit(1500, 3),
            certificates_per_domain: limit(30_000, 7 * 24),
            certificates_per_set: limit(30_000, 7 * 24),
            failed_authorizations: limit(200, 1),
            consecutive_failures: limit(3600, 3600 * 6),
            ..Self::none()
        }
    }

    pub(crate) fn is_possible(&self) -> bool {
        let all = [
            self.new_accounts,
            self.new_orders,
            self.certificates_per_domain,
            self.certificates_per_set,
            self.failed_authorizations,
            self.consecutive_failures,
        ];
        all.into_iter().flatten().all(|limit| limit.capacity > 0)
    }
}

fn limit(capacity: u32, hours: u64) -> Option<Limit> {
    Some(Limit::new(capacity, Duration::from_secs(hours * HOUR_SECONDS)))
}

const HELP_URL: &str = "https://testca.invalid/rate-limits";
const HOUR_SECONDS: u64 = 3600;
