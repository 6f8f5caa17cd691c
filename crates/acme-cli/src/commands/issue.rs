//! `issue`: obtain a certificate, or leave it if it is right and not due.

mod lines;
mod many;

use acme_proto::Identifier;
use acme_store::{CertificateName, CertificateRecord, Change, Lock, Settings, Store};
use serde_json::json;

use crate::account;
use crate::args::IssueArgs;
use crate::ca;
use crate::context::Context;
use crate::desk::Desk;
use crate::error::Error;
use crate::exit::Status;
use crate::hooks;
use crate::invocation;
use crate::issuance::{self, Before, Issuance, Obtained};
use crate::lineage::Lineage;
use crate::moment;
use crate::names;
use crate::needs;
use crate::precheck;
use crate::report;
use crate::settings::IssueOptions;
use crate::sweep;
use crate::timer::{self, Renewer};

pub(crate) fn run(context: &Context, args: IssueArgs) -> Result<Status, Error> {
    if let Some(path) = &args.from {
        return many::run(context, path, &args);
    }
    let options = IssueOptions::resolve(args)?;
    tell_notes(context, &options);
    let desk = Desk::default();
    if options.dry_run {
        dry_run(context, &desk, &options)?;
        return Ok(Status::Done);
    }
    // With a CA that is no good there is no need to make a directory first.
    first_look(context, &options)?;
    let store = context.store()?;
    sweep::sweep(context, &store)?;
    let wish = Wish::new(context, &store, &options, Lineage::find(&store, &options)?)?;
    if let Some(record) = wish.kept()? {
        let record = record.clone();
        wish.keep(&record)?;
        print_paths(context, &store, &record.name);
        tell_renewer(context);
        return Ok(Status::Done);
    }
    let name = match wish.obtain(&desk)? {
        Came::Obtained { name, unwritten: None } => name,
        Came::Obtained { name, unwritten: Some(error) } => {
            report::failure(&context.output, &context.invocation, Some(&name), &error);
            return Ok(Status::Failed);
        }
        Came::NotObtained(error) => return Ok(error.status()),
    };
    let settings = wish.settings.clone();
    // A hook may want the certificate, or the test CA.
    drop((wish, desk));
    print_paths(context, &store, &name);
    let status = hooks::run_pending(context, &store, Some(std::slice::from_ref(&name)))?;
    needs::check(context, &settings);
    tell_renewer(context);
    Ok(status)
}

/// A certificate that is asked for, as long as its lock is held.
struct Wish<'a> {
    context: &'a Context,
    store: &'a Store,
    options: &'a IssueOptions,
    lineage: Lineage,
    settings: Settings,
    _lock: Lock,
}

/// What came of asking for a certificate. All of it is told already, but that files are not written.
enum Came {
    Obtained { name: CertificateName, unwritten: Option<Error> },
    NotObtained(Error),
}

impl<'a> Wish<'a> {
    /// Finds out what is asked for, and refuses what can't be.
    fn new(
        context: &'a Context,
        store: &'a Store,
        options: &'a IssueOptions,
        lineage: Lineage,
    ) -> Result<Self, Error> {
        let _lock = store.lock_certificate(&lineage.name)?;
        // Another process may have been at it until now.
        let lineage = Lineage { record: store.certificate(&lineage.name)?, ..lineage };
        let settings = options.merge(lineage.record.as_ref().map(|record| &record.settings))?;
        names::check(&settings.names, &ca::policy(&settings.ca), settings.profile.as_deref())?;
        lineage.check(&settings, options)?;
        account::check_binding(Some(store), &settings.ca, &settings.account, &options.registration)?;
        Ok(Self { context, store, options, lineage, settings, _lock })
    }

    /// The certificate, if it is right and stays.
    fn kept(&self) -> Result<Option<&CertificateRecord>, Error> {
        let Some(record) = self.lineage.record.as_ref().filter(|_| !self.options.force) else {
            return Ok(None);
        };
        let is_right = self.lineage.is_right(self.store, &self.settings, self.context.now())?;
        Ok(is_right.then_some(record))
    }

