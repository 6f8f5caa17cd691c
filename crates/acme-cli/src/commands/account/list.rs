//! `account list`: the accounts at CAs.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;

use super::{ca_word, reachable};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;

pub(super) fn run(context: &Context) -> Result<Status, Error> {
    let accounts = context.existing_store()?.accounts()?;
    if accounts.is_empty() {
        context.output.progress("there are no accounts yet");
        context.output.progress("  next: acmectl account register");
        return Ok(Status::Done);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["CA", "LABEL", "CONTACT", "ACCOUNT"]);
    for account in &accounts {
        context.output.event(
            "account",
            json!({
                "ca": ca_word(account),
                "label": account.label,
                "outcome": if account.url.is_some() { "registered" } else { "unfinished" },
                "url": account.url,
                "contacts": account.contacts,
                "created": moment::for_programs(account.created),
            }),
        );
        let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        table.add_row([
            ca_word(account),
            or_none(account.label.clone()),
            or_none(account.contacts.iter().map(|contact| reachable(contact)).collect::<Vec<_>>().join(" ")),
            account.url.clone().unwrap_or_else(|| "not registered yet".to_owned()),
        ]);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    for line in table.to_string().lines() {
        context.output.result(line.trim_end());
    }
    Ok(Status::Done)
}
