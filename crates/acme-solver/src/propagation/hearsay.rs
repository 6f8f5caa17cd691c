//! What a resolver says in the place of servers that can't be asked from here.

use std::fmt;
use std::time::Duration;

use crate::resolver::{Answer, RecordKind, Resolver};

/// What a resolver says of the records, where none of the zone's servers can be asked.
///
/// It may go on to say what it was told before the records were there, but not for long: it says for
/// how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hearsay {
    /// One answer for each record that was looked for.
    pub answers: Vec<Answer>,
    /// How long it may go on to say that there is no record.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc2308#section-5>
    pub absent_for: Option<Duration>,
    /// Whether it shows all of the records.
    pub is_complete: bool,
}

impl Hearsay {
    pub(super) fn ask(resolver: &Resolver, records: &[(String, String)]) -> Self {
        let (mut answers, mut absent_for) = (Vec::with_capacity(records.len()), None);
        for (name, _) in records {
            answers.push(match resolver.look_up(name, RecordKind::Txt) {
                Ok(found) => {
                    absent_for = absent_for.max(found.absent_for);
                    let values = found.data.iter().map(ToString::to_string).collect();
                    if found.exists { Answer::Values(values) } else { Answer::NoSuchName }
                }
                Err(error) => Answer::Silent(error.to_string()),
            });
        }
        let is_complete = answers.iter().zip(records).all(|(answer, (_, value))| answer.shows(value));
        Self { answers, absent_for, is_complete }
    }
}

impl fmt::Display for Hearsay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_complete, self.absent_for) {
            (true, _) => f.write_str("the resolver shows the records"),
            (false, Some(time)) => {
                write!(f, "the resolver lacks records, and may go on so for {} s", time.as_secs())
            }
            (false, None) => f.write_str("the resolver lacks records"),
        }
    }
}
