//! Printing a failure.

use std::error::Error as StdError;
use std::iter;

use acme_proto::{Problem, Refusal};
use acme_store::CertificateName;
use serde_json::{Value, json};

use crate::advice::Advice;
use crate::error::Error;
use crate::exit::Status;
use crate::invocation::Invocation;
use crate::moment;
use crate::output::Output;

/// Prints a failure, and says what the run came to if this is how it ended.
pub(crate) fn failure(
    output: &Output,
    invocation: &Invocation,
    certificate: Option<&CertificateName>,
    error: &Error,
) -> Status {
    let advice = error.advice(invocation);
    let about = certificate.map(|name| format!("{name}: ")).unwrap_or_default();
    output.error(format_args!("{about}{}", headline(error)));
    for cause in causes(error) {
        output.error_line(format_args!("  because: {cause}"));
    }
    if let Some(refusal) = error.refusal() {
        details(output, refusal);
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
    output.event("error", event(certificate, error, &advice));
    error.status()
}

/// The error and its causes, the outermost first, for the record.
pub(crate) fn chain(error: &Error) -> Vec<String> {
    iter::once(headline(error)).chain(causes(error)).collect()
}

/// What happened; a refusal is told in full by [`details`].
fn headline(error: &Error) -> String {
    let Some(refusal) = error.refusal() else { return error.to_string() };
    match (&refusal.identifier, &refusal.challenge) {
        (Some(identifier), Some(challenge)) => format!("{challenge} for {identifier} failed"),
        (Some(identifier), None) => format!("the authorization of {identifier} failed"),
        (None, _) => format!("the CA refused {}", refusal.operation),
    }
}

fn causes(error: &Error) -> Vec<String> {
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
    let status = problem.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    output.error_line(format_args!("  type: {kind}{status}"));
    if let Some(detail) = problem.detail.as_ref().or(problem.title.as_ref()) {
        output.error_line(format_args!("  detail: {}", printable(detail)));
    }
    for subproblem in &problem.subproblems {
        output.error_line(format_args!("  name: {}", printable(&subproblem.to_string())));
    }
    if let Some(instance) = &problem.instance {
        output.error_line(format_args!("  page: {}", printable(instance)));
    }
}

/// A CA's text without what could steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn event(certificate: Option<&CertificateName>, error: &Error, advice: &[Advice]) -> Value {
    let advice: Vec<&String> = advice
        .iter()
        .map(|advice| match advice {
            Advice::Text(text) | Advice::Paste(text) => text,
        })
        .collect();
    let mut event = json!({
        "outcome": outcome(error),
        "fault": error.fault().word(),
        "message": headline(error),
        "causes": causes(error),
        "next": advice,
    });
    let mut add = |member: &str, value: Value| {
        if let Value::Object(members) = &mut event {
            members.insert(member.to_owned(), value);
        }
    };
    if let Some(name) = certificate {
        add("certificate", json!(name));
    }
    if let Some(refusal) = error.refusal() {
        add("problem", json!(refusal.problem));
        add("help", json!(refusal.help));
        if let Some(time) = refusal.retry_after {
            add("retry_after_seconds", json!(time.as_secs()));
        }
        let others: Vec<&Problem> = refusal.others.iter().map(|other| &other.problem).collect();
        if !others.is_empty() {
            add("other_problems", json!(others));
        }
    }
    event
}

fn outcome(error: &Error) -> &'static str {
    match error {
        Error::Interrupted => "interrupted",
        _ if error.is_temporary() => "temporary",
        Error::Acme(_)
        | Error::Ca(_)
        | Error::Challenge(_)
        | Error::DevCa(_)
        | Error::File { .. }
        | Error::Hook(_)
        | Error::Key(_)
        | Error::Lineage(_)
        | Error::Name(_)
        | Error::Random
        | Error::Setting(_)
        | Error::Signals(_)
        | Error::Store(_) => "failed",
    }
}
