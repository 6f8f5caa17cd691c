//! `account deactivate`: end an account at the CA, for good.

use acme_store::{Account as StoredAccount, CertificateRecord, Store};
use serde_json::json;

use super::{ca_word, option, reach};
use crate::account;
use crate::args::DeactivateArgs;
use crate::ca;
use crate::commands::CommandError;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::settings::Registration;

pub(super) fn run(context: &Context, args: &DeactivateArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let label = args.account.as_deref().unwrap_or_default();
    let url = ca::parse(&args.ca)?.directory_url;
    let missing = || CommandError::NoAccount { ca: Some(args.ca.clone()), label: args.account.clone() };
    let stored = store.account(&url, label)?.ok_or_else(missing)?;
    let orphans = certificates_of(&store, &stored)?;
    if !args.for_good {
        let certificates = orphans.iter().map(|record| record.name.clone()).collect();
        return Err(CommandError::NotForGood { account: option(&stored), certificates }.into());
    }
    let ca = reach(context, &stored)?;
    let account = account::open(context, &store, &ca, label, &Registration::default())?;
    account.deactivate()?;
    store.remove_account(&url, label)?;
    let names: Vec<_> = orphans.iter().map(|record| &record.name).collect();
    context.output.result(format_args!("{}: deactivated", stored.url.as_deref().unwrap_or("the account")));
    context.output.event(
        "account",
        json!({
            "ca": ca_word(&stored),
            "label": stored.label,
            "url": stored.url,
            "outcome": "deactivated",
            "certificates": names,
        }),
    );
    for name in names {
        context.output.warn(format_args!(
            "{name} stays valid and has no account any more; its renewal needs a new one:"
        ));
        context.output.progress(format_args!("      acmectl account register {}", option(&stored)));
    }
    Ok(Status::Done)
}

/// The certificates that are renewed with an account.
fn certificates_of(store: &Store, account: &StoredAccount) -> Result<Vec<CertificateRecord>, Error> {
    let mut records = store.certificates()?.records;
    records.retain(|record| {
        let settings = &record.settings;
        settings.ca.directory_url == account.directory_url && settings.account == account.label
    });
    Ok(records)
}
