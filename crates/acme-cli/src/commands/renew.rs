//! `renew`: renew what is due, with the settings it was made with.

use std::time::Duration;

use acme_store::{AfterRevocation, CertificateName, CertificateRecord, Store};
use serde_json::json;

use super::issue;
use crate::args::RenewArgs;
use crate::ari;
use crate::context::Context;
use crate::desk::Desk;
use crate::error::Error;
use crate::exit::Status;
use crate::hooks;
use crate::issuance::{Issuance, NotObtained};
use crate::moment;
use crate::report;
use crate::schedule;
use crate::settings::{Registration, SettingError};
use crate::sweep;
use crate::tally::{Outcome, Tally};

pub(crate) fn run(context: &Context, args: RenewArgs) -> Result<Status, Error> {
    let store = match context.existing_store() {
        Err(Error::Store(error))
            if matches!(*error, acme_store::Error::Missing { .. }) && !context.settings.dir_is_given =>
        {
            context.output.progress(format_args!("nothing to renew: {error}"));
            return Ok(Status::Done);
        }
        store => store?,
    };
    sweep::sweep(context, &store)?;
    let run = Run { context, store: &store, desk: Desk::default(), force: args.force };
    let names: Vec<String> = args.certificates.into_iter().chain(args.more_certificates).collect();
    run.refresh(&names)?;
    let due = if names.is_empty() { run.due()? } else { run.named(names)? };
    if !due.is_empty() {
        wait(context, args.max_wait)?;
    }
    let mut tally = Tally::default();
    for record in &due {
        context.signals.check()?;
        tally.add(run.renew(&record.name)?);
    }
    // A hook may want the test CA, or the account.
    drop(run);
    let hooks = hooks::run_pending(context, &store, None)?;
    let status = tally.status(hooks);
    context.output.event(
        "run",
        json!({
            "outcome": if status == Status::Done { "done" } else { "failed" },
            "renewed": tally.succeeded,
            "failed": tally.failed + tally.temporary,
            "exit": status.code(),
        }),
    );
    Ok(status)
}

struct Run<'a> {
    context: &'a Context,
    store: &'a Store,
    desk: Desk,
    force: bool,
}

