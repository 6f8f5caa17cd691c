//! What can go wrong: what happened, whose fault it is, and what to do next.

use std::io;
use std::path::PathBuf;

use crate::advice::{self, Advice};
use crate::binding::BindingError;
use crate::ca::CaError;
use crate::challenge::ChallengeError;
use crate::commands::CommandError;
use crate::dev_ca::DevCaError;
use crate::exit::Status;
use crate::hooks::HookError;
use crate::invocation::Invocation;
use crate::lineage::LineageError;
use crate::names::NameError;
use crate::settings::SettingError;
use crate::validity::ValidityError;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Acme(Box<acme_lib::Error>),
    #[error(transparent)]
    Binding(#[from] BindingError),
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    DevCa(#[from] DevCaError),
    #[error("{} can't be used", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Key(#[from] acme_keys::Error),
    #[error(transparent)]
    Lineage(#[from] LineageError),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the system gave no random numbers")]
    Random,
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("signals can't be listened for")]
    Signals(#[source] io::Error),
    #[error(transparent)]
    Store(Box<acme_store::Error>),
    #[error(transparent)]
    Validity(#[from] ValidityError),
}

/// Whose fault something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The CA's.
    Ca,
    /// The network's between here and the CA.
    Network,
    /// This program's.
    Us,
    /// Of whoever runs this: the command line, this machine, its DNS.
    You,
}

impl Fault {
    /// The word in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Network => "network",
            Self::Us => "us",
            Self::You => "you",
        }
    }

    /// The fault with this word in JSON.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Ca, Self::Network, Self::Us, Self::You].into_iter().find(|fault| fault.word() == word)
    }

    /// The words for people.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Ca => "the CA's",
            Self::Network => "the network's",
            Self::Us => "this program's; please report it",
            Self::You => "on this side, not the CA's",
        }
    }
}

impl Error {
    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Acme(error) => error.as_acme().map_or_else(|| of_library(error), advice::fault),
            Self::Binding(error) => error.fault(),
            Self::Ca(_)
            | Self::Challenge(_)
            | Self::Command(_)
            | Self::File { .. }
            | Self::Hook(_)
            | Self::Interrupted
            | Self::Lineage(_)
            | Self::Name(_)
            | Self::Random
            | Self::Setting(_)
            | Self::Signals(_)
            | Self::Store(_)
            | Self::Validity(_) => Fault::You,
            Self::DevCa(error) => error.fault(),
            Self::Key(_) => Fault::Us,
        }
    }

    /// What to do next.
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::Acme(error) => {
                error.as_acme().map(|error| advice::for_acme(error, invocation)).unwrap_or_default()
            }
            Self::Binding(error) => error.advice(invocation),
            Self::Ca(error) => error.advice(invocation),
            Self::Challenge(error) => error.advice(invocation),
            Self::Command(error) => error.advice(invocation),
            Self::DevCa(error) => error.advice(),
            Self::File { path, .. } => vec![Advice::text(format!("check the path {}", path.display()))],
            Self::Hook(error) => error.advice(),
            Self::Interrupted => vec![Advice::text("run the same line again: it goes on where it was")],
            Self::Key(_) | Self::Random | Self::Signals(_) => Vec::new(),
            Self::Lineage(error) => error.advice(invocation),
            Self::Name(error) => error.advice(invocation),
            Self::Setting(error) => error.advice(invocation),
            Self::Store(error) => of_store(error),
            Self::Validity(error) => error.advice(),
        }
    }

    /// Tells whether the same may succeed later without anybody's help.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Acme(error) => error.is_temporary(),
            Self::Binding(error) => error.is_temporary(),
            Self::DevCa(error) => error.is_temporary(),
            Self::Store(error) => error.is_temporary(),
            Self::Interrupted => true,
            Self::Ca(_)
            | Self::Challenge(_)
            | Self::Command(_)
            | Self::File { .. }
            | Self::Hook(_)
            | Self::Key(_)
            | Self::Lineage(_)
            | Self::Name(_)
            | Self::Random
            | Self::Setting(_)
            | Self::Signals(_)
            | Self::Validity(_) => false,
        }
    }

    /// What the run came to if this is how it ended.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Interrupted => Status::Interrupted,
            _ if self.is_temporary() => Status::Temporary,
            Self::Acme(error) => match error.as_acme() {
                Some(acme_proto::Error::Misuse(_)) => Status::Usage,
                // Somebody has to add a record first.
                Some(acme_proto::Error::Solver { source, .. }) if advice::not_standing(source).is_some() => {
                    Status::Usage
                }
                Some(_) | None => Status::Failed,
            },
            Self::Store(error) if is_misplaced(error) => Status::Usage,
            Self::Store(_) => Status::Failed,
            Self::Binding(error) => error.status(),
            Self::Command(error) => error.status(),
            Self::DevCa(_) | Self::Key(_) | Self::Random | Self::Signals(_) => Status::Failed,
            Self::Ca(_)
            | Self::Challenge(_)
            | Self::File { .. }
            | Self::Hook(_)
            | Self::Lineage(_)
            | Self::Name(_)
            | Self::Setting(_) => Status::Usage,
            Self::Validity(error) => error.status(),
        }
    }

    /// The CA's refusal, where that is the error.
    pub(crate) fn refusal(&self) -> Option<&acme_proto::Refusal> {
        self.as_acme().and_then(acme_proto::Error::refusal)
    }

    /// The failure of the conversation with a CA, where that is the error.
    pub(crate) fn as_acme(&self) -> Option<&acme_proto::Error> {
        match self {
            Self::Acme(source)
            | Self::Binding(BindingError::Refused { source, .. })
            | Self::Validity(ValidityError::Refused(source)) => source.as_acme(),
            Self::Binding(_)
            | Self::Ca(_)
            | Self::Challenge(_)
            | Self::Command(_)
            | Self::DevCa(_)
            | Self::File { .. }
            | Self::Hook(_)
            | Self::Interrupted
            | Self::Key(_)
            | Self::Lineage(_)
            | Self::Name(_)
            | Self::Random
            | Self::Setting(_)
            | Self::Signals(_)
            | Self::Store(_)
            | Self::Validity(_) => None,
        }
    }
}

