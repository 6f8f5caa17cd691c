//! What servers say when they are asked without anybody in between.

use std::fmt;
use std::net::SocketAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::{RecordData, end_of_aliases};

/// What one server says of the records of one type of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// These values as text, in no order; none where the name has no such record.
    Values(Vec<String>),
    /// The name does not exist.
    NoSuchName,
    /// The server refuses, in its own word.
    Refused(String),
    /// No answer came, for this reason.
    Silent(String),
}

/// What one address of one server says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Testimony {
    /// The server's name, without a dot at its end.
    pub server: String,
    /// The address that was asked.
    pub address: SocketAddr,
    /// One answer for each name that was asked for, in the same order.
    pub answers: Vec<Answer>,
}

impl Answer {
    pub(super) fn read(answer: &Message, name: &Name, kind: RecordType) -> Self {
        let code = answer.metadata.response_code;
        if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
            return Self::Refused(code.to_string());
        }
        // A server that was told of no such zone points elsewhere.
        if !answer.metadata.authoritative {
            return Self::Refused("without authority for the zone".to_string());
        }
        if code == ResponseCode::NXDomain {
            return Self::NoSuchName;
        }
        let Some(end) = end_of_aliases(answer, name) else {
            return Self::Refused("with CNAMEs without end".to_string());
        };
        let of_name =
            answer.answers.iter().filter(|record| record.name == end && record.record_type() == kind);
        let data = of_name.filter_map(|record| RecordData::read(&record.data));
        Self::Values(data.map(|data| data.to_string()).collect())
    }

    /// Whether the server answered for the zone, whatever the answer is.
    #[must_use]
    pub fn is_given(&self) -> bool {
        matches!(self, Self::Values(_) | Self::NoSuchName)
    }

    /// Whether no answer came.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Silent(_))
    }

    /// Whether the name has such records.
    pub(crate) fn has_values(&self) -> bool {
        matches!(self, Self::Values(values) if !values.is_empty())
    }

    /// Whether the server has a value.
    #[must_use]
    pub fn shows(&self, value: &str) -> bool {
        matches!(self, Self::Values(values) if values.iter().any(|shown| shown == value))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) if values.is_empty() => f.write_str("has no such record"),
            Self::Values(values) => write!(f, "has {}", values.join(", ")),
            Self::NoSuchName => f.write_str("knows no such name"),
            Self::Refused(code) => write!(f, "answers {code}"),
            Self::Silent(reason) => write!(f, "does not answer ({reason})"),
        }
    }
}
