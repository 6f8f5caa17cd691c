//! `issue --from`: many certificates, one for each line of a file. No line stops another.

use std::collections::BTreeMap;
use std::path::Path;

use acme_proto::{Error as AcmeError, Misuse, Operation};
use acme_store::{CertificateName, Settings, Store};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;

use super::lines::{self, Defaults, Line, LineFault};
use super::{Came, Wish, dry_run, tell_notes, tell_renewer};
use crate::args::IssueArgs;
use crate::binding::Bindings;
use crate::context::Context;
use crate::desk::Desk;
use crate::error::Error;
use crate::exit::Status;
use crate::hooks;
use crate::invocation::Invocation;
use crate::lineage::Lineage;
use crate::moment;
use crate::report;
use crate::settings::IssueOptions;
use crate::sweep;
use crate::tally::{Outcome, Tally};

pub(super) fn run(context: &Context, path: &Path, args: &IssueArgs) -> Result<Status, Error> {
    let defaults = Defaults::of_command_line()?;
    let lines = lines::read(path)?;
    let store = if args.dry_run { None } else { Some(context.store()?) };
    if let Some(store) = &store {
        sweep::sweep(context, store)?;
    }
    let mut run = Run {
        context,
        defaults: &defaults,
        store: store.as_ref(),
        desk: Desk::default(),
        bindings: Bindings::default(),
        seen: BTreeMap::new(),
        patience: Patience::default(),
        results: Vec::new(),
    };
    for line in &lines {
        if context.signals.check().is_err() || run.take(line).is_err() {
            break;
        }
    }
    let results = run.results;
    // A hook may want the test CA.
    drop(run.desk);
    summary(context, store.as_ref(), &results, lines.len())
}

struct Run<'a> {
    context: &'a Context,
    defaults: &'a Defaults,
    /// `None` where nothing is kept.
    store: Option<&'a Store>,
    desk: Desk,
    bindings: Bindings,
    /// The lines by the certificate that they ask for.
    seen: BTreeMap<String, usize>,
    patience: Patience,
    results: Vec<LineResult>,
}

/// What came of a line.
struct LineResult {
    line: usize,
    certificate: Option<CertificateName>,
    outcome: Outcome,
    /// In a word for programs, and people.
    word: &'static str,
}

/// The run was interrupted.
struct Interrupted;

impl Run<'_> {
    /// Carries one line out.
    fn take(&mut self, line: &Line) -> Result<(), Interrupted> {
        let (words, args) = match self.defaults.arguments(line) {
            Ok(arguments) => arguments,
            Err(fault) => {
                self.refuse(line, None, &fault);
                return Ok(());
            }
        };
        let context = Context { invocation: Invocation::new(words), ..self.context.clone() };
        match self.carry_out(&context, line, args) {
            Ok(()) => Ok(()),
            // The summary says it.
            Err(Error::Interrupted) => Err(Interrupted),
            Err(error) => {
                report::failure(&context.output, &context.invocation, None, &error);
                self.fail(line, None, &error);
                Ok(())
            }
        }
    }

    fn carry_out(&mut self, context: &Context, line: &Line, args: IssueArgs) -> Result<(), Error> {
        let options = IssueOptions::resolve_with(args, &mut self.bindings)?;
        tell_notes(context, &options);
        let Some(store) = self.store.filter(|_| !options.dry_run) else {
            dry_run(context, &self.desk, &options)?;
            self.add(line, options.name, Outcome::Succeeded, "tried");
            return Ok(());
        };
        let lineage = Lineage::find(store, &options)?;
        let name = lineage.name.clone();
        if let Some(other) = self.seen.insert(name.to_string(), line.number) {
            self.seen.insert(name.to_string(), other);
            let fault = LineFault::Duplicate { line: other, certificate: name.to_string() };
            self.refuse(line, Some(name), &fault);
            return Ok(());
        }
        let wish = Wish::new(context, store, &options, lineage)?;
        if let Some(record) = wish.kept()? {
            let record = record.clone();
            wish.keep(&record)?;
            self.add(line, Some(name), Outcome::Succeeded, "kept");
            return Ok(());
        }
        if let Some((outcome, why)) = self.is_left_alone(store, &name, &wish.settings)? {
            context.output.warn(format_args!("{name}: not asked for: {why}"));
            self.add(line, Some(name), outcome, "not_asked");
            return Ok(());
        }
        match wish.obtain(&self.desk)? {
            Came::Obtained { unwritten, .. } => {
                self.patience.note(&wish.settings, None);
                match unwritten {
                    None => self.add(line, Some(name), Outcome::Succeeded, "issued"),
                    Some(error) => return Err(error),
                }
            }
            Came::NotObtained(Error::Interrupted) => return Err(Error::Interrupted),
            Came::NotObtained(error) => {
                self.patience.note(&wish.settings, Some(&error));
                self.fail(line, Some(name), &error);
            }
        }
        Ok(())
    }

    /// Tells whether it is of no use to ask now, and why.
    fn is_left_alone(
        &self,
        store: &Store,
        name: &CertificateName,
        settings: &Settings,
    ) -> Result<Option<(Outcome, String)>, Error> {
        if let Some(outcome) = self.patience.end(settings) {
            return Ok(Some((
                outcome,
                "the CA did not let this account do what the lines before ask for".into(),
            )));
        }
        let now = self.context.now();
        let last = store.attempts(name)?.into_iter().next().filter(|last| last.retry_after.is_some());
        let until = last.and_then(|last| last.next_allowed_at).filter(|until| *until > now);
        Ok(until.map(|until| {
            let until = moment::for_people(until, now);
            (Outcome::Temporary, format!("the CA wants to be left alone with it until {until}"))
        }))
    }

    fn refuse(&mut self, line: &Line, name: Option<CertificateName>, fault: &LineFault) {
        self.context.output.error(format_args!("line {}: {fault}", line.number));
        self.context.output.event(
            "error",
            json!({"outcome": "failed", "fault": "you", "line": line.number, "message": fault.to_string()}),
        );
        self.add(line, name, Outcome::Failed, "refused");
    }

    fn fail(&mut self, line: &Line, name: Option<CertificateName>, error: &Error) {
        self.context.output.error_line(format_args!("  line: {}", line.number));
        match error.is_temporary() {
            true => self.add(line, name, Outcome::Temporary, "temporary"),
            false => self.add(line, name, Outcome::Failed, "failed"),
        }
    }

    fn add(
        &mut self,
        line: &Line,
        certificate: Option<CertificateName>,
        outcome: Outcome,
        word: &'static str,
    ) {
        let line = line.number;
        self.context.output.event("line", json!({"line": line, "certificate": certificate, "outcome": word}));
        self.results.push(LineResult { line, certificate, outcome, word });
    }
}

