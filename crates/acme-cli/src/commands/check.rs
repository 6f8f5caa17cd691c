//! `check`: what would keep names from being certified, found before a CA finds it.

use std::error::Error as _;
use std::time::Duration;

use acme_proto::{Directory, Identifier};
use acme_solver::check::{Fault, Finding, Severity};
use acme_store::{CaSettings, Settings, Timestamp};
use serde_json::json;

use crate::advice::Advice;
use crate::args::CheckArgs;
use crate::ca;
use crate::challenge;
use crate::context::Context;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::examination;
use crate::exit::Status;
use crate::explanation;
use crate::ledger;
use crate::method::Methods;
use crate::names::{self, NameError};
use crate::rehearsal;
use crate::report;
use crate::settings;

pub(crate) fn run(context: &Context, args: CheckArgs) -> Result<Status, Error> {
    let mut subjects: Vec<Subject> = Vec::with_capacity(args.domains.len());
    for text in &args.domains {
        let subject = Subject::parse(context, text);
        if !subjects.iter().any(|other| other.text == subject.text) {
            subjects.push(subject);
        }
    }
    let names: Vec<Identifier> = subjects.iter().filter_map(|subject| subject.name.clone()).collect();
    let settings = settings_for(context, args, &names)?;
    let (at, ca) = (context.clone(), settings.ca.clone());
    let (directory, date) = context.signals.unless_ended(move || offer(&at, &ca))?;
    let mut worst = None;
    if let Some(finding) = date.and_then(|date| clock(date, context.now())) {
        worst = Some(finding.fault.severity());
        context.output.result("this machine");
        tell_finding(context, None, &finding);
    }
    let mut found = look(context, &settings, directory.as_ref(), &names)?.into_iter();
    for mut subject in subjects {
        if subject.name.is_some() {
            subject.findings.extend(found.next().unwrap_or_default());
        }
        worst = worst.max(subject.tell(context, &settings));
    }
    Ok(if worst == Some(Severity::Error) { Status::Failed } else { Status::Done })
}

/// What was given as a name.
struct Subject {
    text: String,
    name: Option<Identifier>,
    findings: Vec<Finding>,
}

impl Subject {
    fn parse(context: &Context, text: &str) -> Self {
        match names::parse(text) {
            Ok(name) => {
                Self { text: name.identifier.to_string(), name: Some(name.identifier), findings: Vec::new() }
            }
            Err(error) => {
                let findings = vec![of_form(context, None, &error, Fault::NameForm)];
                Self { text: text.to_owned(), name: None, findings }
            }
        }
    }

    /// Prints what was found, the worst first.
    fn tell(mut self, context: &Context, settings: &Settings) -> Option<Severity> {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.fault.severity()));
        self.findings.dedup();
        let worst = self.findings.first().map(|finding| finding.fault.severity());
        let ca = ca::title(&settings.ca);
        let method = self.name.as_ref().map(|name| examination::method(settings, name));
        let method = method.map(examination::challenge_type);
        let by = method.as_ref().map(|method| format!(" by {method}")).unwrap_or_default();
        let outcome = if worst.is_none() { ": nothing found" } else { "" };
        context.output.result(format_args!("{}{by} at {ca}{outcome}", self.text));
        for finding in &self.findings {
            tell_finding(context, Some(&self.text), finding);
        }
        let outcome = worst.map_or_else(|| "good".to_owned(), |worst| worst.to_string());
        let method = method.as_ref().map(|method| method.as_str());
        context.output.event("check", json!({"identifier": self.text, "method": method, "outcome": outcome}));
        worst
    }
}

fn tell_finding(context: &Context, subject: Option<&str>, finding: &Finding) {
    let (fault, severity) = (finding.fault, finding.fault.severity());
    let mut members = report::finding(finding);
    if let Some(members) = members.as_object_mut() {
        members.insert("identifier".to_owned(), json!(subject));
    }
    context.output.event("finding", members);
    context.output.result(format_args!("  {severity:<8} {fault}: {}", finding.seen));
    context.output.result(format_args!("           why: {}", fault.reason()));
    context.output.result(format_args!("           next: {}", finding.remedy));
}

