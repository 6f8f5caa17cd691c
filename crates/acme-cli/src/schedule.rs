//! When: the moment from which a certificate is renewed, and the next try after a failure.

use std::time::Duration;

use acme_store::Timestamp;

/// The moment from which a certificate is renewed: after two thirds of its lifetime, or half of one
/// under ten days, and up to 3 % of it earlier, so that what was made together is not renewed together.
pub(crate) fn due(not_before: Timestamp, not_after: Timestamp, dice: &mut fastrand::Rng) -> Timestamp {
    let lifetime = (not_after.as_second() - not_before.as_second()).max(0);
    let after = if lifetime < SHORT_SECONDS { lifetime / 2 } else { lifetime / 3 * 2 };
    let earlier = dice.i64(0..=lifetime * MAX_EARLIER_PERCENT / 100);
    Timestamp::from_second(not_before.as_second() + after - earlier).unwrap_or(not_before)
}

/// Why it is that moment.
pub(crate) fn why(not_before: Timestamp, not_after: Timestamp) -> &'static str {
    if not_after.as_second() - not_before.as_second() < SHORT_SECONDS {
        "after half of its lifetime, less up to 3 % at random"
    } else {
        "after 2/3 of its lifetime, less up to 3 % at random"
    }
}

/// When a certificate may be tried again that has failed so often in a row before.
pub(crate) fn next_try(failures_before: u32, retry_after: Option<Duration>, now: Timestamp) -> Timestamp {
    let index = usize::try_from(failures_before).unwrap_or(usize::MAX);
    let back_off = Duration::from_secs(BACK_OFF_MINUTES.get(index).copied().unwrap_or(DAY_MINUTES) * 60);
    let time = retry_after.map_or(back_off, |time| time.max(back_off));
    now.saturating_add(time).unwrap_or(Timestamp::MAX)
}

/// Tells whether so much of the time between due and expiry is gone that a temporary failure is one
/// to wake somebody for.
pub(crate) fn is_late(due: Timestamp, not_after: Timestamp, now: Timestamp) -> bool {
    let room = not_after.as_second() - due.as_second();
    now.as_second() - due.as_second() > room / 3
}

const SHORT_SECONDS: i64 = 10 * 24 * 3600;
const MAX_EARLIER_PERCENT: i64 = 3;
const BACK_OFF_MINUTES: [u64; 3] = [1, 10, 100];
const DAY_MINUTES: u64 = 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn due_is_two_thirds_or_half_less_up_to_three_percent() {
        let mut dice = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            let long = due(at(0), at(90 * 86_400), &mut dice).as_second();
            assert!((60 * 86_400 - 90 * 864 * 3..=60 * 86_400).contains(&long), "{long}");
            let short = due(at(0), at(6 * 86_400), &mut dice).as_second();
            assert!((3 * 86_400 - 6 * 864 * 3..=3 * 86_400).contains(&short), "{short}");
        }
    }

    #[test]
    fn back_off_is_1_10_100_minutes_then_a_day_and_at_least_what_the_ca_says() {
        let tries = [0, 1, 2, 3, 4, u32::MAX].map(|failures| next_try(failures, None, at(0)).as_second());
        assert_eq!(tries, [60, 600, 6_000, 86_400, 86_400, 86_400]);
        assert_eq!(next_try(0, Some(Duration::from_secs(3600)), at(0)), at(3600));
        assert_eq!(next_try(0, Some(Duration::MAX), at(0)), Timestamp::MAX);
    }

    #[test]
    fn a_third_of_the_room_makes_it_late() {
        assert!(!is_late(at(600), at(900), at(700)));
        assert!(is_late(at(600), at(900), at(701)));
    }
}
