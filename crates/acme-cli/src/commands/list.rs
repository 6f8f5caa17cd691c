//! `list`: what there is, and when it renews.

use acme_store::{CertificateRecord, Timestamp};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;

use crate::args::ListArgs;
use crate::ca;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;
use crate::standing::Standing;

pub(crate) fn run(context: &Context, args: &ListArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let now = context.now();
    let listing = store.certificates()?;
    for error in &listing.damaged {
        context.output.warn(error);
    }
    let is_wanted = |record: &&CertificateRecord| !args.failing || Standing::of(record, now).is_failing();
    let records: Vec<&CertificateRecord> = listing.records.iter().filter(is_wanted).collect();
    for record in &records {
        context.output.event("certificate", members(record, now));
    }
    if records.is_empty() {
        tell_none(context, args);
    } else {
        for line in table(&records, now).lines() {
            context.output.result(line.trim());
        }
    }
    Ok(if listing.damaged.is_empty() { Status::Done } else { Status::Failed })
}

fn tell_none(context: &Context, args: &ListArgs) {
    if args.failing {
        context.output.progress("nothing fails");
    } else {
        context.output.progress("there are no certificates yet");
        context.output.progress("  next: acmectl issue DOMAIN...");
    }
}

fn table(records: &[&CertificateRecord], now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["CERTIFICATE", "STATE", "EXPIRES", "RENEWS", "CA", "NAMES"]);
    for record in records {
        let when = |moment: Option<Timestamp>| moment.map_or_else(|| "-".to_owned(), |at| day(at, now));
        table.add_row([
            record.name.to_string(),
            Standing::of(record, now).words().to_owned(),
            when(record.current.as_ref().map(|current| current.not_after)),
            when(record.next_attempt_at.filter(|next| *next > now).or(record.due)),
            record.settings.ca.name.clone().unwrap_or_else(|| ca::title(&record.settings.ca)),
            names(record),
        ]);
    }
    table.to_string()
}

/// `2026-12-24 (in 29 days)`.
fn day(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", at.strftime("%Y-%m-%d"), moment::distance(at, now))
}

/// The first names, and how many more there are.
fn names(record: &CertificateRecord) -> String {
    let names: Vec<String> =
        record.settings.names.iter().take(SHOWN_NAMES).map(ToString::to_string).collect();
    let more = record.settings.names.len() - names.len();
    let more = if more == 0 { String::new() } else { format!(" +{more}") };
    format!("{}{more}", names.join(" "))
}

/// What programs get to see of a certificate in a list.
pub(crate) fn members(record: &CertificateRecord, now: Timestamp) -> serde_json::Value {
    let current = record.current.as_ref();
    let names: Vec<String> = record.settings.names.iter().map(ToString::to_string).collect();
    json!({
        "certificate": record.name,
        "outcome": Standing::of(record, now).word(),
        "names": names,
        "ca": record.settings.ca.name.as_ref().unwrap_or(&record.settings.ca.directory_url),
        "serial": current.map(|current| &current.serial),
        "not_before": current.map(|current| moment::for_programs(current.not_before)),
        "not_after": current.map(|current| moment::for_programs(current.not_after)),
        "due": record.due.map(moment::for_programs),
        "failures": record.failures,
        "next_attempt_at": record.next_attempt_at.map(moment::for_programs),
        "hooks_pending": record.pending_hooks.len(),
    })
}

const SHOWN_NAMES: usize = 3;
