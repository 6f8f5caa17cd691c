//! What is to change in a zone.

use std::str::Bytes;

use acme_proto::Challenge;

/// TXT values to add to a zone, or to remove from it: all of an order that go there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What to do with the records.
    pub action: Action,
    /// The records, each name once.
    pub records: Vec<Record>,
    /// The challenges that they are for, where they are known: most services need no more than the
    /// records.
    pub challenges: Vec<Challenge>,
}

impl Change {
    /// Collects values by their name.
    #[must_use]
    pub fn new(action: Action, values: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut records: Vec<Record> = Vec::new();
        for (name, value) in values {
            match records.iter_mut().find(|record| record.name == name) {
                Some(record) if record.values.contains(&value) => {}
                Some(record) => record.values.push(value),
                None => records.push(Record { name, values: vec![value] }),
            }
        }
        Self { action, records, challenges: Vec::new() }
    }

    /// Adds the challenges that the records are for.
    #[must_use]
    pub fn for_challenges(self, challenges: Vec<Challenge>) -> Self {
        Self { challenges, ..self }
    }
}

/// What to do with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Add the values, and keep those that are there.
    Add,
    /// Remove these values and no others; what is not there is no error.
    Remove,
}

/// TXT values at one name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The name: lower case, without a trailing dot.
    pub name: String,
    /// The values to add or remove, without quotes.
    pub values: Vec<String>,
}

impl Record {
    /// What is to be at the name, given what is.
    #[must_use]
    pub fn applied_to(&self, action: Action, values: &[String]) -> Vec<String> {
        let is_ours = |value: &&String| self.values.contains(value);
        match action {
            Action::Add => {
                let missing = self.values.iter().filter(|value| !values.contains(value));
                values.iter().chain(missing).cloned().collect()
            }
            Action::Remove => values.iter().filter(|value| !is_ours(value)).cloned().collect(),
        }
    }
}

/// A TXT value as master files have it: in quotes, in pieces of at most 255 octets.
///
/// <https://www.rfc-editor.org/rfc/rfc1035#section-5.1>
#[must_use]
pub fn quoted(value: &str) -> String {
    let mut text = "\"".to_owned();
    let mut octets = 0;
    for c in value.chars() {
        octets += c.len_utf8();
        if octets > MAX_OCTETS {
            text.push_str("\" \"");
            octets = c.len_utf8();
        }
        match c {
            '\\' | '"' => text.extend(['\\', c]),
            c if c.is_ascii_control() => text.push_str(&format!("\\{:03}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// A TXT value without the quotes and escapes of master files: its pieces one after the other. What is
/// no UTF-8 is replaced.
#[must_use]
pub fn unquoted(text: &str) -> String {
    let text = text.trim();
    if !text.starts_with('"') {
        return text.to_owned();
    }
    let (mut value, mut is_inside, mut rest) = (Vec::with_capacity(text.len()), false, text.bytes());
    while let Some(octet) = rest.next() {
        match octet {
            b'\\' => value.extend(escaped(&mut rest)),
            b'"' => is_inside = !is_inside,
            _ if is_inside => value.push(octet),
            _ => {}
        }
    }
    String::from_utf8_lossy(&value).into_owned()
}

/// What an escape stands for: three digits for an octet, in decimal, and anything else for itself.
fn escaped(rest: &mut Bytes<'_>) -> Option<u8> {
    let number: Option<u32> = rest
        .clone()
        .map(|octet| char::from(octet).to_digit(10))
        .take(3)
        .try_fold(0, |sum, digit| Some(sum * 10 + digit?));
    match number.and_then(|number| u8::try_from(number).ok()).filter(|_| rest.len() >= 3) {
        Some(octet) => rest.nth(2).map(|_| octet),
        None => rest.next(),
    }
}

/// What a piece of a TXT value can have.
const MAX_OCTETS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_others_stay() {
        let record = Record { name: "a".into(), values: vec!["ours".into(), "too".into()] };
        let there = ["theirs".to_owned(), "ours".to_owned()];
        assert_eq!(record.applied_to(Action::Add, &there), ["theirs", "ours", "too"]);
        assert_eq!(record.applied_to(Action::Remove, &there), ["theirs"]);
    }

    #[test]
    fn values_of_a_name_come_together_once() {
        let values = [("a", "1"), ("b", "2"), ("a", "3"), ("a", "1")];
        let change = Change::new(Action::Add, values.map(|(name, value)| (name.into(), value.into())));
        let records = change.records.iter().map(|record| (record.name.as_str(), record.values.len()));
        assert_eq!(records.collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
    }

    #[test]
    fn quotes_go_and_come() {
        assert_eq!(unquoted(&quoted(r#"a "b" \c"#)), r#"a "b" \c"#);
        assert_eq!(unquoted(r#""one" "two""#), "onetwo");
        assert_eq!(unquoted("bare"), "bare");
        assert_eq!(quoted(""), r#""""#);
    }

    #[test]
    fn octets_in_decimal_go_and_come() {
        assert_eq!(unquoted(r#""a\032b\195\169" "\\127""#), r"a bé\127");
        assert_eq!(unquoted(r#""\999 \25""#), "999 25");
        assert_eq!(quoted("tab\there"), r#""tab\009here""#);
        assert_eq!(unquoted(&quoted("a\0\u{7f}é\\009")), "a\0\u{7f}é\\009");
    }

    #[test]
    fn long_value_is_quoted_in_pieces() {
        let long = "k".repeat(255);
        assert_eq!(quoted(&long), format!("\"{long}\""));
        assert_eq!(quoted(&format!("{long}é")), format!("\"{long}\" \"é\""));
        assert_eq!(unquoted(&quoted(&long.repeat(3))), long.repeat(3));
    }
}
