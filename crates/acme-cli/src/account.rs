//! The account at a CA: found, or registered with a key that is stored before the CA hears of it.

use std::time::{Duration, Instant};

use acme_keys::AccountKey;
use acme_lib::{AccountBuilder, DirectoryUrl};
use acme_proto::{Algorithm, Misuse, Operation, ProblemKind};
use acme_store::{Account as StoredAccount, CaSettings, Lock, Store};

use crate::binding::ExternalAccount;
use crate::ca::{self, Binding, CaError};
use crate::context::{Context, ReachedCa};
use crate::error::Error;
use crate::settings::Registration;
use crate::zerossl;

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
        if stored.next_key_pem.is_some() {
            let account = settle(context, store, ca, label)?;
            update_contact(context, store, &account, &stored, registration)?;
            return Ok(account);
        }
        let account = builder(ca).key(key_of(&stored)?).known_url(url).open()?;
        update_contact(context, store, &account, &stored, registration)?;
        return Ok(account);
    }
    let _lock = lock(context, store)?;
    register(context, store, ca, label, registration)
}

/// Opens an account whose key was to be changed, and finds out which key is in force.
fn settle(context: &Context, store: &Store, ca: &ReachedCa, label: &str) -> Result<Account, Error> {
    // Another process may be at it.
    let _lock = lock(context, store)?;
    let missing =
        || acme_store::Error::NoSuchAccount { directory_url: ca.key.clone(), label: label.to_owned() };
    let stored = store.account(&ca.key, label)?.ok_or_else(missing)?;
    let mut builder = builder(ca).key(key_of(&stored)?).only_existing();
    if let Some(next) = &stored.next_key_pem {
        builder = builder.pending_key(AccountKey::from_pem(next.expose())?);
    }
    let account = builder.open()?;
    let in_force = AccountKey::from_pem(account.acme_private_key_pem())?.to_pem();
    store.update_account(&ca.key, label, |stored| {
        stored.key_pem = in_force;
        stored.next_key_pem = None;
        stored.url = Some(account.url());
    })?;
    context.output.progress("account: a change of its key that was interrupted is settled");
    Ok(account)
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
pub(crate) fn throw_away(
    context: &Context,
    ca: &ReachedCa,
    registration: &Registration,
) -> Result<Account, Error> {
    let key = AccountKey::generate(Algorithm::Es256)?.to_pem();
    let prepare = || {
        let builder = builder(ca).key(AccountKey::from_pem(key.expose())?);
        Ok(with_terms(builder, registration.agree))
    };
    let contact = registration.contact.as_deref().unwrap_or_default();
    open_or_bind(context, ca, prepare, contact, registration).map(|(account, _)| account)
}

/// Refuses a CA of which it is known that it makes no account without an external one, if there is
/// no account yet and nothing to bind one to.
pub(crate) fn check_binding(
    store: Option<&Store>,
    ca: &CaSettings,
    label: &str,
    registration: &Registration,
) -> Result<(), Error> {
    let Some(known) = ca::known(ca) else { return Ok(()) };
    let is_given = match known.binding {
        Binding::ByEmail(_) => registration.external.is_some() || registration.contact.is_some(),
        Binding::Needed(_) => registration.external.is_some(),
        Binding::NotNeeded => true,
    };
    let is_registered = || match store {
        Some(store) => Ok::<_, Error>(store.account(&ca.directory_url, label)?.is_some()),
        None => Ok(false),
    };
    if is_given || registration.external_api.is_some() || is_registered()? {
        return Ok(());
    }
    Err(CaError::Binding { title: known.title, binding: known.binding }.into())
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
    let prepare = || Ok(with_terms(builder(ca).key(key_of(&stored)?).contact(contact.clone()), agree));
    let (account, external) = open_or_bind(context, ca, prepare, &contact, registration)?;
    let url = account.url();
    store.update_account(&ca.key, label, |stored| {
        stored.url = Some(url.clone());
        stored.contacts = contact;
        stored.external_account = external.or_else(|| stored.external_account.take());
        if agree {
            stored.terms_agreed_at.get_or_insert(now);
        }
    })?;
    context.output.progress(format_args!("account: {url}"));
    tracing::info!(%url, "account opened");
    Ok(account)
}

/// Finds the account, or makes it, bound to an account outside ACME if one was given or is needed.
///
/// Gives the key identifier of that one, too.
fn open_or_bind(
    context: &Context,
    ca: &ReachedCa,
    prepare: impl Fn() -> Result<AccountBuilder, Error>,
    contact: &[String],
    registration: &Registration,
) -> Result<(Account, Option<String>), Error> {
    if let Some(external) = &registration.external {
        return Ok((bind(prepare()?, external)?, Some(external.kid.clone())));
    }
    let error = match prepare()?.open() {
        Ok(account) => return Ok((account, None)),
        Err(error) => error,
    };
    let api = external_api(ca, registration);
    let email = contact.iter().find_map(|contact| contact.strip_prefix("mailto:"));
    // Few are handed out in a day, so that none is asked for before the CA has said that it needs one.
    let (true, Some(api), Some(email)) = (needs_external(&error), api, email) else {
        return Err(error.into());
    };
    let external = zerossl::request(context, api, email, ca)?;
    Ok((bind(prepare()?, &external)?, Some(external.kid)))
}

fn bind(builder: AccountBuilder, external: &ExternalAccount) -> Result<Account, Error> {
    let opened = builder.external_account(&external.kid, external.key()?).open();
    opened.map_err(|error| if is_of_binding(&error) { external.refused(error) } else { error.into() })
}

/// Where external accounts are handed out for an e-mail address.
fn external_api<'a>(ca: &ReachedCa, registration: &'a Registration) -> Option<&'a str> {
    let by_email =
        || matches!(ca::at(&ca.directory_url)?.binding, Binding::ByEmail(_)).then_some(zerossl::API);
    registration.external_api.as_deref().or_else(by_email)
}

/// Tells whether the CA makes no account without an external one.
fn needs_external(error: &acme_lib::Error) -> bool {
    match error.as_acme() {
        Some(acme_proto::Error::Misuse(Misuse::ExternalAccountRequired)) => true,
        Some(acme_proto::Error::Problem(refusal)) => {
            refusal.problem.kind == ProblemKind::ExternalAccountRequired
        }
        Some(_) | None => false,
    }
}

/// Tells whether the CA refused a new account, and nothing says that it was for another reason than
/// what it was to be bound to.
fn is_of_binding(error: &acme_lib::Error) -> bool {
    let refusal = error.as_acme().and_then(acme_proto::Error::refusal);
    refusal.is_some_and(|refusal| {
        refusal.operation == Operation::NewAccount && OF_BINDING.contains(&refusal.problem.kind)
    })
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
pub(crate) fn lock(context: &Context, store: &Store) -> Result<Lock, Error> {
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

/// What CAs say when they do not take an external account.
const OF_BINDING: [ProblemKind; 5] = [
    ProblemKind::BadPublicKey,
    ProblemKind::BadSignatureAlgorithm,
    ProblemKind::ExternalAccountRequired,
    ProblemKind::Malformed,
    ProblemKind::Unauthorized,
];

const LOCK_WAIT: Duration = Duration::from_secs(60);
const LOCK_POLL: Duration = Duration::from_millis(20);
