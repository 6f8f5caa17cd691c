//! Printing a failure.

use std::error::Error as StdError;
use std::iter;

use acme_proto::{Problem, Refusal};
use acme_solver::check::Finding;
use acme_store::{CertificateName, Settings, Timestamp};
use serde_json::{Map, Value, json};

use crate::advice::Advice;
use crate::commands::CommandError;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::explanation;
use crate::invocation::Invocation;
use crate::issuance::NotObtained;
use crate::moment;
use crate::output::Output;

/// Prints a failure, and says what the run came to if this is how it ended.
pub(crate) fn failure(
    output: &Output,
    invocation: &Invocation,
    certificate: Option<&CertificateName>,
    error: &Error,
) -> Status {
    print(output, invocation, certificate, error, None, &[])
}

/// Prints why a certificate was not obtained, and until when it is left alone.
pub(crate) fn not_obtained(
    context: &Context,
    certificate: &CertificateName,
    settings: Option<&Settings>,
    not_obtained: &NotObtained,
) -> Status {
    let NotObtained { error, next_attempt_at } = not_obtained;
    let seen = match (settings, error.refusal()) {
        (Some(settings), Some(refusal)) => explanation::look(context, settings, refusal),
        _ => Vec::new(),
    };
    let next = next_attempt_at.map(|at| (at, context.now()));
    print(&context.output, &context.invocation, Some(certificate), error, next, &seen)
}

fn print(
    output: &Output,
    invocation: &Invocation,
    certificate: Option<&CertificateName>,
    error: &Error,
    next_attempt: Option<(Timestamp, Timestamp)>,
    seen: &[Finding],
) -> Status {
    let seen =
        if let Error::Command(CommandError::WouldRefuse { findings, .. }) = error { findings } else { seen };
    let advice = error.advice(invocation);
    let about = certificate.map(|name| format!("{name}: ")).unwrap_or_default();
    output.error(format_args!("{about}{}", headline(error)));
    for cause in causes(error) {
        output.error_line(format_args!("  because: {cause}"));
    }
    if let Some(refusal) = error.refusal() {
        details(output, refusal);
    }
    for finding in seen {
        let name = finding.identifier.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let fault = finding.fault;
        output.error_line(format_args!("  seen from here: {name}{} ({fault})", finding.seen));
        output.error_line(format_args!("      {}: {}", fault.reason(), finding.remedy));
    }
    if !matches!(error, Error::Interrupted) {
        output.error_line(format_args!("  fault: {}", error.fault().sentence()));
    }
    for (index, advice) in advice.iter().enumerate() {
        match advice {
            Advice::Text(text) if index == 0 => output.error_line(format_args!("  next: {text}")),
            Advice::Text(text) => output.error_line(format_args!("    or: {text}")),
            Advice::Paste(line) => output.error_line(format_args!("      {line}")),
        }
    }
    if let Some((at, now)) = next_attempt {
        let at = moment::for_people(at, now);
        output.error_line(format_args!("  then: acmectl renew tries again, not before {at}"));
    }
    let mut members = event(certificate, error, &advice);
    if !seen.is_empty() {
        members.insert("seen".to_owned(), seen.iter().map(finding).collect());
    }
    if let Some((at, _)) = next_attempt {
        members.insert("next_attempt_at".to_owned(), json!(moment::for_programs(at)));
    }
    output.event("error", Value::Object(members));
    error.status()
}

/// A finding, for programs.
pub(crate) fn finding(finding: &Finding) -> Value {
    let fault = finding.fault;
    json!({
        "identifier": finding.identifier.as_ref().map(ToString::to_string),
        "fault": fault.as_str(),
        "severity": fault.severity().to_string(),
        "seen": finding.seen,
        "reason": fault.reason(),
        "remedy": finding.remedy,
    })
}

/// The error and its causes, the outermost first, for the record.
pub(crate) fn chain(error: &Error) -> Vec<String> {
    iter::once(headline(error)).chain(causes(error)).collect()
}

/// What happened; a refusal is told in full by [`details`].
fn headline(error: &Error) -> String {
    if !matches!(error, Error::Acme(_)) {
        return error.to_string();
    }
    if let Some(refusal) = error.refusal() {
        return match (&refusal.identifier, &refusal.challenge) {
            (Some(identifier), Some(challenge)) => format!("{challenge} for {identifier} failed"),
            (Some(identifier), None) => format!("the authorization of {identifier} failed"),
            (None, _) => format!("the CA refused {}", refusal.operation),
        };
    }
    match error.as_acme() {
        Some(acme_proto::Error::Transport { operation, .. }) => {
            format!("no response from the CA ({operation})")
        }
        Some(_) | None => error.to_string(),
    }
}