    /// Leaves the certificate as it is; its other settings may change.
    fn keep(self, record: &CertificateRecord) -> Result<(), Error> {
        let (context, store) = (self.context, self.store);
        let mut settings = self.settings;
        settings.names.clone_from(&record.settings.names);
        let changes = store.update_settings(&record.name, &settings)?;
        tell_changes(context, &changes);
        let due = record.due.map(|due| moment::for_people(due, context.now())).unwrap_or_default();
        context.output.progress(format_args!("{}: kept; it is right, and due {due}", record.name));
        context.output.event(
            "certificate",
            json!({
                "certificate": record.name,
                "outcome": "kept",
                "names": words(&settings.names),
                "due": record.due.map(moment::for_programs),
                "directory": store.current_directory(&record.name),
                "changes": changed(&changes),
            }),
        );
        Ok(())
    }

    fn obtain(&self, desk: &Desk) -> Result<Came, Error> {
        let (context, store, settings) = (self.context, self.store, &self.settings);
        let has_none = self.lineage.record.as_ref().is_none_or(|record| record.current.is_none());
        if has_none && !self.options.no_check {
            precheck::look(context, settings)?;
        }
        let before = Before::read(store, &self.lineage.name, settings)?;
        let ready = issuance::prepare(context, settings, before)?;
        store.preflight(&self.lineage.name)?;
        let record = store.create_certificate(&self.lineage.name, settings, context.now())?;
        let changes = record.settings.changes(settings);
        tell_changes(context, &changes);
        let registration = &self.options.registration;
        let issuance = Issuance { context, store, desk, record: &record, settings, registration };
        let obtained = match issuance.run(ready) {
            Ok(obtained) => obtained,
            Err(not_obtained) => {
                // What was not even asked for is not to be asked for again by every renew.
                if self.lineage.record.is_none() && not_obtained.error.status() == Status::Usage {
                    store.delete_certificate(&record.name)?;
                }
                report::not_obtained(context, &record.name, Some(settings), &not_obtained);
                return Ok(Came::NotObtained(not_obtained.error));
            }
        };
        tell_obtained(context, store, &record, settings, &obtained, &changes);
        Ok(Came::Obtained { name: record.name, unwritten: obtained.unwritten })
    }
}

fn tell_notes(context: &Context, options: &IssueOptions) {
    for note in options.names.iter().filter_map(|name| name.note.as_ref()) {
        context.output.progress(format_args!("note: {note}"));
    }
}

/// Refuses what can't be right whatever is kept here.
fn first_look(context: &Context, options: &IssueOptions) -> Result<(), Error> {
    // Names that are not given are those that are remembered.
    if options.names.is_empty() && context.has_store() {
        return Ok(());
    }
    let settings = options.merge(None)?;
    if !context.has_store() {
        account::check_binding(None, &settings.ca, &settings.account, &options.registration)?;
    }
    if options.ca.is_some() || !context.has_store() {
        names::check(&settings.names, &ca::policy(&settings.ca), settings.profile.as_deref())?;
    }
    Ok(())
}

