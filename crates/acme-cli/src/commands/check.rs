//! `check`: what would keep names from being certified, found before a CA finds it.

use std::time::Duration;

use acme_proto::{ChallengeType, Directory, Identifier};
use acme_solver::Resolver;
use acme_solver::check::{Examination, Finding, Issuer, Severity};
use acme_store::{CaSettings, ChallengeMethod, ChallengeMethods, Settings, Timestamp};
use serde_json::json;

use crate::args::CheckArgs;
use crate::ca::{self, NamePolicy};
use crate::challenge;
use crate::context::Context;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::exit::Status;
use crate::names;
use crate::rehearsal;
use crate::report;
use crate::settings;

pub(crate) fn run(context: &Context, args: CheckArgs) -> Result<Status, Error> {
    let names = names::parse_all(&args.domains)?;
    let names: Vec<Identifier> = names.into_iter().map(|name| name.identifier).collect();
    let plan = Plan::new(context, &args, &names)?;
    let mut worst = None;
    if let Some(seen) = plan.clock_fault() {
        context.output.event("finding", json!({"fault": "clock", "severity": "error", "seen": seen}));
        context.output.result(format_args!("error  clock: {seen}"));
        context.output.result("       signatures, certificates and renewals depend on it; set the clock");
        worst = Some(Severity::Error);
    }
    let at_port_80 = plan.at_port_80(context, &names)?;
    let found: Vec<Vec<Finding>> = names
        .iter()
        .zip(at_port_80)
        .map(|(name, more)| plan.examination.examine(name, &plan.method).into_iter().chain(more).collect())
        .collect();
    for (name, findings) in names.iter().zip(&found) {
        tell(context, &plan, name, findings);
        worst = worst.max(findings.iter().map(|finding| finding.fault.severity()).max());
    }
    Ok(if worst == Some(Severity::Error) { Status::Failed } else { Status::Done })
}

/// What to look at, and for whom.
struct Plan {
    examination: Examination,
    resolver: Resolver,
    method: ChallengeType,
    settings: Settings,
    /// The CA's clock less ours, where it says.
    skew: Option<i64>,
}

impl Plan {
    fn new(context: &Context, args: &CheckArgs, names: &[Identifier]) -> Result<Self, Error> {
        let settings = settings_for(context, args, names)?;
        let (directory, date) = offer(context, &settings.ca);
        let resolver = context.settings.resolver.clone();
        let issuer = issuer(context, &settings, directory.as_ref());
        let examination = Examination::new(resolver.clone(), issuer);
        let examination = match ca::policy(&settings.ca) {
            NamePolicy::Any => examination.for_private_names(),
            NamePolicy::Public { .. } => examination,
        };
        let method = match args.dns {
            Some(_) => ChallengeType::Dns01,
            None => method(settings.challenge.first()),
        };
        let skew = date.map(|date| date.as_second() - context.now().as_second());
        Ok(Self { examination, resolver, method, settings, skew })
    }

    fn clock_fault(&self) -> Option<String> {
        let skew = self.skew.filter(|skew| skew.unsigned_abs() > MAX_SKEW.as_secs())?;
        let direction = if skew > 0 { "behind" } else { "ahead of" };
        Some(format!("the clock of this machine is {} s {direction} the CA's", skew.unsigned_abs()))
    }

    /// What answers at port 80, where that is how control is proved.
    fn at_port_80(&self, context: &Context, names: &[Identifier]) -> Result<Vec<Vec<Finding>>, Error> {
        let nothing = || Ok(names.iter().map(|_| Vec::new()).collect());
        // Somebody's programs are not called to try something out.
        let is_manual = matches!(self.settings.challenge.first(), ChallengeMethod::Manual { .. });
        if self.method != ChallengeType::Http01 || is_manual || names.iter().any(Identifier::is_wildcard) {
            return nothing();
        }
        match challenge::prepare_unchecked(self.settings.challenge.first()) {
            Ok(mut solver) => {
                let names: Vec<_> = names.iter().collect();
                rehearsal::rehearse(context, &mut *solver, &self.resolver, &names)
            }
            Err(error) => {
                report::failure(&context.output, &context.invocation, None, &error.into());
                nothing()
            }
        }
    }
}

/// The settings of the certificate that has the first name, with what was given on top.
fn settings_for(context: &Context, args: &CheckArgs, names: &[Identifier]) -> Result<Settings, Error> {
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
    if let Some(dir) = &args.webroot {
        settings.challenge = ChallengeMethod::Webroot { dir: settings::absolute(dir)? }.into();
    } else if let Some(listen) = args.http_listen {
        settings.challenge = ChallengeMethod::Http { listen: vec![listen] }.into();
    } else if args.http {
        settings.challenge = ChallengeMethods::default();
    }
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

/// Who is to issue: as its directory says, or as is known.
fn issuer(context: &Context, settings: &Settings, directory: Option<&Directory>) -> Issuer {
    let mut issuer = Issuer::default();
    issuer.identities = directory.map(|directory| directory.meta.caa_identities.clone()).unwrap_or_default();
    if let (true, Some(known)) = (issuer.identities.is_empty(), ca::known(&settings.ca)) {
        issuer.identities.extend(known.caa.map(str::to_owned));
    }
    if context.has_store() {
        let store = context.existing_store().ok();
        let account =
            store.and_then(|store| store.account(&settings.ca.directory_url, &settings.account).ok()?);
        issuer.account_url = account.and_then(|account| account.url);
    }
    issuer
}

fn method(challenge: &ChallengeMethod) -> ChallengeType {
    match challenge {
        ChallengeMethod::Http { .. } | ChallengeMethod::Webroot { .. } => ChallengeType::Http01,
        ChallengeMethod::Manual { challenge, .. } => challenge.clone(),
        ChallengeMethod::TlsAlpn { .. } => ChallengeType::TlsAlpn01,
        ChallengeMethod::Dns { .. } | _ => ChallengeType::Dns01,
    }
}

fn tell(context: &Context, plan: &Plan, name: &Identifier, findings: &[Finding]) {
    let output = &context.output;
    let outcome = if findings.is_empty() { "nothing found" } else { "" };
    output.result(
        format_args!("{name} by {} at {}: {outcome}", plan.method, ca::title(&plan.settings.ca))
            .to_string()
            .trim_end_matches([':', ' ']),
    );
    for finding in findings {
        let (fault, severity) = (finding.fault, finding.fault.severity());
        output.event(
            "finding",
            json!({
                "identifier": name.to_string(),
                "fault": fault.as_str(),
                "severity": severity.to_string(),
                "seen": finding.seen,
                "reason": fault.reason(),
                "remedy": finding.remedy,
            }),
        );
        output.result(format_args!("  {severity:<8} {fault}: {}", finding.seen));
        output.result(format_args!("           {}", fault.reason()));
        output.result(format_args!("           {}", finding.remedy));
    }
    let worst = findings.iter().map(|finding| finding.fault.severity()).max();
    let outcome = worst.map_or_else(|| "good".to_owned(), |worst| worst.to_string());
    output.event(
        "check",
        json!({"identifier": name.to_string(), "method": plan.method.as_str(), "outcome": outcome}),
    );
}

/// What a clock may be off: CAs and certificates are some minutes tolerant.
const MAX_SKEW: Duration = Duration::from_secs(120);
