//! `account update`: tell the CA another contact, or none.

use super::{choose, reach, show};
use crate::account;
use crate::args::UpdateArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::settings::{self, Registration};

pub(super) fn run(context: &Context, args: UpdateArgs) -> Result<Status, Error> {
    let contact = match &args.email {
        Some(email) => settings::contact(email)?,
        None => Vec::new(),
    };
    let store = context.existing_store()?;
    let stored = choose(&store, &args.choice)?;
    let ca = reach(context, &stored)?;
    let account = account::open(context, &store, &ca, &stored.label, &Registration::default())?;
    account.update_contact(&contact)?;
    let stored =
        store.update_account(&stored.directory_url, &stored.label, |stored| stored.contacts = contact)?;
    show::print(context, &stored)?;
    Ok(Status::Done)
}
