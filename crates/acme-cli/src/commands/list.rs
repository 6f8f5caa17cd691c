//! `list`: what there is, and when it renews.

use std::io;

use acme_proto::Identifier;
use acme_store::{CertificateRecord, Store, Timestamp};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::args::ListArgs;
use crate::ari;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;
use crate::standing::{self, Standing};

// Without a store there is no list: an empty one would hide that --dir, or the user, is the wrong one.
pub(crate) fn run(context: &Context, args: &ListArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let now = context.now();
    let listing = store.certificates()?;
    for error in &listing.damaged {
        context.output.warn(error);
    }
    let mut rows = Vec::with_capacity(listing.records.len());
    for record in listing.records {
        let standing = Standing::of(&store, &record, now);
        if !args.failing || standing.is_failing() {
            let attempts = store.attempts(&record.name)?;
            let failing_since = standing::failing_since(&attempts);
            rows.push(Row { record, standing, failing_since, now });
        }
    }
    for row in &rows {
        context.output.event("certificate", row.members(&store));
    }
    if rows.is_empty() {
        tell_none(context, args);
    } else {
        for line in table(&rows, width()).lines() {
            context.output.result(line.trim_end());
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

/// A certificate, as the list has it.
pub(super) struct Row {
    pub(super) record: CertificateRecord,
    pub(super) standing: Standing,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl Row {
    /// What programs get to see.
    pub(super) fn members(&self, store: &Store) -> Value {
        let (record, current) = (&self.record, self.record.current.as_ref());
        let names: Vec<String> = record.settings.names.iter().map(ToString::to_string).collect();
        let ca = &record.settings.ca;
        let (window, explanation_url) = ari::members(record);
        json!({
            "certificate": record.name,
            "outcome": self.standing.word(),
            "names": names,
            "ca": ca.name.as_ref().unwrap_or(&ca.directory_url),
            "directory": current.map(|_| store.current_directory(&record.name)),
            "serial": current.map(|current| &current.serial),
            "not_before": current.map(|current| moment::for_programs(current.not_before)),
            "not_after": current.map(|current| moment::for_programs(current.not_after)),
            "due": record.due.map(moment::for_programs),
            "renewal_window": window,
            "explanation_url": explanation_url,
            "revoked_at": record.revocation.map(|revocation| moment::for_programs(revocation.at)),
            "failures": record.failures,
            "failing_since": self.failing_since.map(moment::for_programs),
            "next_attempt_at": record.next_attempt_at.map(moment::for_programs),
            "hooks_pending": record.pending_hooks.len(),
        })
    }

    fn cells(&self, shown_names: usize, has_since: bool) -> [String; 6] {
        let expires = self.record.current.as_ref().map(|current| current.not_after);
        [
            self.record.name.to_string(),
            self.standing.words(self.failing_since.filter(|_| has_since)),
            expires.map_or_else(|| "-".to_owned(), |at| day(at, self.now)),
            self.renews(),
            ca(&self.record),
            names(&self.record.settings.names, shown_names),
        ]
    }

    fn renews(&self) -> String {
        let next = self.record.next_attempt_at.or(self.record.due).filter(|next| *next > self.now);
        match (self.standing, next) {
            (Standing::Retired, _) => "never".to_owned(),
            (_, Some(next)) => moment::distance(next, self.now),
            (_, None) => "now".to_owned(),
        }
    }
}

/// The table, with as many names as there is room for.
fn table(rows: &[Row], width: Option<usize>) -> String {
    let fits = |text: &String| {
        width.is_none_or(|width| text.lines().all(|line| line.trim_end().chars().count() <= width))
    };
    let narrowest = || table_of(rows, 0, false);
    let mut tables = (0..=MAX_SHOWN_NAMES).rev().map(|shown| table_of(rows, shown, true));
    tables.find(fits).unwrap_or_else(narrowest)
}

fn table_of(rows: &[Row], shown_names: usize, has_since: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["CERTIFICATE", "STATE", "EXPIRES", "RENEWS", "CA", "NAMES"]);
    for row in rows {
        table.add_row(row.cells(shown_names, has_since));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.to_string()
}

/// `2026-12-24 (in 29 days)`.
fn day(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", at.strftime("%Y-%m-%d"), moment::distance(at, now))
}

/// The CA's name, or its host.
fn ca(record: &CertificateRecord) -> String {
    let ca = &record.settings.ca;
    let after_scheme = ca.directory_url.split_once("://").map_or(ca.directory_url.as_str(), |(_, rest)| rest);
    let host = after_scheme.split('/').next().unwrap_or_default();
    ca.name.clone().unwrap_or_else(|| host.to_owned())
}

/// The first names and how many more there are; or only how many there are.
fn names(names: &[Identifier], shown: usize) -> String {
    if shown == 0 {
        return names.len().to_string();
    }
    let more = names.len().saturating_sub(shown);
    let mut words: Vec<String> = names.iter().take(shown).map(ToString::to_string).collect();
    if more > 0 {
        words.push(format!("+{more}"));
    }
    words.join(" ")
}

/// How wide the terminal is, or COLUMNS says; a file has room for everything.
fn width() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    columns.or_else(terminal).filter(|width| *width > 0)
}

const MAX_SHOWN_NAMES: usize = 3;