fn dry_run(context: &Context, desk: &Desk, options: &IssueOptions) -> Result<(), Error> {
    let store = match Store::open_existing(&context.settings.dir) {
        Ok(store) => Some(store),
        Err(acme_store::Error::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let lineage = store.as_ref().map(|store| Lineage::find(store, options)).transpose()?;
    let remembered = lineage.and_then(|lineage| lineage.record);
    let settings = options.merge(remembered.as_ref().map(|record| &record.settings))?;
    names::check(&settings.names, &ca::policy(&settings.ca), settings.profile.as_deref())?;
    let account = match &store {
        Some(store) => store.account(&settings.ca.directory_url, &settings.account)?,
        None => None,
    };
    let mut registration = options.registration.clone();
    // Whoever has agreed to the CA's terms need not say so again for its staging directory.
    registration.agree |= account.is_some_and(|account| account.terms_agreed_at.is_some());
    issuance::dry_run(context, desk, &settings, &registration)?;
    context.output.result("the dry run succeeded; nothing was kept");
    context.output.event("dry_run", json!({"outcome": "succeeded", "names": words(&settings.names)}));
    Ok(())
}

/// Tells what was obtained, on standard error and as JSON.
pub(crate) fn tell_obtained(
    context: &Context,
    store: &Store,
    record: &CertificateRecord,
    settings: &Settings,
    obtained: &Obtained,
    changes: &[Change],
) {
    let (now, generation) = (context.now(), &obtained.generation);
    context.output.progress(format_args!(
        "{}: issued by {}, valid until {}, due {}",
        record.name,
        ca::title(&settings.ca),
        moment::for_people(generation.not_after, now),
        moment::for_people(obtained.due, now),
    ));
    context.output.event(
        "certificate",
        json!({
            "certificate": record.name,
            "outcome": "issued",
            "names": words(&generation.names),
            "ca": settings.ca.name.as_ref().unwrap_or(&settings.ca.directory_url),
            "generation": generation.generation,
            "serial": generation.serial,
            "issuer": generation.issuer,
            "not_before": moment::for_programs(generation.not_before),
            "not_after": moment::for_programs(generation.not_after),
            "due": moment::for_programs(obtained.due),
            "directory": store.current_directory(&record.name),
            "changes": changed(changes),
        }),
    );
}

fn print_paths(context: &Context, store: &Store, name: &CertificateName) {
    let directory = store.current_directory(name);
    // With a request of somebody's own the key is not here.
    let files = ["fullchain.pem", "privkey.pem"].map(|file| directory.join(file));
    for file in files.iter().filter(|file| file.exists()) {
        context.output.result(file.display());
    }
}

fn tell_changes(context: &Context, changes: &[Change]) {
    for change in changes.iter().filter(|change| change.field != "ca.root_pem") {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let (before, after) = (text(&change.before), text(&change.after));
        context.output.progress(format_args!("changed: {} from {before} to {after}", change.field));
    }
}

fn changed(changes: &[Change]) -> Vec<serde_json::Value> {
    let change =
        |change: &Change| json!({"setting": change.field, "before": change.before, "after": change.after});
    changes.iter().map(change).collect()
}

fn words(names: &[Identifier]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Says what will renew, or that nothing will.
fn tell_renewer(context: &Context) {
    let renewer = Renewer::find();
    let word = match &renewer {
        Some(Renewer::Cron(_)) => Some("cron"),
        Some(Renewer::Timer) => Some("systemd"),
        Some(Renewer::TimerDisabled) | None => None,
    };
    context.output.event("renewer", json!({"renewed_by": word}));
    match renewer {
        Some(Renewer::Timer) => context.output.progress(format_args!("{} will renew it", timer::UNIT)),
        Some(Renewer::Cron(path)) => {
            context.output.progress(format_args!("{} will renew it", path.display()))
        }
        Some(Renewer::TimerDisabled) => {
            context.output.warn(format_args!("nothing will renew it: {} is not enabled", timer::UNIT));
            context.output.progress(format_args!("  next: systemctl enable --now {}", timer::UNIT));
        }
        None => {
            context.output.warn("nothing will renew it");
            tell_how_to_renew(context);
        }
    }
}

/// A timer where systemd runs, and a line of a crontab.
fn tell_how_to_renew(context: &Context) {
    let (program, settings) = (invocation::program(), &context.settings);
    let dir = format!(" --dir {}", invocation::quoted(&settings.dir.display().to_string()));
    let dir_if = |needed: bool| if needed { dir.as_str() } else { "" };
    let is_root = rustix::process::geteuid().is_root();
    let mut label = "next";
    if settings.systemctl.is_some() {
        let sudo = if is_root { "" } else { "sudo " };
        // Root's own directory is another one.
        let dir = dir_if(settings.dir_is_given || !is_root);
        context.output.progress("  next: let systemd do it:");
        context.output.progress(format_args!("      {sudo}{program} systemd --install{dir}"));
        label = "  or";
    }
    let dir = dir_if(settings.dir_is_given);
    context.output.progress(format_args!("  {label}: put this line into your crontab (crontab -e):"));
    context.output.progress(format_args!("      17 4,16 * * * {program} renew --quiet{dir}"));
}
