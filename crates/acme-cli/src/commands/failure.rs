//! What can go wrong in a single command only.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use acme_solver::check::Finding;
use acme_store::CertificateName;

use super::relay::RelayError;
use crate::advice::Advice;
use crate::exit::Status;
use crate::invocation::{Invocation, quoted};
use crate::pebble::PebbleError;
use crate::standing_record::RecordError;
use crate::units::UnitError;

/// A failure that only one command, or a few, can meet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("there is another account{} here", at(Some(ca), Some(label)))]
    AccountTaken { ca: String, label: String },
    #[error("{ca} knows no account with this key")]
    AccountUnknown { ca: String },
    #[error("{} exists", path.display())]
    Exists { path: PathBuf },
    #[error("{} has no certificate that can be read", path.display())]
    CertificateFile {
        path: PathBuf,
        #[source]
        source: acme_keys::Error,
    },
    #[error("{} has no private key that can be used", path.display())]
    KeyFile {
        path: PathBuf,
        #[source]
        source: acme_keys::Error,
    },
    #[error("{} has no private key that can be used", path.display())]
    Jwk {
        path: PathBuf,
        #[source]
        source: JwkError,
    },
    #[error("the key in {} is not the certificate's", path.display())]
    KeyMismatch { path: PathBuf },
    #[error("{name} was never obtained, and there is nothing to revoke")]
    NeverObtained { name: CertificateName },
    #[error("no certificate is named")]
    NoCertificate,
    #[error("there is no account here{}", at(ca.as_deref(), label.as_deref()))]
    NoAccount { ca: Option<String>, label: Option<String> },
    #[error("an account that is deactivated can't be used again, and no CA brings it back")]
    NotForGood { account: String, certificates: Vec<CertificateName> },
    #[error("there is nothing to revoke with: no account{}, and no key", at(Some(ca), Some(label)))]
    NothingToRevokeWith { ca: String, label: String },
    #[error("there are {} accounts here, and none of them is named", choices.len())]
    SeveralAccounts { choices: Vec<String> },
    #[error("a private key is not printed to a terminal, where it stays in the scrollback")]
    Terminal,
    #[error("the test CA can't listen at {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{0}")]
    Line(String),
    #[error("{} has more than {lines} lines, or {bytes} bytes", path.display())]
    TooMany { path: PathBuf, lines: usize, bytes: usize },
    #[error("standard output can't be written")]
    Output(#[source] io::Error),
    #[error("'{program}' could not be run")]
    Program {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Pebble(PebbleError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Relay(RelayError),
    #[error(transparent)]
    TestCa(acme_testca::Error),
    #[error(transparent)]
    Units(#[from] UnitError),
    #[error("{} would refuse, and was not asked", ca)]
    WouldRefuse { ca: String, findings: Vec<Finding> },
}

/// Why a JSON Web Key can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwkError {
    #[error("the JSON Web Key has no member {0} of base64url text")]
    Member(&'static str),
    #[error("the JSON Web Key is of type {0}, and only RSA is read here")]
    Type(String),
    #[error("the key is refused")]
    Key(#[source] acme_keys::Error),
    #[error("it is neither PEM nor JSON")]
    Json(#[source] serde_json::Error),
}

impl CommandError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::AccountTaken { .. } => vec![
                Advice::text("give the account a name of its own:"),
                Advice::paste(invocation.without(&["--account"]).with("--account LABEL")),
            ],
            Self::AccountUnknown { ca } => vec![
                Advice::text("check the key, and which CA it is for; to make an account with a new key:"),
                Advice::paste(format!("acmectl account register --ca {}", quoted(ca))),
            ],
            Self::CertificateFile { .. } => {
                vec![Advice::text("give the certificate as PEM, such as cert.pem or fullchain.pem")]
            }
            Self::KeyMismatch { .. } => {
                vec![Advice::text("give the key of that certificate, such as privkey.pem beside it")]
            }
            Self::NeverObtained { name } => vec![
                Advice::text("to forget it:"),
                Advice::paste(format!("acmectl delete {}", quoted(name.as_str()))),
            ],
            Self::NoCertificate => vec![Advice::text("acmectl list has the names")],
            Self::Exists { .. } => vec![Advice::text("name a file that does not exist yet")],
            Self::KeyFile { .. } | Self::Jwk { .. } => {
                vec![Advice::text("give a private key as PEM (PKCS#8, SEC1 or PKCS#1) that is not encrypted")]
            }
            Self::NoAccount { ca, label } => {
                let label = label.as_deref().filter(|label| !label.is_empty());
                let ca = ca.as_ref().map(|ca| format!(" --ca {}", quoted(ca))).unwrap_or_default();
                let label = label.map(|label| format!(" --account {}", quoted(label))).unwrap_or_default();
                vec![
                    Advice::text("make one, or take one over by its key:"),
                    Advice::paste(format!("acmectl account register{ca}{label}")),
                    Advice::paste(format!("acmectl account import FILE{ca}{label}")),
                ]
            }
            Self::NotForGood { account, certificates } => not_for_good(account, certificates),
            Self::NothingToRevokeWith { ca, .. } => vec![
                Advice::text("revoke it with its own key:"),
                Advice::paste(invocation.with("--key-file privkey.pem")),
                Advice::text("take over the account that obtained it:"),
                Advice::paste(format!("acmectl account import FILE --ca {}", quoted(ca))),
            ],
            Self::SeveralAccounts { choices } => {
                let lines = choices.iter().map(|choice| Advice::paste(invocation.with(choice)));
                std::iter::once(Advice::text("say which:")).chain(lines).collect()
            }
            Self::Line(_) => Vec::new(),
            Self::TooMany { .. } => vec![Advice::text("give it in parts")],
            Self::Terminal => vec![
                Advice::text("write it to a file that only you can read:"),
                Advice::paste(invocation.with("--out account.pem")),
            ],
            Self::Listen { .. } => vec![Advice::text(
                "another program may have the port; give another one to --listen, or 127.0.0.1:0 for a free one",
            )],
            Self::Pebble(error) => error.advice(),
            Self::Output(_) => vec![Advice::text("what is there is cut short; send it where there is room")],
            Self::Program { .. } => vec![Advice::text("check the spelling, and the path")],
            Self::Record(error) => error.advice(invocation),
            Self::Relay(error) => error.advice(invocation),
            Self::TestCa(error) => of_test_ca(error),
            Self::Units(error) => error.advice(),
            Self::WouldRefuse { .. } => vec![
                Advice::text("mend that, and try again; all that is found is told by acmectl check"),
                Advice::text("ask the CA all the same:"),
                Advice::paste(invocation.with("--no-check")),
            ],
        }
    }

    /// What the run came to if this is how it ended.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::AccountUnknown { .. } | Self::Listen { .. } | Self::Output(_) => Status::Failed,
            Self::TestCa(acme_testca::Error::Crypto(_)) => Status::Failed,
            Self::Units(error) => error.status(),
            Self::AccountTaken { .. }
            | Self::CertificateFile { .. }
            | Self::Pebble(_)
            | Self::Exists { .. }
            | Self::Jwk { .. }
            | Self::KeyFile { .. }
            | Self::KeyMismatch { .. }
            | Self::NeverObtained { .. }
            | Self::NoAccount { .. }
            | Self::NoCertificate
            | Self::NotForGood { .. }
            | Self::NothingToRevokeWith { .. }
            | Self::Program { .. }
            | Self::Record(_)
            | Self::Relay(_)
            | Self::SeveralAccounts { .. }
            | Self::Line(_)
            | Self::Terminal
            | Self::TestCa(_)
            | Self::TooMany { .. }
            | Self::WouldRefuse { .. } => Status::Usage,
        }
    }
}

