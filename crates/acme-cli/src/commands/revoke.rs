//! `revoke`: tell the CA that a certificate is not to be trusted any more.

mod compromise;

use std::fs;
use std::path::Path;

use acme_keys::{CertificateInfo, CertificateKey};
use acme_lib::persist::MemoryPersist;
use acme_lib::{Directory, DirectoryUrl, RevocationReason};
use acme_proto::{ProblemKind, SecretText};
use acme_store::{AfterRevocation, CaSettings, CertificateRecord, Revocation, Store};
use serde_json::json;

use super::{CommandError, show};
use crate::account;
use crate::args::{Reason, RevokeArgs};
use crate::ca;
use crate::context::{Context, ReachedCa};
use crate::error::Error;
use crate::exit::Status;
use crate::invocation::quoted;
use crate::settings::{self, Registration};
use compromise::Affected;

pub(crate) fn run(context: &Context, args: RevokeArgs) -> Result<Status, Error> {
    match &args.cert {
        Some(file) => file_revoked(context, file, &args),
        None => kept_revoked(context, args),
    }
}

/// Revokes a certificate that is kept here, and notes what comes after.
fn kept_revoked(context: &Context, args: RevokeArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let record = show::find(&store, args.certificate.or(args.cert_name))?;
    let publication = store.publication(&record.name)?;
    let never_obtained = || CommandError::NeverObtained { name: record.name.clone() };
    let publication = publication.ok_or_else(never_obtained)?;
    let mut status = Status::Done;
    if args.reason == Reason::KeyCompromise {
        let info = CertificateInfo::from_pem(&publication.certificate_pem)?;
        let let_go = args.no_replace.then_some(&record.name);
        status = Affected::by(context, &store, &info, let_go)?.replace_and_revoke()?;
        if !args.no_replace {
            return Ok(status);
        }
    }
    let _lock = store.lock_certificate(&record.name)?;
    let settings = &record.settings;
    Revocable {
        context,
        store: Some(&store),
        ca: &settings.ca,
        label: &settings.account,
        certificate_pem: &publication.certificate_pem,
        private_key_pem: publication.private_key_pem.as_ref(),
        reason: args.reason,
    }
    .revoke()?;
    let then = if args.no_replace { AfterRevocation::Retire } else { AfterRevocation::Replace };
    note(context, &store, &record, args.reason, then)?;
    Ok(status)
}

/// Revokes a certificate that is only a file; it may be one that is kept here all the same.
fn file_revoked(context: &Context, file: &Path, args: &RevokeArgs) -> Result<Status, Error> {
    let unreadable = |source| CommandError::CertificateFile { path: file.to_path_buf(), source };
    let pem = read(file)?;
    let info = CertificateInfo::from_pem(pem.expose()).map_err(unreadable)?;
    let key = args.key_file.as_deref().map(|path| read_key(path, &info)).transpose()?;
    let store = match context.existing_store() {
        Err(Error::Store(error)) if matches!(*error, acme_store::Error::Missing { .. }) => None,
        store => Some(store?),
    };
    let kept = store.as_ref().map(|store| kept(store, &info)).transpose()?.flatten();
    let mut status = Status::Done;
    if let (Some(store), Reason::KeyCompromise) = (&store, args.reason) {
        let affected = Affected::by(context, store, &info, None)?;
        let is_among = kept.as_ref().is_some_and(|record| affected.has(&record.name));
        status = affected.replace_and_revoke()?;
        if is_among {
            return Ok(status);
        }
    }
    let _lock = match (&store, &kept) {
        (Some(store), Some(record)) => Some(store.lock_certificate(&record.name)?),
        (_, _) => None,
    };
    let remembered = kept.as_ref().map(|record| &record.settings);
    let mut ca = match (&args.ca, remembered) {
        (Some(ca), _) => ca::parse(ca)?,
        (None, Some(settings)) => settings.ca.clone(),
        (None, None) => ca::parse(ca::DEFAULT)?,
    };
    if let Some(root) = &args.ca_root {
        ca.root_pem = Some(ca::read_root(&settings::absolute(root)?)?);
        ca.root_file = None;
    }
    let label = args.account.as_ref().or_else(|| remembered.map(|settings| &settings.account));
    Revocable {
        context,
        store: store.as_ref().filter(|_| key.is_none()),
        ca: &ca,
        label: label.map(String::as_str).unwrap_or_default(),
        certificate_pem: pem.expose(),
        private_key_pem: key.as_ref(),
        reason: args.reason,
    }
    .revoke()?;
    context.output.result(format_args!("{}: revoked ({})", file.display(), word(args.reason)));
    match (&store, &kept) {
        (Some(store), Some(record)) => {
            note(context, store, record, args.reason, AfterRevocation::Replace)?;
        }
        (_, _) => context.output.event(
            "certificate",
            json!({"file": file, "serial": info.serial_hex(), "outcome": "revoked", "reason": word(args.reason)}),
        ),
    }
    Ok(status)
}

