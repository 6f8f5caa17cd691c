//! What can go wrong with a DNS service.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{SignError, SolverError, TransportError};

/// Why TXT records could not be written.
///
/// No text in it has a secret, whatever the service repeated of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DnsError {
    /// The service, by its name for people.
    pub service: &'static str,
    /// What went wrong.
    pub kind: DnsErrorKind,
}

impl DnsError {
    /// Puts an error together.
    #[must_use]
    pub fn new(service: &'static str, kind: DnsErrorKind) -> Self {
        Self { service, kind }
    }

    /// Tells whether a later try may fare better without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match &self.kind {
            DnsErrorKind::Busy { .. }
            | DnsErrorKind::Conflict { .. }
            | DnsErrorKind::Failed { .. }
            | DnsErrorKind::Unfinished => true,
            DnsErrorKind::Refused { status, .. } => *status >= 500,
            DnsErrorKind::Transport(error) => error.is_temporary(),
            DnsErrorKind::Cname { .. }
            | DnsErrorKind::Credentials { .. }
            | DnsErrorKind::NoZone { .. }
            | DnsErrorKind::Reply { .. }
            | DnsErrorKind::Sign(_)
            | DnsErrorKind::Stuck
            | DnsErrorKind::TooMany { .. } => false,
        }
    }

    /// How long the service wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            DnsErrorKind::Busy { retry_after } => Some(retry_after),
            DnsErrorKind::Cname { .. }
            | DnsErrorKind::Conflict { .. }
            | DnsErrorKind::Credentials { .. }
            | DnsErrorKind::Failed { .. }
            | DnsErrorKind::NoZone { .. }
            | DnsErrorKind::Refused { .. }
            | DnsErrorKind::Reply { .. }
            | DnsErrorKind::Sign(_)
            | DnsErrorKind::Stuck
            | DnsErrorKind::TooMany { .. }
            | DnsErrorKind::Transport(_)
            | DnsErrorKind::Unfinished => None,
        }
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.kind)
    }
}

impl StdError for DnsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            DnsErrorKind::Sign(error) => Some(&**error),
            DnsErrorKind::Transport(error) => Some(&**error),
            DnsErrorKind::Busy { .. }
            | DnsErrorKind::Cname { .. }
            | DnsErrorKind::Conflict { .. }
            | DnsErrorKind::Credentials { .. }
            | DnsErrorKind::Failed { .. }
            | DnsErrorKind::NoZone { .. }
            | DnsErrorKind::Refused { .. }
            | DnsErrorKind::Reply { .. }
            | DnsErrorKind::Stuck
            | DnsErrorKind::TooMany { .. }
            | DnsErrorKind::Unfinished => None,
        }
    }
}

impl From<DnsError> for SolverError {
    fn from(error: DnsError) -> Self {
        let retry_after = error.retry_after();
        let wrapped = if error.is_temporary() { Self::temporary(error) } else { Self::permanent(error) };
        match retry_after {
            Some(time) => wrapped.with_retry_after(time),
            None => wrapped,
        }
    }
}

/// What went wrong with a DNS service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DnsErrorKind {
    /// It has too much to do, or was asked too often.
    Busy {
        /// How long it wants to be left alone.
        retry_after: Duration,
    },
    /// A name does not lead to where the service can write.
    Cname {
        /// The name.
        name: String,
        /// What a CNAME record there has to lead to.
        target: String,
    },
    /// Somebody else kept changing the same records.
    Conflict {
        /// The name of the records.
        name: String,
    },
    /// It does not take the credentials, or not for this.
    Credentials {
        /// The status of the reply.
        status: u16,
        /// The service's own words, or nothing.
        detail: String,
        /// What the credentials have to be.
        needs: &'static str,
    },
    /// It took the records, and could not put them in place.
    Failed {
        /// The service's own words, or nothing.
        detail: String,
    },
    /// None of the zones that the credentials reach holds a name.
    NoZone {
        /// The name.
        name: String,
        /// What the credentials have to be.
        needs: &'static str,
    },
    /// It refused for another reason.
    Refused {
        /// The status of the reply.
        status: u16,
        /// The service's own words, or nothing.
        detail: String,
    },
    /// Its reply makes no sense.
    Reply {
        /// What is missing.
        what: &'static str,
    },
    /// A request to it could not be signed.
    Sign(Arc<SignError>),
    /// Its provider waits for something that is neither a reply nor a moment.
    Stuck,
    /// It holds fewer values at a name than there are to be.
    TooMany {
        /// The name.
        name: String,
        /// How many it holds.
        most: usize,
    },
    /// It was not reached.
    Transport(Arc<TransportError>),
    /// It took the records, but did not put them in place in time.
    Unfinished,
}

impl fmt::Display for DnsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { retry_after } => {
                write!(f, "is busy and wants to be left alone for {} s", retry_after.as_secs())
            }
            Self::Cname { name, target } => {
                write!(f, "does not write at {name}: there has to be a CNAME record to {target}")
            }
            Self::Conflict { name } => write!(f, "has other writers that kept changing TXT of {name}"),
            Self::Credentials { status, detail, needs } => {
                write!(f, "does not take the credentials ({})", reply(*status, detail))?;
                write!(f, "; it needs {needs}")
            }
            Self::Failed { detail } if detail.is_empty() => {
                f.write_str("took the records, and could not put them in place")
            }
            Self::Failed { detail } => {
                write!(f, "took the records, and could not put them in place: {detail}")
            }
            Self::NoZone { name, needs } => {
                write!(f, "has no zone for {name} that these credentials reach; it needs {needs}")
            }
            Self::Refused { status, detail } => write!(f, "refused ({})", reply(*status, detail)),
            Self::Reply { what } => write!(f, "sent a reply without {what}"),
            Self::Sign(_) => f.write_str("wants a signature that could not be made"),
            Self::Stuck => f.write_str("has a provider that waits for something that no driver knows of"),
            Self::TooMany { name, most } => write!(
                f,
                "holds no more than {most} values at a name, which are too few for {name}: let the names of \
                 the order lead to several"
            ),
            Self::Transport(_) => f.write_str("was not reached"),
            Self::Unfinished => f.write_str("took the records, but did not put them in place in time"),
        }
    }
}

fn reply(status: u16, detail: &str) -> String {
    if detail.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {detail}") }
}
