//! Reading JSON as CAs really send it: a member that is absent, `null` or of another type is
//! absent.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::Value;

pub(crate) fn string<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

pub(crate) fn array<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], |items| items.as_slice())
}

pub(crate) fn boolean(value: &Value, member: &str) -> bool {
    value.get(member).and_then(Value::as_bool).unwrap_or(false)
}

/// The texts of an array; other items are left out.
pub(crate) fn strings(value: &Value, member: &str) -> Vec<String> {
    array(value, member).iter().filter_map(Value::as_str).map(ToString::to_string).collect()
}

pub(crate) fn seconds(value: &Value, member: &str) -> Option<Duration> {
    value.get(member).and_then(Value::as_u64).map(Duration::from_secs)
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    // A text is always JSON.
    serde_json::to_string(text).unwrap_or_default()
}