/// The certificate that is kept here, if this is its newest generation.
fn kept(store: &Store, info: &CertificateInfo) -> Result<Option<CertificateRecord>, Error> {
    for record in store.certificates()?.records {
        let is_same_serial =
            record.current.as_ref().is_some_and(|current| current.serial == info.serial_hex());
        if is_same_serial
            && let Some(publication) = store.publication(&record.name)?
            && CertificateInfo::from_pem(publication.certificate_pem)? == *info
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<SecretText, Error> {
    let failed = |source| Error::File { path: path.to_path_buf(), source };
    fs::read_to_string(path).map(SecretText::new).map_err(failed)
}

fn read_key(path: &Path, info: &CertificateInfo) -> Result<SecretText, Error> {
    let pem = read(path)?;
    let key = CertificateKey::from_pem(pem.expose())
        .map_err(|source| CommandError::KeyFile { path: path.to_path_buf(), source })?;
    if !info.matches(&key) {
        return Err(CommandError::KeyMismatch { path: path.to_path_buf() }.into());
    }
    Ok(pem)
}

/// A certificate, and what it can be revoked with.
struct Revocable<'a> {
    context: &'a Context,
    /// Where accounts are, if one may be used.
    store: Option<&'a Store>,
    ca: &'a CaSettings,
    label: &'a str,
    certificate_pem: &'a str,
    private_key_pem: Option<&'a SecretText>,
    reason: Reason,
}

impl Revocable<'_> {
    /// Revokes with the account; where there is none, or it is not the right one, with the key.
    fn revoke(&self) -> Result<(), Error> {
        self.context.output.progress(format_args!("asking {}", ca::title(self.ca)));
        let ca = self.context.reach(self.ca)?;
        match (self.by_account(&ca).transpose(), self.private_key_pem) {
            (Some(Err(error)), Some(key)) if is_for_another(&error) => self.by_key(&ca, key),
            (Some(result), _) => result,
            (None, Some(key)) => self.by_key(&ca, key),
            (None, None) => {
                let ca = self.ca.name.clone().unwrap_or(ca.key);
                Err(CommandError::NothingToRevokeWith { ca, label: self.label.to_owned() }.into())
            }
        }
    }

    /// Tells whether there is an account.
    fn by_account(&self, ca: &ReachedCa) -> Result<Option<()>, Error> {
        let Some(store) = self.store else { return Ok(None) };
        if store.account(&ca.key, self.label)?.is_none() {
            return Ok(None);
        }
        let account = account::open(self.context, store, ca, self.label, &Registration::default())?;
        account.revoke_pem(self.certificate_pem, code(self.reason))?;
        Ok(Some(()))
    }

    fn by_key(&self, ca: &ReachedCa, key: &SecretText) -> Result<(), Error> {
        let mut directory = Directory::builder(DirectoryUrl::Other(&ca.directory_url));
        if let Some(pem) = &ca.root_pem {
            directory = directory.root_pem(pem.clone());
        }
        let directory = directory.persist(MemoryPersist::new()).connect()?;
        directory.revoke_with_key(self.certificate_pem, key.expose(), code(self.reason))?;
        Ok(())
    }
}

/// Tells whether the CA wants another account, or the certificate's key.
fn is_for_another(error: &Error) -> bool {
    let kinds = [ProblemKind::AccountDoesNotExist, ProblemKind::Unauthorized];
    error.refusal().is_some_and(|refusal| kinds.contains(&refusal.problem.kind))
}

/// Notes a revocation, and says what comes after it.
fn note(
    context: &Context,
    store: &Store,
    record: &CertificateRecord,
    reason: Reason,
    then: AfterRevocation,
) -> Result<(), Error> {
    let (output, name) = (&context.output, quoted(record.name.as_str()));
    let revocation = Revocation::new(context.now(), then).with_reason(code(reason) as u32);
    store.mark_revoked(&record.name, &revocation)?;
    let is_replaced = then == AfterRevocation::Replace;
    tell_revoked(context, record, reason, is_replaced);
    if is_replaced {
        output.progress("the files stay in place until the next acmectl renew replaces them:");
        output.progress(format_args!("      acmectl renew {name}"));
    } else {
        output.progress("its files stay, and it is not renewed any more; to remove them:");
        output.progress(format_args!("      acmectl delete {name}"));
    }
    Ok(())
}

/// Says that a certificate is revoked.
fn tell_revoked(context: &Context, record: &CertificateRecord, reason: Reason, is_replaced: bool) {
    context.output.result(format_args!("{}: revoked ({})", record.name, word(reason)));
    context.output.event(
        "certificate",
        json!({
            "certificate": record.name,
            "outcome": "revoked",
            "reason": word(reason),
            "serial": record.current.as_ref().map(|current| &current.serial),
            "replaced": is_replaced,
        }),
    );
}

/// The name of a reason, as the command line has it.
fn word(reason: Reason) -> String {
    clap::ValueEnum::to_possible_value(&reason).map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn code(reason: Reason) -> RevocationReason {
    match reason {
        Reason::Unspecified => RevocationReason::Unspecified,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
    }
}