fn causes(error: &Error) -> Vec<String> {
    // A refusal is told in full by `details`.
    if !matches!(error, Error::Acme(_)) && error.refusal().is_some() {
        return Vec::new();
    }
    iter::successors(error.source(), |cause: &&dyn StdError| (*cause).source())
        .map(ToString::to_string)
        .collect()
}

fn details(output: &Output, refusal: &Refusal) {
    problem(output, &refusal.problem);
    for help in &refusal.help {
        output.error_line(format_args!("  help: {help}"));
    }
    if let Some(time) = refusal.retry_after {
        output.error_line(format_args!("  retry: the CA asks for {}", moment::span(time.as_secs())));
    }
    for other in &refusal.others {
        let name = other.identifier.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        output.error_line(format_args!("  also: {name}{}", other.problem));
    }
}

fn problem(output: &Output, problem: &Problem) {
    let kind = String::from(problem.kind.clone());
    match problem.status {
        // No problem document: a load balancer's page, for example.
        Some(status) if kind == NO_DOCUMENT => output.error_line(format_args!("  status: HTTP {status}")),
        Some(status) => output.error_line(format_args!("  type: {kind} (HTTP {status})")),
        None => output.error_line(format_args!("  type: {kind}")),
    }
    if let Some(detail) = problem.detail.as_ref().or(problem.title.as_ref()) {
        output.error_line(format_args!("  detail: {}", detail));
    }
    for subproblem in &problem.subproblems {
        output.error_line(format_args!("  name: {}", subproblem));
    }
    if let Some(instance) = &problem.instance {
        output.error_line(format_args!("  page: {}", instance));
    }
}

fn event(certificate: Option<&CertificateName>, error: &Error, advice: &[Advice]) -> Map<String, Value> {
    let advice: Vec<&String> = advice
        .iter()
        .map(|advice| match advice {
            Advice::Text(text) | Advice::Paste(text) => text,
        })
        .collect();
    let mut members = Map::new();
    let mut add = |member: &str, value: Value| members.insert(member.to_owned(), value);
    add("outcome", json!(outcome(error)));
    add("fault", json!(error.fault().word()));
    add("message", json!(headline(error)));
    add("causes", json!(causes(error)));
    add("next", json!(advice));
    if let Some(name) = certificate {
        add("certificate", json!(name));
    }
    if let Some(refusal) = error.refusal() {
        add("problem", document(&refusal.problem));
        add("help", json!(refusal.help));
        if let Some(time) = refusal.retry_after {
            add("retry_after_seconds", json!(time.as_secs()));
        }
        let others: Vec<Value> = refusal.others.iter().map(|other| document(&other.problem)).collect();
        if !others.is_empty() {
            add("other_problems", json!(others));
        }
    }
    members
}

/// A problem document as RFC 8555 has it, without what is absent.
pub(crate) fn document(problem: &Problem) -> Value {
    let mut members = shallow_document(problem);
    if !problem.subproblems.is_empty() {
        let subproblems: Vec<Value> =
            problem.subproblems.iter().map(|one| Value::Object(shallow_document(one))).collect();
        members.insert("subproblems".to_owned(), json!(subproblems));
    }
    Value::Object(members)
}

fn shallow_document(problem: &Problem) -> Map<String, Value> {
    let members = [
        ("type", json!(problem.kind)),
        ("detail", json!(problem.detail)),
        ("title", json!(problem.title)),
        ("status", json!(problem.status)),
        ("instance", json!(problem.instance)),
        ("identifier", json!(problem.identifier)),
    ];
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn outcome(error: &Error) -> &'static str {
    match error {
        Error::Interrupted => "interrupted",
        _ if error.is_temporary() => "temporary",
        Error::Acme(_)
        | Error::Binding(_)
        | Error::Ca(_)
        | Error::Challenge(_)
        | Error::Command(_)
        | Error::DevCa(_)
        | Error::File { .. }
        | Error::Hook(_)
        | Error::Key(_)
        | Error::Lineage(_)
        | Error::Name(_)
        | Error::Random
        | Error::Setting(_)
        | Error::Signals(_)
        | Error::Store(_)
        | Error::Validity(_) => "failed",
    }
}

/// The type of what is no problem document (RFC 9457, section 4.2.1).
const NO_DOCUMENT: &str = "about:blank";