/// Looks at names everywhere: in the DNS, through their ports, and at what is kept here.
fn look(
    context: &Context,
    settings: &Settings,
    directory: Option<&Directory>,
    names: &[Identifier],
) -> Result<Vec<Vec<Finding>>, Error> {
    let resolver = &context.settings.resolver;
    let examination = examination::prepare(context, settings, directory, resolver.clone()).at(context.now());
    let methods: Vec<_> = names
        .iter()
        .map(|name| (name.clone(), examination::challenge_type(examination::method(settings, name))))
        .collect();
    let mut found = context.signals.unless_ended(move || examination.examine_all(&methods))?;
    let looks = rehearsal::rehearse(context, settings, resolver, names)?;
    for ((name, found), looks) in names.iter().zip(&mut found).zip(looks) {
        found.extend(looks);
        found.extend(policy(context, settings, name));
        found.extend(kept_here(context, settings, name)?);
    }
    Ok(found)
}

/// What the CA does not certify, whatever the DNS says.
fn policy(context: &Context, settings: &Settings, name: &Identifier) -> Option<Finding> {
    let policy = ca::policy(&settings.ca);
    let error = names::check(std::slice::from_ref(name), &policy, settings.profile.as_deref()).err()?;
    // The look at the name itself finds the others.
    let is_of_ca = matches!(error, NameError::Address { .. } | NameError::AddressProfile { .. });
    is_of_ca.then(|| of_form(context, Some(name), &error, Fault::CaPolicy))
}

fn of_form(context: &Context, name: Option<&Identifier>, error: &NameError, fault: Fault) -> Finding {
    let advice = error.advice(&context.invocation).into_iter().map(|advice| match advice {
        Advice::Text(text) | Advice::Paste(text) => text,
    });
    let seen = error.source().map_or_else(|| error.to_string(), |_| challenge::with_causes(error));
    Finding::new(name, fault, seen, advice.collect::<Vec<_>>().join(" "))
}

/// What earlier attempts from here say.
fn kept_here(context: &Context, settings: &Settings, name: &Identifier) -> Result<Vec<Finding>, Error> {
    if !context.has_store() {
        return Ok(Vec::new());
    }
    let (store, now) = (context.existing_store()?, context.now());
    let mut settings = settings.clone();
    if !settings.names.contains(name) {
        settings.names = vec![name.clone()];
    }
    let mut findings = ledger::look(&store, &settings, name, now)?;
    if let Some(asked) = ledger::last_absence(&store, name)? {
        findings.extend(explanation::kept_absence(&context.settings.resolver, name, asked, now));
    }
    Ok(findings)
}

fn clock(date: Timestamp, now: Timestamp) -> Option<Finding> {
    let skew = date.as_second() - now.as_second();
    if skew.unsigned_abs() <= MAX_SKEW.as_secs() {
        return None;
    }
    let direction = if skew > 0 { "behind" } else { "ahead of" };
    let seen = format!("the clock of this machine is {} s {direction} the CA's", skew.unsigned_abs());
    Some(Finding::new(None, Fault::Clock, seen, "set the clock, and keep it right with NTP"))
}

/// The settings of the certificate that has the first name, with what was given on top.
fn settings_for(context: &Context, args: CheckArgs, names: &[Identifier]) -> Result<Settings, Error> {
    let mut settings = match kept(context, names)? {
        Some(settings) => settings,
        None => Settings::new(names.to_vec(), ca::parse(ca::DEFAULT)?),
    };
    if let Some(text) = &args.ca {
        settings.ca = ca::parse(text)?;
    }
    if let Some(path) = &args.ca_root {
        settings.ca.root_pem = Some(ca::read_root(&settings::absolute(path)?)?);
    }
    if args.profile.is_some() {
        settings.profile = args.profile.filter(|text| !text.trim().is_empty());
    }
    Methods::resolve(args.method)?.merge_into(&mut settings);
    Ok(settings)
}

fn kept(context: &Context, names: &[Identifier]) -> Result<Option<Settings>, Error> {
    if !context.has_store() {
        return Ok(None);
    }
    let has_name = |settings: &Settings| names.first().is_some_and(|name| settings.names.contains(name));
    let certificates = context.existing_store()?.certificates()?;
    Ok(certificates.records.into_iter().map(|record| record.settings).find(has_name))
}

/// What the CA says of itself; that it does not answer is told, and keeps nobody from looking at DNS.
fn offer(context: &Context, ca: &CaSettings) -> (Option<Directory>, Option<Timestamp>) {
    let fetched = context.reach(ca).and_then(|reached| {
        let mut conversation = Conversation::new(context, &reached)?;
        Ok((conversation.directory()?, conversation.date()))
    });
    match fetched {
        Ok((directory, date)) => (Some(directory), date),
        Err(error) => {
            report::failure(&context.output, &context.invocation, None, &error);
            (None, None)
        }
    }
}

/// What a clock may be off: CAs and certificates are some minutes tolerant.
const MAX_SKEW: Duration = Duration::from_secs(120);
