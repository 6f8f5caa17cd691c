//! A response, and the headers of it that ACME gives a meaning.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use http::HeaderMap;
use http::header::{LINK, LOCATION, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::base64url;
use crate::error::{Error, ProtocolError, Refusal, UserAction, Violation};
use crate::flow::Operation;
use crate::limits;
use crate::problem::{Problem, ProblemKind};
use crate::url::Url;

/// A response to one request of a call.
pub(crate) struct Reply {
    pub(crate) operation: Operation,
    /// The URL that was asked.
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) received: Timestamp,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        let value: Value =
            serde_json::from_slice(&self.body).map_err(|_| self.violation(Violation::NotJson))?;
        if value.is_object() { Ok(value) } else { Err(self.violation(Violation::NotJson)) }
    }

    /// The `Location` header, relative to the URL that was asked.
    pub(crate) fn location(&self) -> Option<Url> {
        self.headers.get(LOCATION)?.to_str().ok().and_then(|location| self.url.join(location.trim()))
    }

    pub(crate) fn required_location(&self) -> Result<Url, Error> {
        self.location().ok_or_else(|| self.violation(Violation::Header("Location")))
    }

    /// A URL member, relative to the URL that was asked.
    pub(crate) fn url_member(&self, value: &Value, member: &'static str) -> Option<Url> {
        value.get(member).and_then(Value::as_str).and_then(|text| self.url.join(text))
    }

    /// A nonce that may be used (RFC 8555, section 6.5.1: others must be ignored).
    pub(crate) fn nonce(&self) -> Option<String> {
        self.headers
            .get_all("replay-nonce")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find(|nonce| {
                !nonce.is_empty() && nonce.len() <= limits::MAX_NONCE && base64url::is_alphabet(nonce)
            })
            .map(ToString::to_string)
    }

    /// How long the CA wants to be left alone with this request.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.headers
            .get_all(RETRY_AFTER)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(|value| parse_retry_after(value, self.received))
    }

    /// The targets of all links of one relation.
    pub(crate) fn links(&self, relation: &str) -> Vec<String> {
        self.headers
            .get_all(LINK)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(split_links)
            .filter(|link| has_relation(link, relation))
            .filter_map(|link| link_target(link))
            .filter_map(|target| self.url.join(target))
            .map(|url| url.to_string())
            .collect()
    }

    /// The refusal that a response without success is.
    pub(crate) fn refusal(&self) -> Refusal {
        let mut problem = match self.json() {
            Ok(value) => Problem::from_json(&value),
            Err(_) => Problem::from_status(self.status),
        };
        problem.status = Some(self.status);
        let user_action = (problem.kind == ProblemKind::UserActionRequired).then(|| UserAction {
            instance: problem
                .instance
                .as_deref()
                .and_then(|url| self.url.join(url))
                .map(|url| url.to_string()),
            terms_of_service: self.links("terms-of-service").into_iter().next(),
        });
        Refusal {
            user_action,
            retry_after: self.retry_after(),
            help: self.links("help"),
            ..Refusal::new(self.operation, problem)
        }
    }

    pub(crate) fn violation(&self, violation: Violation) -> Error {
        Error::Protocol(Box::new(ProtocolError {
            operation: self.operation,
            violation,
            excerpt: excerpt(&self.body),
        }))
    }
}

/// The start of a body, in one line and without control characters.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limits::MAX_EXCERPT)
        .collect()
}

/// Reads a Retry-After header in any of its forms; `None` for anything else.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let seconds = parse_http_date(value)?.as_second().saturating_sub(now.as_second());
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    };
    Some(wait.min(limits::MAX_RETRY_AFTER))
}

/// Reads an HTTP date: IMF-fixdate, and the obsolete forms of RFC 850 and asctime. The weekday is
/// left aside, since a wrong one changes nothing. The last day of the year 9999, which means
/// never, is after the last timestamp.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
fn parse_http_date(value: &str) -> Option<Timestamp> {
    let (_weekday, date) = value.split_once(' ')?;
    ["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|format| strtime::parse(format, date).ok())
        .and_then(|parsed| parsed.to_datetime().ok())
        .map(|datetime| TimeZone::UTC.to_timestamp(datetime).unwrap_or(Timestamp::MAX))
}

/// Splits a `Link` header at the commas between links (RFC 8288, section 3).
fn split_links(header: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let (mut start, mut in_target, mut in_quotes) = (0, false, false);
    for (at, character) in header.char_indices() {
        match character {
            '<' if !in_quotes => in_target = true,
            '>' if !in_quotes => in_target = false,
            '"' if !in_target => in_quotes = !in_quotes,
            ',' if !in_target && !in_quotes => {
                links.extend(header.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    links.extend(header.get(start..));
    links
}

fn link_target(link: &str) -> Option<&str> {
    let (target, _) = link.trim().strip_prefix('<')?.split_once('>')?;
    Some(target.trim())
}

fn has_relation(link: &str, wanted: &str) -> bool {
    let Some((_, parameters)) = link.split_once('>') else { return false };
    parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("rel")
            && value
                .trim()
                .trim_matches('"')
                .split_ascii_whitespace()
                .any(|rel| rel.eq_ignore_ascii_case(wanted))
    })
}
