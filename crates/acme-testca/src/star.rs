//! Certificates that the CA renews by itself (RFC 8739).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{encoding, problem::Problem};

/// What orders that renew themselves can ask for.
///
/// See [RFC 8739 section 3.2](https://www.rfc-editor.org/rfc/rfc8739#section-3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoRenewal {
    /// The shortest lifetime of a certificate.
    pub min_lifetime: Duration,
    /// The longest time from the first certificate to the end.
    pub max_duration: Duration,
    /// Whether an order can have its certificates fetched by anybody who knows their URL.
    pub certificate_get: bool,
}

impl AutoRenewal {
    /// Certificates of at least an hour, for at most a year, fetched by anybody if an order says so.
    #[must_use]
    pub fn new() -> Self {
        Self {
            min_lifetime: Duration::from_secs(HOUR_SECONDS),
            max_duration: Duration::from_secs(365 * 24 * HOUR_SECONDS),
            certificate_get: true,
        }
    }

    /// The object in the directory.
    pub(crate) fn meta(&self) -> Value {
        json!({
            "min-lifetime": self.min_lifetime.as_secs(),
            "max-duration": self.max_duration.as_secs(),
            "allow-certificate-get": self.certificate_get,
        })
    }

    /// Reads what a newOrder request wants, and checks it (RFC 8739 section 3.1.1).
    pub(crate) fn schedule(&self, wish: &Map<String, Value>, now: Timestamp) -> Result<Schedule, Problem> {
        let seconds = |name: &str| match wish.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| refusal(&format!("\"{name}\" must be a number of seconds, not {value}"))),
        };
        let lifetime = seconds("lifetime")?.ok_or_else(|| refusal("\"auto-renewal\" needs \"lifetime\""))?;
        if lifetime < self.min_lifetime.as_secs() || lifetime == 0 || lifetime > MAX_SECONDS {
            return Err(refusal("\"lifetime\" is shorter than \"min-lifetime\", or too long"));
        }
        let end = date(wish, "end-date")?.ok_or_else(|| refusal("\"auto-renewal\" needs \"end-date\""))?;
        let start = date(wish, "start-date")?;
        let from = start.unwrap_or(now);
        if end <= from || end <= now {
            return Err(refusal("\"end-date\" is not after \"start-date\", or is past"));
        }
        if end.duration_since(from).unsigned_abs() > self.max_duration {
            return Err(refusal("from start to end it is more than \"max-duration\""));
        }
        let get = wish.get("allow-certificate-get").is_some_and(|value| *value == json!(true));
        Ok(Schedule {
            start,
            end,
            lifetime,
            adjust: seconds("lifetime-adjust")?.unwrap_or_default(),
            certificate_get: get && self.certificate_get,
            first: None,
            issued: None,
        })
    }
}

impl Default for AutoRenewal {
    fn default() -> Self {
        Self::new()
    }
}

/// When the certificates of an order are due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Timestamp,
    pub(crate) lifetime: u64,
    pub(crate) adjust: u64,
    pub(crate) certificate_get: bool,
    /// The nominal renewal date of the first certificate, once there is one.
    pub(crate) first: Option<Timestamp>,
    /// The number of the newest certificate.
    pub(crate) issued: Option<u64>,
}

