//! A quick look at names before a CA is asked for a first certificate of them.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use acme_solver::check::{Fault, Finding};
use acme_solver::{RecordKind, ResolveError};
use acme_store::Settings;

use crate::ca::{self, Kind, NamePolicy};
use crate::commands::CommandError;
use crate::context::Context;
use crate::error::Error;
use crate::examination;

/// Refuses what the CA will refuse whatever it sees of the network, and warns of what it may refuse. A CA
/// that is not for the public may see another DNS than this machine, and is asked all the same.
///
/// Nothing is looked at for the test CA, which takes every name for this machine, nor where no resolver
/// answers; what takes longer than [`TIME_LIMIT`] is for the CA to find.
pub(crate) fn look(context: &Context, settings: &Settings) -> Result<(), Error> {
    if ca::kind(&settings.ca) == Kind::Dev {
        return Ok(());
    }
    let Some(findings) = findings_in_time(context, settings) else { return Ok(()) };
    let is_public = matches!(ca::policy(&settings.ca), NamePolicy::Public { .. });
    let (certain, others): (Vec<Finding>, Vec<Finding>) = findings
        .into_iter()
        .partition(|Finding { fault, .. }| fault.is_certain() && (is_public || *fault == Fault::Method));
    for finding in others.iter().filter(|finding| is_worth_a_word(finding.fault)) {
        let (fault, seen) = (finding.fault, &finding.seen);
        context.output.warn(format_args!("seen from here, {seen}: {}", fault.reason()));
        context.output.progress(format_args!("  next: {}", finding.remedy));
    }
    if certain.is_empty() {
        return Ok(());
    }
    let findings = certain.into_iter().take(MAX_FINDINGS).collect();
    Err(CommandError::WouldRefuse { ca: ca::title(&settings.ca), findings }.into())
}

/// That nobody answers here says nothing of what the CA will find.
fn is_worth_a_word(fault: Fault) -> bool {
    fault != Fault::ResolverSilent
}

fn findings_in_time(context: &Context, settings: &Settings) -> Option<Vec<Finding>> {
    let resolver = context.settings.resolver.clone().time_limit(TRY_LIMIT);
    let examination = examination::prepare(context, settings, None, resolver.clone()).quick();
    let names: Vec<_> = settings
        .names
        .iter()
        .map(|name| (name.clone(), examination::challenge_type(examination::method(settings, name))))
        .collect();
    let first = settings.names.first()?.base().to_string();
    let (sender, found) = mpsc::channel();
    // A thread that a resolver holds up is left behind; it ends with its last question.
    let work = move || {
        let answered = resolver.look_up(&first, RecordKind::A);
        if let Err(error @ (ResolveError::Silent { .. } | ResolveError::NoResolver)) = answered {
            tracing::debug!(%error, "the names are not looked at before the CA is asked");
            return;
        }
        // Whoever waited may have gone on.
        let _ = sender.send(examination.examine_all(&names));
    };
    thread::Builder::new().name("precheck".to_owned()).spawn(work).ok()?;
    match found.recv_timeout(TIME_LIMIT) {
        Ok(found) => Some(found.into_iter().flatten().collect()),
        Err(error) => {
            tracing::debug!(%error, "nothing was found in time");
            None
        }
    }
}

/// How long it may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long a resolver may take for an answer.
const TRY_LIMIT: Duration = Duration::from_secs(1);
/// Findings that are shown: one screen is what somebody reads.
const MAX_FINDINGS: usize = 5;
