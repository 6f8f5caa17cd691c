//! `account export`: the private key of an account.

use std::io::{self, IsTerminal as _};

use serde_json::json;

use super::{ca_word, choose};
use crate::args::ExportArgs;
use crate::commands::{CommandError, file};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let stored = choose(&store, &args.choice)?;
    let pem = stored.key_pem.expose();
    let mut members = json!({
        "ca": ca_word(&stored),
        "label": stored.label,
        "url": stored.url,
        "outcome": "exported",
    });
    match &args.out {
        Some(path) => {
            file::create(path, pem.as_bytes(), 0o600)?;
            members["file"] = json!(path);
            context
                .output
                .progress(format_args!("the key is in {}; whoever has it has the account", path.display()));
        }
        None if io::stdout().is_terminal() => return Err(CommandError::Terminal.into()),
        None => {
            members["key_pem"] = json!(pem);
            if !context.output.is_json() {
                context.output.document(pem)?;
            }
        }
    }
    context.output.event("account", members);
    Ok(Status::Done)
}