impl Run<'_> {
    /// Asks the CAs when to renew, where it is time to ask.
    fn refresh(&self, names: &[String]) -> Result<(), Error> {
        let mut records = self.store.certificates()?.records;
        records.retain(|record| names.is_empty() || names.iter().any(|name| *name == record.name.as_str()));
        ari::refresh(self.context, self.store, records)
    }

    /// All that are due, or all.
    fn due(&self) -> Result<Vec<CertificateRecord>, Error> {
        let now = self.context.now();
        let listing =
            if self.force { self.store.certificates()? } else { self.store.due_certificates(now)? };
        for error in &listing.damaged {
            self.context.output.warn(error);
        }
        if !self.force && !self.tell_left_alone()? && listing.records.is_empty() {
            self.context.output.progress("nothing is due");
        }
        Ok(listing.records)
    }

    /// The ones that were named, those left out that are not due.
    fn named(&self, names: Vec<String>) -> Result<Vec<CertificateRecord>, Error> {
        let mut records = Vec::with_capacity(names.len());
        for name in names {
            let name = CertificateName::new(name).map_err(SettingError::from)?;
            let missing = || acme_store::Error::NoSuchCertificate { name: name.clone() };
            let record = self.store.certificate(&name)?.ok_or_else(missing)?;
            if self.is_due(&record) {
                records.push(record);
            } else {
                self.tell_kept(&record);
            }
        }
        Ok(records)
    }

    /// Renews one certificate. Only an interrupt keeps the others from their turn.
    fn renew(&self, name: &CertificateName) -> Result<Outcome, Error> {
        let not_obtained = match self.attempt(name) {
            Ok(renewed) => return Ok(renewed),
            Err(NotObtained { error: Error::Interrupted, .. }) => return Err(Error::Interrupted),
            Err(not_obtained) => not_obtained,
        };
        let record = self.store.certificate(name)?;
        let settings = record.as_ref().map(|record| &record.settings);
        report::not_obtained(self.context, name, settings, &not_obtained);
        let is_temporary = not_obtained.error.is_temporary() && !self.is_late(name)?;
        Ok(if is_temporary { Outcome::Temporary } else { Outcome::Failed })
    }

    fn attempt(&self, name: &CertificateName) -> Result<Outcome, NotObtained> {
        let _lock = self.store.lock_certificate(name).map_err(Error::from)?;
        // Another process may have renewed it while this one waited.
        let Some(record) = self.store.certificate(name).map_err(Error::from)? else {
            return Ok(Outcome::Skipped);
        };
        if !self.is_due(&record) {
            self.tell_kept(&record);
            return Ok(Outcome::Skipped);
        }
        if let Some(url) = record.renewal.as_ref().and_then(|renewal| renewal.explanation_url.as_ref()) {
            self.context
                .output
                .progress(format_args!("{name}: the CA wants it renewed, and says why: {url}"));
        }
        let registration = Registration::default();
        let issuance = Issuance {
            context: self.context,
            store: self.store,
            desk: &self.desk,
            record: &record,
            settings: &record.settings,
            registration: &registration,
        };
        let obtained = issuance.prepare_and_run()?;
        issue::tell_obtained(self.context, self.store, &record, &record.settings, &obtained, &[]);
        match obtained.unwritten {
            Some(error) => Err(error.into()),
            None => Ok(Outcome::Succeeded),
        }
    }

    fn is_due(&self, record: &CertificateRecord) -> bool {
        self.force || (!is_retired(record) && record.due.is_none_or(|due| due <= self.context.now()))
    }

    /// Tells whether it is time to wake somebody, however temporary the failure is.
    fn is_late(&self, name: &CertificateName) -> Result<bool, Error> {
        let Some(record) = self.store.certificate(name)? else { return Ok(false) };
        let (Some(due), Some(current)) = (record.due, &record.current) else { return Ok(false) };
        Ok(schedule::is_late(due, current.not_after, self.context.now()))
    }

    fn tell_kept(&self, record: &CertificateRecord) {
        let due = record.due.map(|due| moment::for_people(due, self.context.now())).unwrap_or_default();
        if is_retired(record) {
            self.context.output.progress(format_args!("{}: revoked, and not renewed any more", record.name));
        } else {
            self.context.output.progress(format_args!("{}: kept; it is due {due}", record.name));
        }
        self.context.output.event(
            "certificate",
            json!({
                "certificate": record.name,
                "outcome": "kept",
                "due": record.due.map(moment::for_programs),
            }),
        );
    }

    /// Names what is due and left alone for a while; tells whether there is any.
    fn tell_left_alone(&self) -> Result<bool, Error> {
        let now = self.context.now();
        let mut is_any = false;
        for record in self.store.certificates()?.records {
            let Some(next) = record.next_attempt_at.filter(|next| *next > now) else { continue };
            if self.is_due(&record) {
                is_any = true;
                let next = moment::for_people(next, now);
                self.context.output.progress(format_args!(
                    "{}: due, and left alone until {next}; acmectl renew {0} tries now",
                    record.name
                ));
            }
        }
        Ok(is_any)
    }
}

fn is_retired(record: &CertificateRecord) -> bool {
    record.revocation.is_some_and(|revocation| revocation.then == AfterRevocation::Retire)
}

/// Waits at random, so that not all the world's timers ask a CA in the same minute.
fn wait(context: &Context, max: Option<u64>) -> Result<(), Error> {
    let unasked = if context.output.is_terminal() { 0 } else { MAX_WAIT_SECONDS };
    let max = max.unwrap_or(unasked);
    let seconds = context.dice()?.u64(0..=max);
    if seconds > 0 {
        context.output.progress(format_args!("waiting {} at random", moment::span(seconds)));
        context.signals.wait(Duration::from_secs(seconds))?;
    }
    Ok(())
}

const MAX_WAIT_SECONDS: u64 = 8 * 60;