/// Which accounts a CA does not let do what they ask for, whatever the name: a limit of one name's is no
/// reason to leave the others out, and two names in a row are.
#[derive(Default)]
struct Patience {
    /// By directory and label, how many in a row failed so, and what the next ones count as.
    refused: BTreeMap<(String, String), (u32, Outcome)>,
}

impl Patience {
    fn note(&mut self, settings: &Settings, error: Option<&Error>) {
        let account = (settings.ca.directory_url.clone(), settings.account.clone());
        let Some(error) = error.filter(|error| is_of_account(error)) else {
            self.refused.remove(&account);
            return;
        };
        let (count, outcome) = self.refused.entry(account).or_insert((0, Outcome::Failed));
        *count += 1;
        *outcome = if error.is_temporary() { Outcome::Temporary } else { Outcome::Failed };
    }

    /// What further lines count as, if the CA is not asked any more.
    fn end(&self, settings: &Settings) -> Option<Outcome> {
        let account = (settings.ca.directory_url.clone(), settings.account.clone());
        let (_, outcome) = self.refused.get(&account).filter(|(count, _)| *count >= MOST_REFUSED)?;
        Some(*outcome)
    }
}

/// Tells whether other names would meet the same.
fn is_of_account(error: &Error) -> bool {
    match error.as_acme() {
        Some(AcmeError::Problem(refusal)) => {
            let is_named = refusal.identifier.is_some();
            refusal.operation == Operation::NewAccount || error.is_temporary() && !is_named
        }
        Some(AcmeError::Transport { .. }) => error.is_temporary(),
        Some(AcmeError::Misuse(misuse)) => {
            matches!(misuse, Misuse::ExternalAccountRequired | Misuse::TermsNotAgreed(_))
        }
        Some(_) | None => false,
    }
}

/// Says what came of each line, and runs the hooks of what was obtained.
fn summary(
    context: &Context,
    store: Option<&Store>,
    results: &[LineResult],
    lines: usize,
) -> Result<Status, Error> {
    let is_interrupted = context.signals.check().is_err();
    let mut hooks = Status::Done;
    if let Some(store) = store.filter(|_| !is_interrupted) {
        let issued = results.iter().filter(|result| result.word == "issued");
        let issued: Vec<_> = issued.filter_map(|result| result.certificate.clone()).collect();
        hooks = hooks::run_pending(context, store, Some(&issued))?;
    }
    if !results.is_empty() {
        table(results).lines().for_each(|line| context.output.result(line.trim_end()));
    }
    let mut tally = Tally::default();
    results.iter().for_each(|result| tally.add(result.outcome));
    let count = |word| results.iter().filter(|result| result.word == word).count();
    let not_reached = lines.saturating_sub(results.len());
    let status = if is_interrupted { Status::Interrupted } else { tally.status(hooks) };
    if not_reached > 0 {
        context.output.warn(format_args!("interrupted; {not_reached} of {lines} lines are left"));
    }
    if store.is_some() && tally.succeeded > 0 {
        tell_renewer(context);
    }
    context.output.event(
        "run",
        json!({
            "outcome": if status == Status::Done { "done" } else { "failed" },
            "issued": count("issued"),
            "kept": count("kept"),
            "failed": tally.failed,
            "temporary": tally.temporary,
            "not_reached": not_reached,
            "exit": status.code(),
        }),
    );
    Ok(status)
}

fn table(results: &[LineResult]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["LINE", "CERTIFICATE", "OUTCOME"]);
    for result in results {
        let name = result.certificate.as_ref().map_or("-", CertificateName::as_str);
        table.add_row([result.line.to_string(), name.to_owned(), result.word.replace('_', " ")]);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.to_string()
}

/// Names of one account that the CA leaves out in a row before the others are.
const MOST_REFUSED: u32 = 2;
