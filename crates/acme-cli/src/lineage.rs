//! Which certificate is meant, and whether it may become what is asked for.

use acme_keys::{CertificateInfo, CertificateKey};
use acme_proto::Identifier;
use acme_store::{CertificateName, CertificateRecord, Settings, Store, Timestamp};

use crate::advice::Advice;
use crate::ca::{self, Kind};
use crate::error::Error;
use crate::invocation::Invocation;
use crate::settings::{self, IssueOptions, SettingError};

/// The certificate that is meant.
pub(crate) struct Lineage {
    pub(crate) name: CertificateName,
    /// What there is of it.
    pub(crate) record: Option<CertificateRecord>,
}

/// Why a certificate may not become what is asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineageError {
    #[error("the certificate {certificate} would lose {}", listed(lost))]
    NamesLost { certificate: CertificateName, lost: Vec<Identifier> },
    #[error(
        "the certificate {certificate} is of {from}, and would be replaced by one of {to}, which nobody trusts"
    )]
    Production { certificate: CertificateName, from: String, to: String },
}

impl LineageError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::NamesLost { certificate, lost } => {
                let lost = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let mut advice = vec![
                    Advice::text("keep them:"),
                    Advice::paste(invocation.with(&lost)),
                    Advice::text("let them go:"),
                    Advice::paste(invocation.with("--drop")),
                ];
                if !invocation.names_certificate() {
                    advice.push(Advice::text("obtain a second certificate beside it:"));
                    advice.push(Advice::paste(invocation.with(&format!("--name {certificate}-2"))));
                }
                advice
            }
            Self::Production { certificate, .. } => vec![
                Advice::text("give the certificate for tests a name of its own:"),
                Advice::paste(invocation.with(&format!("--name {certificate}-test"))),
                Advice::text("if it is not in use, replace it:"),
                Advice::paste(invocation.with("--force")),
            ],
        }
    }
}

impl Lineage {
    /// Finds the certificate: by the name that was given, else the one with the same names, else the
    /// one that is called as the first name.
    pub(crate) fn find(store: &Store, options: &IssueOptions) -> Result<Self, Error> {
        let wanted: Vec<&Identifier> = options.names.iter().map(|name| &name.identifier).collect();
        let name = match (&options.name, wanted.first()) {
            (Some(name), _) => name.clone(),
            (None, Some(first)) => named_after(store, first, &wanted)?,
            (None, None) => return Err(crate::names::NameError::Absent.into()),
        };
        let record = store.certificate(&name)?;
        Ok(Self { name, record })
    }

    /// Refuses to take away what somebody may rely on.
    pub(crate) fn check(&self, settings: &Settings, options: &IssueOptions) -> Result<(), LineageError> {
        let Some(record) = &self.record else { return Ok(()) };
        // What was never obtained is relied on by nobody.
        let Some(current) = &record.current else { return Ok(()) };
        let is_lost = |name: &&Identifier| !settings.names.contains(name);
        let lost: Vec<Identifier> = current.names.iter().filter(is_lost).cloned().collect();
        if !lost.is_empty() && !options.drop_names {
            return Err(LineageError::NamesLost { certificate: self.name.clone(), lost });
        }
        let (from, to) = (&record.settings.ca, &settings.ca);
        if ca::kind(from) == Kind::Production && ca::kind(to) != Kind::Production && !options.force {
            return Err(LineageError::Production {
                certificate: self.name.clone(),
                from: ca::title(from),
                to: ca::title(to),
            });
        }
        Ok(())
    }

    /// Tells whether what there is is what is asked for, and not due.
    pub(crate) fn is_right(&self, store: &Store, settings: &Settings, now: Timestamp) -> Result<bool, Error> {
        Ok(self.has_right_settings(settings, now)
            && is_for_request(store, &self.name, settings)?
            && !is_under_way(store, &self.name, settings)?)
    }

    fn has_right_settings(&self, settings: &Settings, now: Timestamp) -> bool {
        let Some(record) = &self.record else { return false };
        let Some(current) = &record.current else { return false };
        let is_due = record.due.is_none_or(|due| due <= now);
        let old = &record.settings;
        !is_due
            && record.revocation.is_none()
            && same_names(&current.names, &settings.names)
            && old.ca.directory_url == settings.ca.directory_url
            && key_type(old) == key_type(settings)
            && old.profile == settings.profile
            && old.csr == settings.csr
    }
}

/// Tells whether the newest generation is for the key of the certificate signing request, if there is
/// one; the file may be another by now.
fn is_for_request(store: &Store, name: &CertificateName, settings: &Settings) -> Result<bool, Error> {
    let Some(path) = &settings.csr else { return Ok(true) };
    let request = settings::read_csr(path)?;
    let Some(publication) = store.publication(name)? else { return Ok(false) };
    let info = CertificateInfo::from_pem(publication.certificate_pem)?;
    Ok(info.public_key_der == request.public_key_der())
}

/// Tells whether an issuance with these settings was begun and did not end: its process may have been
/// killed when the settings were stored and the certificate was not.
fn is_under_way(store: &Store, name: &CertificateName, settings: &Settings) -> Result<bool, Error> {
    let Some(checkpoint) = store.checkpoint(name)? else { return Ok(false) };
    let intent = checkpoint.intent;
    // The test CA's directory has another URL each time.
    let is_of_ca = ca::kind(&settings.ca) == Kind::Dev || intent.directory_url == settings.ca.directory_url;
    let has_key_type = match &intent.private_key {
        Some(pem) => CertificateKey::from_pem(pem.expose())?.key_type() == settings::key_type(settings)?,
        None => settings.csr.is_some(),
    };
    Ok(is_of_ca && has_key_type && same_names(&intent.identifiers, &settings.names))
}

/// The certificate that has exactly these names, or else the one that is called as the first of them.
fn named_after(store: &Store, first: &Identifier, wanted: &[&Identifier]) -> Result<CertificateName, Error> {
    let usual = CertificateName::from_identifier(first).map_err(SettingError::from)?;
    let names: Vec<Identifier> = wanted.iter().map(|name| (*name).clone()).collect();
    // To look at all of them takes a while where there are many.
    if store.certificate(&usual)?.is_some_and(|record| same_names(&record.settings.names, &names)) {
        return Ok(usual);
    }
    Ok(with_names(store, &names)?.unwrap_or(usual))
}

/// The certificate that has exactly these names; of several, the one that nobody gave a name.
fn with_names(store: &Store, wanted: &[Identifier]) -> Result<Option<CertificateName>, Error> {
    let mut found = store.certificates()?.records;
    found.retain(|record| same_names(&record.settings.names, wanted));
    let is_usual = |record: &CertificateRecord| {
        let usual = record.settings.names.first().map(CertificateName::from_identifier);
        usual.is_some_and(|usual| usual.is_ok_and(|usual| usual == record.name))
    };
    let usual = found.iter().position(is_usual).unwrap_or(0);
    Ok(found.into_iter().nth(usual).map(|record| record.name))
}

fn same_names(one: &[Identifier], other: &[Identifier]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn key_type(settings: &Settings) -> Option<&str> {
    settings.key_type.as_deref().filter(|text| *text != acme_keys::KeyType::default().as_str())
}

fn listed(names: &[Identifier]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
