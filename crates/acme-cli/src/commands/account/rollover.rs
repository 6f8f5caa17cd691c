//! `account rollover`: give an account another key.

use acme_keys::AccountKey;
use acme_proto::Algorithm;
use acme_store::{Account, Settings, Store};

use super::{choose, option, reach, show};
use crate::account;
use crate::args::AccountChoice;
use crate::challenge;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::settings::Registration;

pub(super) fn run(context: &Context, choice: &AccountChoice) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let stored = choose(&store, choice)?;
    let (url, label) = (&stored.directory_url, &stored.label);
    let ca = reach(context, &stored)?;
    // A change that an earlier process began is settled by this.
    let account = account::open(context, &store, &ca, label, &Registration::default())?;
    let _lock = account::lock(context, &store)?;
    let new_key = AccountKey::generate(Algorithm::Es256)?;
    let pem = new_key.to_pem();
    // The CA may know either key from now on; whoever opens the account next asks it.
    store.update_account(url, label, |stored| stored.next_key_pem = Some(pem.clone()))?;
    context.output.progress("asking the CA to take another key");
    let changed = account.change_key(new_key);
    let is_open = changed
        .as_ref()
        .is_err_and(|error| matches!(error.as_acme(), Some(acme_proto::Error::KeyUnsettled(_))));
    let is_changed = changed.is_ok();
    if !is_open {
        store.update_account(url, label, |stored| {
            let next = stored.next_key_pem.take();
            if let Some(next) = next.filter(|_| is_changed) {
                stored.key_pem = next;
            }
        })?;
    }
    changed?;
    let missing = || acme_store::Error::NoSuchAccount { directory_url: url.clone(), label: label.clone() };
    let stored = store.account(url, label)?.ok_or_else(missing)?;
    show::print(context, &stored)?;
    context
        .output
        .progress("the key is another one now; what answers with its thumbprint has to have the new one");
    let answered = answered_with(&store, &stored)?;
    if !answered.is_empty() {
        context.output.warn(format_args!(
            "{} can't be renewed until their web servers answer with the new thumbprint",
            answered.join(", ")
        ));
        context.output.progress(format_args!(
            "  next: acmectl account thumbprint --web-server nginx {}    # or apache, caddy, haproxy",
            option(&stored)
        ));
    }
    Ok(Status::Done)
}

/// The certificates whose names web servers prove that know the account's key.
fn answered_with(store: &Store, account: &Account) -> Result<Vec<String>, Error> {
    let records = store.certificates()?.records.into_iter();
    let is_answered = |settings: &Settings| {
        settings.ca.directory_url == account.directory_url
            && settings.account == account.label
            && challenge::is_stateless(settings)
    };
    Ok(records.filter(|record| is_answered(&record.settings)).map(|record| record.name.to_string()).collect())
}
