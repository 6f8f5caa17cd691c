//! `revoke`: tell the CA that a certificate is not to be trusted any more.

use std::fs;
use std::path::{Path, PathBuf};

use acme_lib::RevocationReason;
use acme_store::{AfterRevocation, CaSettings, CertificateRecord, Revocation, Store};
use serde_json::json;

use super::show;
use crate::account;
use crate::args::{Reason, RevokeArgs};
use crate::ca;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::settings::Registration;

pub(crate) fn run(context: &Context, args: RevokeArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    match (&args.certificate, &args.cert) {
        (_, Some(file)) => file_revoked(context, &store, file, &args),
        (Some(name), None) => kept_revoked(context, &store, name, &args),
        // clap asks for one of the two.
        (None, None) => Ok(Status::Usage),
    }
}

/// Revokes a certificate that is kept here, and notes what comes after.
fn kept_revoked(context: &Context, store: &Store, name: &str, args: &RevokeArgs) -> Result<Status, Error> {
    let record = show::find(store, name)?;
    let _lock = store.lock_certificate(&record.name)?;
    let Some(publication) = store.publication(&record.name)? else {
        context
            .output
            .error(format_args!("{}: there is nothing to revoke: it was never obtained", record.name));
        return Ok(Status::Usage);
    };
    let settings = &record.settings;
    revoke(context, store, &settings.ca, &settings.account, &publication.certificate_pem, args.reason)?;
    let then = if args.no_replace { AfterRevocation::Retire } else { AfterRevocation::Replace };
    let revocation = Revocation::new(context.now(), then).with_reason(code(args.reason));
    store.mark_revoked(&record.name, &revocation)?;
    context.output.result(format_args!("{}: revoked", record.name));
    context.output.event(
        "certificate",
        json!({"certificate": record.name, "outcome": "revoked", "replaced": !args.no_replace}),
    );
    if args.reason == Reason::KeyCompromise {
        keep_key_no_longer(context, store, &record)?;
    }
    match then {
        AfterRevocation::Replace => {
            context.output.progress("the files stay in place until the next acmectl renew replaces them:");
            context.output.progress(format_args!("      acmectl renew {}", record.name));
        }
        AfterRevocation::Retire => {
            context.output.progress("its files stay, and it is not renewed any more; to remove them:");
            context.output.progress(format_args!("      acmectl delete {}", record.name));
        }
    }
    Ok(Status::Done)
}

/// A key that somebody else knows is not used again.
fn keep_key_no_longer(context: &Context, store: &Store, record: &CertificateRecord) -> Result<(), Error> {
    if record.settings.reuse_key {
        let mut settings = record.settings.clone();
        settings.reuse_key = false;
        store.update_settings(&record.name, &settings)?;
        context.output.progress("changed: the key is not kept any more; the next certificate has a new one");
    }
    if let Some(csr) = &record.settings.csr {
        let csr = csr.display();
        context
            .output
            .warn(format_args!("the next certificate is for the same key, until {csr} is another request"));
    }
    Ok(())
}

/// Revokes a certificate that is only a file.
fn file_revoked(context: &Context, store: &Store, file: &Path, args: &RevokeArgs) -> Result<Status, Error> {
    let failed = |source| Error::File { path: PathBuf::from(file), source };
    let pem = fs::read_to_string(file).map_err(failed)?;
    acme_keys::CertificateInfo::from_pem(&pem).map_err(|source| failed(std::io::Error::other(source)))?;
    let mut ca = ca::parse(args.ca.as_deref().unwrap_or(ca::DEFAULT))?;
    if let Some(root) = &args.ca_root {
        ca.root_pem = Some(ca::read_root(root)?);
    }
    revoke(context, store, &ca, args.account.as_deref().unwrap_or_default(), &pem, args.reason)?;
    context.output.result(format_args!("{}: revoked", file.display()));
    context.output.event("certificate", json!({"file": file, "outcome": "revoked"}));
    Ok(Status::Done)
}

fn revoke(
    context: &Context,
    store: &Store,
    ca: &CaSettings,
    label: &str,
    pem: &str,
    reason: Reason,
) -> Result<(), Error> {
    let ca = context.reach(ca)?;
    if store.account(&ca.key, label)?.is_none() {
        let (directory_url, label) = (ca.key.clone(), label.to_owned());
        return Err(acme_store::Error::NoSuchAccount { directory_url, label }.into());
    }
    let account = account::open(context, store, &ca, label, &Registration::default())?;
    Ok(account.revoke_pem(pem, word(reason))?)
}

fn word(reason: Reason) -> RevocationReason {
    match reason {
        Reason::Unspecified => RevocationReason::Unspecified,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
    }
}

fn code(reason: Reason) -> u32 {
    word(reason) as u32
}
