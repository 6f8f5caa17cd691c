//! The CAs that have a name here.

use std::path::{Path, PathBuf};

use acme_store::CaSettings;

use crate::advice::Advice;
use crate::error::Error;
use crate::invocation::Invocation;

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
    pub(crate) needs_binding: bool,
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
    /// Any DNS name, no address.
    NamesOnly { ca: String },
    /// Public DNS names, no address.
    Public { ca: String },
}

/// Why a CA can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaError {
    #[error("external account binding is not supported yet, and {title} takes no account without one")]
    Binding { title: &'static str },
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
            Self::Binding { .. } => {
                vec![
                    Advice::text("use a CA that needs none:"),
                    Advice::paste(invocation.at_ca("letsencrypt")),
                ]
            }
            Self::Unknown { .. } => {
                let names = KNOWN.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
                vec![Advice::text(format!("name one of {names}, or give the https URL of a directory"))]
            }
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
    let ca = title(settings);
    match known(settings).map(|known| known.kind) {
        Some(Kind::Production | Kind::Staging) => NamePolicy::Public { ca },
        Some(Kind::Dev) => NamePolicy::NamesOnly { ca },
        None => NamePolicy::Any,
    }
}

/// Refuses a CA of which it is known that nothing can be had from it yet.
pub(crate) fn check(settings: &CaSettings) -> Result<(), CaError> {
    match known(settings) {
        Some(known) if known.needs_binding => Err(CaError::Binding { title: known.title }),
        Some(_) | None => Ok(()),
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

/// The CA that is asked unless another is named.
pub(crate) const DEFAULT: &str = "letsencrypt";

/// The test CA in this process. Its port changes, so that its directory goes by its name.
pub(crate) const DEV: &str = "dev";

/// The table.
pub(crate) const KNOWN: [KnownCa; 8] = [
    KnownCa {
        name: DEFAULT,
        title: "Let's Encrypt",
        directory_url: "https://acme-v02.api.letsencrypt.org/directory",
        kind: Kind::Production,
        staging: Some("letsencrypt-staging"),
        needs_binding: false,
    },
    KnownCa {
        name: "letsencrypt-staging",
        title: "Let's Encrypt (staging)",
        directory_url: "https://acme-staging-v02.api.letsencrypt.org/directory",
        kind: Kind::Staging,
        staging: None,
        needs_binding: false,
    },
    KnownCa {
        name: "google",
        title: "Google Trust Services",
        directory_url: "https://dv.acme-v02.api.pki.goog/directory",
        kind: Kind::Production,
        staging: Some("google-staging"),
        needs_binding: true,
    },
    KnownCa {
        name: "google-staging",
        title: "Google Trust Services (staging)",
        directory_url: "https://dv.acme-v02.test-api.pki.goog/directory",
        kind: Kind::Staging,
        staging: None,
        needs_binding: true,
    },
    KnownCa {
        name: "zerossl",
        title: "ZeroSSL",
        directory_url: "https://acme.zerossl.com/v2/DV90",
        kind: Kind::Production,
        staging: None,
        needs_binding: true,
    },
    KnownCa {
        name: "sslcom",
        title: "SSL.com",
        directory_url: "https://acme.ssl.com/sslcom-dv-ecc",
        kind: Kind::Production,
        staging: None,
        needs_binding: true,
    },
    KnownCa {
        name: "actalis",
        title: "Actalis",
        directory_url: "https://acme-api.actalis.com/acme/directory",
        kind: Kind::Production,
        staging: None,
        needs_binding: true,
    },
    KnownCa {
        name: DEV,
        title: "the test CA",
        directory_url: DEV,
        kind: Kind::Dev,
        staging: None,
        needs_binding: false,
    },
];
