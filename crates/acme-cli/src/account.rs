//! The account at a CA: found, or registered with a key that is stored before the CA hears of it.

use std::time::{Duration, Instant};

use acme_keys::AccountKey;
use acme_lib::{AccountBuilder, DirectoryUrl};
use acme_proto::Algorithm;
use acme_store::{Account as StoredAccount, Lock, Store};

use crate::context::{Context, ReachedCa};
use crate::error::Error;
use crate::settings::Registration;

/// An account that is open.
pub(crate) type Account = acme_lib::Account;

/// Opens the account with a label at a CA, and registers it if there is none.
pub(crate) fn open(
    context: &Context,
    store: &Store,
    ca: &ReachedCa,
    label: &str,
    registration: &Registration,
) -> Result<Account, Error> {
    if let Some(stored) = store.account(&ca.key, label)?
        && let Some(url) = known_url(ca, &stored)
    {
        let account = builder(ca).key(key_of(&stored)?).known_url(url).open()?;
        update_contact(context, store, &account, &stored, registration)?;
        return Ok(account);
    }
    let _lock = lock(context, store)?;
    register(context, store, ca, label, registration)
}

/// Opens an account anew of which the CA has said that it does not know its URL.
pub(crate) fn reopen(
    context: &Context,
    store: &Store,
    ca: &ReachedCa,
    label: &str,
    registration: &Registration,
) -> Result<Account, Error> {
    store.update_account(&ca.key, label, |account| account.url = None)?;
    open(context, store, ca, label, registration)
}

/// Registers an account of which nothing is kept.
pub(crate) fn throw_away(ca: &ReachedCa, registration: &Registration) -> Result<Account, Error> {
    let builder = builder(ca).key(AccountKey::generate(Algorithm::Es256)?);
    Ok(with_terms(builder, registration.agree).open()?)
}

/// How a CA is talked to.
pub(crate) fn builder(ca: &ReachedCa) -> AccountBuilder {
    let builder = acme_lib::Account::builder(DirectoryUrl::Other(&ca.directory_url));
    let builder = builder.user_agent(PRODUCT);
    match &ca.root_pem {
        Some(pem) => builder.root_pem(pem.clone()),
        None => builder,
    }
}

/// The key of a stored account.
pub(crate) fn key_of(stored: &StoredAccount) -> Result<AccountKey, Error> {
    Ok(AccountKey::from_pem(stored.key_pem.expose())?)
}

fn register(
    context: &Context,
    store: &Store,
    ca: &ReachedCa,
    label: &str,
    registration: &Registration,
) -> Result<Account, Error> {
    let now = context.now();
    let stored = match store.account(&ca.key, label)? {
        Some(stored) => stored,
        None => {
            let key = AccountKey::generate(Algorithm::Es256)?;
            let mut account = StoredAccount::new(&ca.key, label, key.to_pem(), now);
            account.contacts = registration.contact.clone().unwrap_or_default();
            account.root_pem = ca.root_pem.clone().filter(|_| ca.dev.is_none());
            store.create_account(&account)?
        }
    };
    let agree = registration.agree || stored.terms_agreed_at.is_some();
    let contact = registration.contact.clone().unwrap_or_else(|| stored.contacts.clone());
    let builder = builder(ca).key(key_of(&stored)?).contact(contact.clone());
    let account = with_terms(builder, agree).open()?;
    let url = account.url();
    store.update_account(&ca.key, label, |stored| {
        stored.url = Some(url.clone());
        stored.contacts = contact;
        if agree {
            stored.terms_agreed_at.get_or_insert(now);
        }
    })?;
    context.output.progress(format_args!("account: {url}"));
    tracing::info!(%url, "account opened");
    Ok(account)
}

fn with_terms(builder: AccountBuilder, agree: bool) -> AccountBuilder {
    if agree { builder.agree_to_terms() } else { builder }
}

/// The URL that an account is known to have. The test CA's may be of another port by now.
fn known_url<'a>(ca: &ReachedCa, stored: &'a StoredAccount) -> Option<&'a str> {
    let origin = ca.directory_url.strip_suffix("/directory").unwrap_or(&ca.directory_url);
    stored.url.as_deref().filter(|url| ca.dev.is_none() || url.starts_with(origin))
}

fn update_contact(
    context: &Context,
    store: &Store,
    account: &Account,
    stored: &StoredAccount,
    registration: &Registration,
) -> Result<(), Error> {
    let Some(contact) = registration.contact.as_ref().filter(|contact| **contact != stored.contacts) else {
        return Ok(());
    };
    account.update_contact(contact)?;
    let (url, label) = (&stored.directory_url, &stored.label);
    store.update_account(url, label, |stored| stored.contacts.clone_from(contact))?;
    context.output.progress(format_args!("account: its contact is {} now", contact.join(", ")));
    Ok(())
}

/// Waits a while for another process that registers an account.
fn lock(context: &Context, store: &Store) -> Result<Lock, Error> {
    let started = Instant::now();
    loop {
        match store.lock_store() {
            Err(error @ acme_store::Error::Locked { .. }) if started.elapsed() > LOCK_WAIT => {
                return Err(error.into());
            }
            Err(acme_store::Error::Locked { .. }) => context.signals.wait(LOCK_POLL)?,
            result => return Ok(result?),
        }
    }
}

/// What this program is called in requests.
pub(crate) const PRODUCT: &str = concat!("acmectl/", env!("CARGO_PKG_VERSION"));

const LOCK_WAIT: Duration = Duration::from_secs(60);
const LOCK_POLL: Duration = Duration::from_millis(20);
