//! `account`: the accounts at CAs.

mod deactivate;
mod export;
mod import;
mod jwk;
mod list;
mod register;
mod rollover;
mod show;
mod thumbprint;
mod update;

use acme_store::{Account as StoredAccount, CaSettings, Store};

use super::CommandError;
use crate::args::{AccountChoice, AccountCommand, AccountPlace};
use crate::ca;
use crate::context::{Context, ReachedCa};
use crate::error::Error;
use crate::exit::Status;
use crate::invocation::quoted;
use crate::settings;

pub(crate) fn run(context: &Context, command: AccountCommand) -> Result<Status, Error> {
    match command {
        AccountCommand::List => list::run(context),
        AccountCommand::Show(choice) => show::run(context, &choice),
        AccountCommand::Thumbprint(args) => thumbprint::run(context, &args),
        AccountCommand::Register(args) => register::run(context, args),
        AccountCommand::Update(args) => update::run(context, args),
        AccountCommand::Rollover(choice) => rollover::run(context, &choice),
        AccountCommand::Deactivate(args) => deactivate::run(context, &args),
        AccountCommand::Import(args) => import::run(context, args),
        AccountCommand::Export(args) => export::run(context, &args),
    }
}

/// The CA that an account is to be at.
fn ca_of(place: &AccountPlace) -> Result<CaSettings, Error> {
    let mut ca = ca::parse(place.ca.as_deref().unwrap_or(ca::DEFAULT))?;
    if let Some(path) = &place.ca_root {
        let path = settings::absolute(path)?;
        ca.root_pem = Some(ca::read_root(&path)?);
        ca.root_file = Some(path);
    }
    Ok(ca)
}

/// Gets ready to talk to the CA of an account.
fn reach(context: &Context, account: &StoredAccount) -> Result<ReachedCa, Error> {
    let mut ca = ca::parse(&account.directory_url)?;
    ca.root_pem.clone_from(&account.root_pem);
    context.output.progress(format_args!("asking {}", ca::title(&ca)));
    context.reach(&ca)
}

/// The account that is meant: the only one that fits, or the one without a label among several of
/// one CA.
fn choose(store: &Store, choice: &AccountChoice) -> Result<StoredAccount, Error> {
    let wanted = choice.ca.as_deref().map(ca::parse).transpose()?;
    let mut accounts = store.accounts()?;
    if let Some(ca) = &wanted {
        accounts.retain(|account| account.directory_url == ca.directory_url);
    }
    if let Some(label) = &choice.account {
        accounts.retain(|account| account.label == *label);
    }
    let is_one_ca = accounts
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if one.directory_url == other.directory_url));
    if is_one_ca && accounts.iter().any(|account| account.label.is_empty()) {
        accounts.retain(|account| account.label.is_empty());
    }
    let choices = accounts.iter().map(option).collect();
    match (accounts.pop(), accounts.is_empty()) {
        (Some(account), true) => Ok(account),
        (Some(_), false) => Err(CommandError::SeveralAccounts { choices }.into()),
        (None, _) => {
            Err(CommandError::NoAccount { ca: choice.ca.clone(), label: choice.account.clone() }.into())
        }
    }
}

/// The CA of an account, by its name where it has one.
fn ca_word(account: &StoredAccount) -> String {
    ca::parse(&account.directory_url)
        .ok()
        .and_then(|ca| ca.name)
        .unwrap_or_else(|| account.directory_url.clone())
}

/// How to reach somebody, without the scheme that nearly all have.
fn reachable(contact: &str) -> String {
    contact.strip_prefix("mailto:").unwrap_or(contact).to_owned()
}

/// The options that tell an account from others.
fn option(account: &StoredAccount) -> String {
    let ca = quoted(&ca_word(account));
    if account.label.is_empty() {
        format!("--ca {ca}")
    } else {
        format!("--ca {ca} --account {}", quoted(&account.label))
    }
}
