//! `account import`: take over an account by its key.

use std::fs;
use std::path::Path;

use acme_keys::AccountKey;
use acme_proto::{ProblemKind, SecretText, Signer as _};
use acme_store::Account as StoredAccount;

use super::{ca_of, jwk, show};
use crate::account;
use crate::args::ImportArgs;
use crate::ca;
use crate::commands::CommandError;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

pub(super) fn run(context: &Context, args: ImportArgs) -> Result<Status, Error> {
    let settings = ca_of(&args.place)?;
    let label = args.place.account.unwrap_or_default();
    let key = read_key(&args.key_file)?;
    let title = ca::title(&settings);
    let word = settings.name.clone().unwrap_or_else(|| settings.directory_url.clone());
    let store = context.store()?;
    let ca = context.reach(&settings)?;
    if let Some(stored) = store.account(&ca.key, &label)?
        && account::key_of(&stored)?.jwk() != key.jwk()
    {
        return Err(CommandError::AccountTaken { ca: word, label }.into());
    }
    context.output.progress(format_args!("asking {title} for the account of the key"));
    let pem = key.to_pem();
    let opened = account::builder(&ca).key(key).only_existing().open();
    let account = opened.map_err(|error| match error.as_acme().and_then(acme_proto::Error::refusal) {
        Some(refusal) if refusal.problem.kind == ProblemKind::AccountDoesNotExist => {
            CommandError::AccountUnknown { ca: word.clone() }.into()
        }
        Some(_) | None => Error::from(error),
    })?;
    let contacts = account.read()?.contact;
    let mut imported = StoredAccount::new(&ca.key, &label, pem, context.now());
    imported.root_pem = ca.root_pem.clone().filter(|_| ca.dev.is_none());
    store.create_account(&imported)?;
    let stored = store.update_account(&ca.key, &label, |stored| {
        stored.url = Some(account.url());
        stored.contacts = contacts;
    })?;
    show::print(context, &stored)?;
    Ok(Status::Done)
}

fn read_key(path: &Path) -> Result<AccountKey, Error> {
    let failed = |source| Error::File { path: path.to_path_buf(), source };
    let text = SecretText::new(fs::read_to_string(path).map_err(failed)?);
    if text.expose().trim_start().starts_with('{') {
        let key = jwk::read(text.expose());
        return key.map_err(|source| CommandError::Jwk { path: path.to_path_buf(), source }.into());
    }
    AccountKey::from_pem(text.expose())
        .map_err(|source| CommandError::KeyFile { path: path.to_path_buf(), source }.into())
}
