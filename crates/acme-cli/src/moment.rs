//! Moments, for people and for programs.

use jiff::Timestamp;

/// `2026-12-24 03:17 UTC (in 29 days)`.
pub(crate) fn for_people(at: Timestamp, now: Timestamp) -> String {
    format!("{} UTC ({})", at.strftime("%Y-%m-%d %H:%M"), distance(at, now))
}

/// `2026-12-24T03:17:00Z`.
pub(crate) fn for_programs(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `in 29 days`, `3 hours ago`, `now`.
pub(crate) fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    if seconds == 0 {
        return "now".to_owned();
    }
    let text = span(seconds.unsigned_abs());
    if seconds < 0 { format!("{text} ago") } else { format!("in {text}") }
}

/// `29 days`: the largest unit of which there are at least two, and it is rounded down.
pub(crate) fn span(seconds: u64) -> String {
    let (count, unit) = UNITS
        .into_iter()
        .map(|(unit, length)| (seconds / length, unit))
        .find(|(count, _)| *count >= 2)
        .unwrap_or((seconds, "second"));
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

const UNITS: [(&str, u64); 3] = [("day", 86_400), ("hour", 3_600), ("minute", 60)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_like_speech() {
        let spans = [0, 1, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        let expected = [
            "0 seconds",
            "1 second",
            "119 seconds",
            "2 minutes",
            "119 minutes",
            "2 hours",
            "47 hours",
            "2 days",
        ];
        assert_eq!(spans, expected);
    }

    #[test]
    fn moments_have_zone_and_distance() {
        let at: Timestamp = "2026-12-24T03:17:42Z".parse().unwrap();
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        assert_eq!(for_people(at, now), "2026-12-24 03:17 UTC (in 29 days)");
        assert_eq!(for_people(now, at), "2026-11-24 08:00 UTC (29 days ago)");
        assert_eq!(for_people(at, at), "2026-12-24 03:17 UTC (now)");
        assert_eq!(for_programs(at), "2026-12-24T03:17:42Z");
    }
}
