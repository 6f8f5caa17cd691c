//! What a key that somebody else knows means for the certificates here: all that have it are
//! replaced, then revoked, and it is never used again.

use acme_keys::CertificateInfo;
use acme_store::{CertificateName, CertificateRecord, Lock, Publication, Store};

use super::Revocable;
use crate::args::Reason;
use crate::commands::issue;
use crate::context::Context;
use crate::desk::Desk;
use crate::error::Error;
use crate::exit::Status;
use crate::hooks;
use crate::invocation::quoted;
use crate::issuance::Issuance;
use crate::report;
use crate::settings::Registration;

/// The certificates that are kept here and have one key.
pub(super) struct Affected<'a> {
    context: &'a Context,
    store: &'a Store,
    certificates: Vec<Certificate>,
}

struct Certificate {
    record: CertificateRecord,
    publication: Publication,
    is_replaced: bool,
    /// Nobody else works on it meanwhile.
    _lock: Lock,
}

impl<'a> Affected<'a> {
    /// Remembers that a key is not to be used again, and finds the certificates that have it, but for
    /// one that is let go.
    pub(super) fn by(
        context: &'a Context,
        store: &'a Store,
        info: &CertificateInfo,
        let_go: Option<&CertificateName>,
    ) -> Result<Self, Error> {
        store.note_compromised_key(acme_keys::sha256(&info.public_key_der), context.now())?;
        let mut certificates = Vec::new();
        for record in store.certificates()?.records {
            if Some(&record.name) == let_go || !has_key(store, &record, info)? {
                continue;
            }
            let lock = store.lock_certificate(&record.name)?;
            // Another process may have renewed it until now.
            let (Some(record), Some(publication)) =
                (store.certificate(&record.name)?, store.publication(&record.name)?)
            else {
                continue;
            };
            if has_key(store, &record, info)? {
                certificates.push(Certificate { record, publication, is_replaced: false, _lock: lock });
            }
        }
        Ok(Self { context, store, certificates })
    }

    /// Tells whether a certificate is among them.
    pub(super) fn has(&self, name: &CertificateName) -> bool {
        self.certificates.iter().any(|certificate| certificate.record.name == *name)
    }

    /// Replaces them all, then revokes those that are replaced.
    pub(super) fn replace_and_revoke(mut self) -> Result<Status, Error> {
        let (context, store) = (self.context, self.store);
        let mut status = Status::Done;
        for certificate in &mut self.certificates {
            context.signals.check()?;
            let replaced = replace(context, store, &certificate.record)?;
            certificate.is_replaced = replaced == Status::Done;
            status = status.max_with(replaced);
        }
        for certificate in &self.certificates {
            if certificate.is_replaced {
                self.revoke(certificate)?;
            } else {
                self.tell_left(&certificate.record.name);
            }
        }
        Ok(status.max_with(hooks::run_pending(context, store, None)?))
    }

    fn revoke(&self, certificate: &Certificate) -> Result<(), Error> {
        let settings = &certificate.record.settings;
        Revocable {
            context: self.context,
            store: Some(self.store),
            ca: &settings.ca,
            label: &settings.account,
            certificate_pem: &certificate.publication.certificate_pem,
            private_key_pem: certificate.publication.private_key_pem.as_ref(),
            reason: Reason::KeyCompromise,
        }
        .revoke()?;
        super::tell_revoked(self.context, &certificate.record, Reason::KeyCompromise, true);
        Ok(())
    }

    fn tell_left(&self, name: &CertificateName) {
        let output = &self.context.output;
        output.warn(format_args!("{name} is not revoked yet, since nothing has taken its place"));
        output.progress("  next: mend that, and run the same line again; or let it go:");
        let name = quoted(name.as_str());
        output.progress(format_args!("      acmectl revoke {name} --reason key-compromise --no-replace"));
    }
}

/// Obtains a certificate with another key.
fn replace(context: &Context, store: &Store, record: &CertificateRecord) -> Result<Status, Error> {
    let (desk, registration) = (&Desk::default(), &Registration::default());
    let settings = &record.settings;
    let issuance = Issuance { context, store, desk, record, settings, registration };
    let obtained = match issuance.prepare_and_run() {
        Ok(obtained) => obtained,
        Err(not_obtained) => {
            return Ok(report::not_obtained(context, &record.name, Some(&record.settings), &not_obtained));
        }
    };
    issue::tell_obtained(context, store, record, &record.settings, &obtained, &[]);
    match obtained.unwritten {
        Some(error) => Ok(report::failure(&context.output, &context.invocation, Some(&record.name), &error)),
        None => Ok(Status::Done),
    }
}

fn has_key(store: &Store, record: &CertificateRecord, info: &CertificateInfo) -> Result<bool, Error> {
    let Some(publication) = store.publication(&record.name)? else { return Ok(false) };
    let kept = CertificateInfo::from_pem(publication.certificate_pem)?;
    Ok(kept.public_key_der == info.public_key_der)
}