fn at(ca: Option<&str>, label: Option<&str>) -> String {
    let label = label.filter(|label| !label.is_empty());
    let ca = ca.map(|ca| format!(" at {ca}")).unwrap_or_default();
    let label = label.map(|label| format!(" with the label {}", quoted(label))).unwrap_or_default();
    format!("{ca}{label}")
}

fn not_for_good(account: &str, certificates: &[CertificateName]) -> Vec<Advice> {
    let names = certificates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let about = match certificates {
        [] => "no certificate here is renewed with it".to_owned(),
        [_] => format!("{names} is renewed with it"),
        _ => format!("{names} are renewed with it"),
    };
    vec![
        Advice::text(format!("be sure ({about}), and then:")),
        Advice::paste(format!("acmectl account deactivate {account} --for-good")),
    ]
}

fn of_test_ca(error: &acme_testca::Error) -> Vec<Advice> {
    let text = if matches!(error, acme_testca::Error::NotLoopback(_)) {
        "give an address of this machine alone, such as 127.0.0.1:14000"
    } else if matches!(error, acme_testca::Error::Script(_)) {
        "mend the script at the line that is named"
    } else if matches!(error, acme_testca::Error::ResolveRule(_)) {
        "quote the star, since a shell may read it; NAME= is for a name that does not exist"
    } else {
        return Vec::new();
    };
    vec![Advice::text(text)]
}