impl Schedule {
    /// The object in the order.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({"end-date": encoding::rfc3339(self.end), "lifetime": self.lifetime});
        if let Some(start) = self.start {
            body["start-date"] = json!(encoding::rfc3339(start));
        }
        if self.adjust > 0 {
            body["lifetime-adjust"] = json!(self.adjust);
        }
        if self.certificate_get {
            body["allow-certificate-get"] = json!(true);
        }
        body
    }

    /// Begins when the first certificate is issued.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.first = Some(encoding::whole_second(self.start.map_or(now, |start| start.max(now))));
    }

    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.end <= now
    }

    /// The number of the certificate that is to be served: the next one comes half a lifetime before
    /// its nominal renewal date (RFC 8739 section 3.3).
    pub(crate) fn due(&self, now: Timestamp) -> u64 {
        let Some(first) = self.first else {
            return 0;
        };
        let since = now.duration_since(first).as_secs() + self.lifetime_seconds() / 2;
        let last = (self.end.duration_since(first).as_secs() - 1).max(0) / self.lifetime_seconds();
        let number = since.div_euclid(self.lifetime_seconds()).clamp(0, last);
        u64::try_from(number).unwrap_or_default()
    }

    /// From when and until when a certificate is valid (RFC 8739 section 3.5).
    pub(crate) fn validity(&self, number: u64) -> (Timestamp, Timestamp) {
        let first = self.first.unwrap_or(self.end);
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let at = |seconds: i64| first.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.end);
        let lifetime = self.lifetime_seconds();
        let nominal = lifetime.saturating_mul(number);
        let adjust = i64::try_from(self.adjust).unwrap_or(i64::MAX);
        let before = nominal.saturating_sub(lifetime.min(adjust).max(lifetime / 2));
        let earliest = self.start.unwrap_or(Timestamp::MIN);
        (at(before).max(earliest), at(nominal.saturating_add(lifetime)).min(self.end))
    }

    fn lifetime_seconds(&self) -> i64 {
        i64::try_from(self.lifetime).unwrap_or(i64::MAX).max(1)
    }
}

fn date(wish: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(value) = wish.get(name) else {
        return Ok(None);
    };
    let date = value.as_str().and_then(|text| text.parse().ok()).map(encoding::whole_second);
    date.map(Some).ok_or_else(|| refusal(&format!("\"{name}\" is not a date of RFC 3339")))
}

/// The RFC says `malformedRequest` here, which is registered nowhere.
pub(crate) fn refusal(what: &str) -> Problem {
    Problem::malformed(format!("RFC 8739 section 3.1.1: {what}"))
}

const HOUR_SECONDS: u64 = 3600;
/// The longest lifetime, far from where sums of dates end.
const MAX_SECONDS: u64 = 100 * 365 * 24 * HOUR_SECONDS;

#[cfg(test)]
mod tests {
    use super::{AutoRenewal, Schedule};
    use serde_json::{Map, json};

    fn schedule() -> Schedule {
        let wish: Map<_, _> = [
            ("start-date", json!("2019-01-10T00:00:00Z")),
            ("end-date", json!("2019-01-20T00:00:00Z")),
            ("lifetime", json!(345_600)),
            ("lifetime-adjust", json!(259_200)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        let now = "2019-01-09T00:00:00Z".parse().unwrap();
        let mut schedule = AutoRenewal::new().schedule(&wish, now).unwrap();
        schedule.begin(now);
        schedule
    }

    #[test]
    fn dates_are_those_of_the_example_in_the_rfc() {
        let schedule = schedule();
        let days: Vec<String> = (0..3)
            .map(|number| {
                let (from, until) = schedule.validity(number);
                format!("{from}..{until}").replace("2019-01-", "").replace("T00:00:00Z", "")
            })
            .collect();
        assert_eq!(days, ["10..14", "11..18", "15..20"]);
    }

    #[test]
    fn next_certificate_is_there_half_a_lifetime_early_and_valid_already() {
        let schedule = schedule();
        let due = |at: &str| schedule.due(format!("2019-01-{at}Z").parse().unwrap());
        for (at, number) in [
            ("09T00:00:00", 0),
            ("11T23:59:59", 0),
            ("12T00:00:00", 1),
            ("15T23:59:59", 1),
            ("16T00:00:00", 2),
            ("19T23:59:59", 2),
            ("31T00:00:00", 2),
        ] {
            assert_eq!(due(at), number, "{at}");
        }
        for number in 1..3 {
            let (from, _) = schedule.validity(number);
            assert_eq!(schedule.due(from), number - 1, "it is not served before it is valid");
        }
    }
}
