//! The last attempts to obtain a certificate: when, what happened, and whose fault it was.

use acme_proto::Problem;
use acme_store::{Attempt, Outcome, Timestamp};
use serde_json::{Value, json};

use crate::commands::sheet::Sheet;
use crate::error::Fault;
use crate::moment;
use crate::report;

/// Adds the last of them, the newest first.
pub(super) fn add(sheet: &mut Sheet, attempts: &[Attempt], now: Timestamp) {
    for (index, attempt) in attempts.iter().take(SHOWN).enumerate() {
        let how = match attempt.outcome {
            Outcome::Succeeded => "obtained".to_owned(),
            Outcome::Temporary => format!("failed at the step {}, perhaps only for now", attempt.step),
            Outcome::Failed | _ => format!("failed at the step {}", attempt.step),
        };
        let line = format!("{}: {how}", moment::for_people(attempt.at, now));
        if index == 0 {
            sheet.add("attempts", line);
        } else {
            sheet.go_on(line);
        }
        add_failure(sheet, attempt);
    }
    if attempts.len() > SHOWN {
        sheet.go_on(format!("and {} earlier ones", attempts.len() - SHOWN));
    }
}

fn add_failure(sheet: &mut Sheet, attempt: &Attempt) {
    for (index, error) in attempt.errors.iter().enumerate() {
        let label = if index == 0 { "" } else { "because: " };
        sheet.go_on(format!("  {label}{error}"));
    }
    for problem in attempt.problem.iter().chain(&attempt.other_problems) {
        add_problem(sheet, problem);
    }
    for help in &attempt.help {
        sheet.go_on(format!("  help: {help}"));
    }
    if let Some(time) = attempt.retry_after {
        sheet.go_on(format!("  retry: the CA asks for {}", moment::span(time.as_secs())));
    }
    if let Some(fault) = attempt.fault.as_deref().and_then(Fault::from_word) {
        sheet.go_on(format!("  fault: {}", fault.sentence()));
    }
}

fn add_problem(sheet: &mut Sheet, problem: &Problem) {
    let status = problem.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    sheet.go_on(format!("  type: {}{status}", String::from(problem.kind.clone())));
    if let Some(detail) = problem.detail.as_ref().or(problem.title.as_ref()) {
        sheet.go_on(format!("  detail: {detail}"));
    }
    for subproblem in &problem.subproblems {
        sheet.go_on(format!("  name: {subproblem}"));
    }
    if let Some(instance) = &problem.instance {
        sheet.go_on(format!("  page: {instance}"));
    }
}

/// What programs get to see.
pub(super) fn members(attempt: &Attempt) -> Value {
    json!({
        "at": moment::for_programs(attempt.at),
        "step": attempt.step,
        "outcome": attempt.outcome,
        "fault": attempt.fault,
        "errors": attempt.errors,
        "problem": attempt.problem.as_ref().map(report::document),
        "other_problems": attempt.other_problems.iter().map(report::document).collect::<Vec<_>>(),
        "identifier": attempt.identifier,
        "help": attempt.help,
        "retry_after_seconds": attempt.retry_after.map(|time| time.as_secs()),
        "next_allowed_at": attempt.next_allowed_at.map(moment::for_programs),
    })
}

const SHOWN: usize = 5;
