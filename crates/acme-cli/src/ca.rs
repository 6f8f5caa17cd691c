//! The CAs that have a name here, and what is known of them.

mod known;

use std::path::{Path, PathBuf};

use acme_store::CaSettings;

use crate::advice::Advice;
use crate::binding;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::ledger::Limits;

pub(crate) use known::{DEFAULT, DEV, KNOWN};

/// A CA that has a name here.
#[derive(Debug)]
pub(crate) struct KnownCa {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) directory_url: &'static str,
    pub(crate) kind: Kind,
    /// The name of its staging directory.
    pub(crate) staging: Option<&'static str>,
    /// Whether it takes only accounts that are bound to one outside ACME.
    pub(crate) binding: Binding,
    /// What a CAA record has to name.
    pub(crate) caa: Option<&'static str>,
    pub(crate) addresses: Addresses,
    /// What it limits, where that is published and can be counted here.
    pub(crate) limits: Option<Limits>,
    /// What else there is to know.
    pub(crate) facts: &'static [Fact],
}

/// Whether a CA takes only accounts that are bound to one outside ACME, and where those are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// For an e-mail address, without a person; or there, in a few words.
    ByEmail(&'static str),
    /// There, in a few words.
    Needed(&'static str),
    /// Accounts need none.
    NotNeeded,
}

/// Whether a CA certifies IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Any, also private ones.
    Any,
    /// For some of its customers.
    Maybe,
    No,
    /// With this profile only.
    WithProfile(&'static str),
}

/// Something that is known of a CA.
#[derive(Debug)]
pub(crate) struct Fact {
    /// A word or two for what it is about.
    pub(crate) about: &'static str,
    pub(crate) text: &'static str,
    /// The day of the text that it was taken from.
    pub(crate) as_of: &'static str,
}

/// What the certificates of a CA are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For the public; a CA without a name here counts as such.
    Production,
    /// For tests, and trusted by nobody.
    Staging,
    /// The test CA in this process.
    Dev,
}

/// Which names a CA is worth asking for.
#[derive(Clone, Debug)]
pub(crate) enum NamePolicy {
    /// Any: it is for the CA to say.
    Any,
    /// Public DNS names, and public addresses if it certifies any.
    Public { ca: String, addresses: Addresses },
}

/// Why a CA can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaError {
    #[error("{title} takes only accounts that are bound to one outside ACME, and none is given")]
    Binding { title: &'static str, binding: Binding },
    #[error("there is no CA '{text}'")]
    Unknown { text: String },
    #[error("{ca} has no staging directory, so that nothing can be tried without it counting")]
    NoStaging { ca: String },
    #[error("'{url}' is not an https URL")]
    NotHttps { url: String },
    #[error("{} has no root certificate", path.display())]
    Root {
        path: PathBuf,
        #[source]
        source: acme_keys::Error,
    },
}

impl CaError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::Binding { binding, .. } => binding::needed(*binding, invocation),
            Self::Unknown { .. } => vec![
                Advice::text("give the https URL of a directory, or a name that is in the list:"),
                Advice::paste("acmectl ca"),
            ],
            Self::NoStaging { .. } => {
                vec![Advice::text("try it with another CA:"), Advice::paste(invocation.at_ca("letsencrypt"))]
            }
            Self::NotHttps { .. } => vec![Advice::text("ACME needs https; give the directory's https URL")],
            Self::Root { .. } => {
                vec![Advice::text("give the PEM file that your CA hands out as its root to --ca-root")]
            }
        }
    }
}

/// The settings of a CA that is given by its name or by the URL of its directory.
pub(crate) fn parse(text: &str) -> Result<CaSettings, CaError> {
    if let Some(known) = KNOWN.iter().find(|known| known.name == text || known.directory_url == text) {
        return Ok(known.settings());
    }
    if text.starts_with("https://") {
        return Ok(CaSettings::new(text));
    }
    if text.contains("://") {
        return Err(CaError::NotHttps { url: text.to_owned() });
    }
    Err(CaError::Unknown { text: text.to_owned() })
}

/// The CA with this name.
pub(crate) fn known(settings: &CaSettings) -> Option<&'static KnownCa> {
    let name = settings.name.as_deref()?;
    KNOWN.iter().find(|known| known.name == name)
}

/// The CA whose directory this is.
pub(crate) fn at(directory_url: &str) -> Option<&'static KnownCa> {
    KNOWN.iter().find(|known| known.directory_url == directory_url)
}

/// What the certificates of a CA are worth.
pub(crate) fn kind(settings: &CaSettings) -> Kind {
    known(settings).map_or(Kind::Production, |known| known.kind)
}

/// What a CA is called in a sentence.
pub(crate) fn title(settings: &CaSettings) -> String {
    known(settings).map_or_else(|| settings.directory_url.clone(), |known| known.title.to_owned())
}

/// Which names a CA is worth asking for.
pub(crate) fn policy(settings: &CaSettings) -> NamePolicy {
    match known(settings) {
        Some(known) if known.kind != Kind::Dev => {
            NamePolicy::Public { ca: known.title.to_owned(), addresses: known.addresses }
        }
        Some(_) | None => NamePolicy::Any,
    }
}

/// The CA for a dry run.
pub(crate) fn staging(settings: &CaSettings) -> Result<CaSettings, CaError> {
    let no_staging = || CaError::NoStaging { ca: title(settings) };
    let known = known(settings).ok_or_else(no_staging)?;
    match known.kind {
        Kind::Dev | Kind::Staging => Ok(settings.clone()),
        Kind::Production => parse(known.staging.ok_or_else(no_staging)?),
    }
}

/// Reads a root to trust, and makes sure that it is one.
pub(crate) fn read_root(path: &Path) -> Result<String, Error> {
    let pem =
        std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_path_buf(), source })?;
    acme_keys::certificates_from_pem(&pem)
        .map_err(|source| CaError::Root { path: path.to_path_buf(), source })?;
    Ok(pem)
}

impl KnownCa {
    pub(crate) fn settings(&self) -> CaSettings {
        let mut settings = CaSettings::new(self.directory_url);
        settings.name = Some(self.name.to_owned());
        settings
    }
}