impl From<acme_lib::Error> for Error {
    fn from(error: acme_lib::Error) -> Self {
        match error.as_acme() {
            Some(acme_proto::Error::Cancelled) => Self::Interrupted,
            Some(_) | None => Self::Acme(Box::new(error)),
        }
    }
}

impl From<acme_store::Error> for Error {
    fn from(error: acme_store::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

fn of_library(error: &acme_lib::Error) -> Fault {
    if matches!(error, acme_lib::Error::Http(_)) { Fault::You } else { Fault::Us }
}

fn of_store(error: &acme_store::Error) -> Vec<Advice> {
    let own = if matches!(error, acme_store::Error::Missing { .. }) {
        Some("name the directory with --dir, or obtain a certificate first")
    } else if matches!(error, acme_store::Error::NoSuchCertificate { .. }) {
        Some("check the name; acmectl list has them all")
    } else if matches!(error, acme_store::Error::Database { .. } | acme_store::Error::Io { .. }) {
        Some("look at the disk: is there room (df -h), is it sound (dmesg), is it mounted read-only")
    } else {
        None
    };
    own.map(str::to_owned).or_else(|| error.advice()).map(Advice::Text).into_iter().collect()
}

/// Tells whether the store can't be used because of what it was pointed to.
fn is_misplaced(error: &acme_store::Error) -> bool {
    matches!(
        error,
        acme_store::Error::Denied { .. }
            | acme_store::Error::ForeignDirectory { .. }
            | acme_store::Error::Missing { .. }
            | acme_store::Error::NewerVersion { .. }
            | acme_store::Error::NoSuchAccount { .. }
            | acme_store::Error::NoSuchCertificate { .. }
            | acme_store::Error::NotADatabase { .. }
            | acme_store::Error::NotAStore { .. }
            | acme_store::Error::Obstructed { .. }
    )
}
