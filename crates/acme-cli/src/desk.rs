//! The CAs that are reached, and the accounts that are open there, for as long as a run lasts: who
//! asks for many certificates looks each up once.

use std::cell::RefCell;
use std::rc::Rc;

use acme_store::{CaSettings, Store};

use crate::account::{self, Account};
use crate::ca::{self, Kind};
use crate::context::{Context, ReachedCa};
use crate::dev_ca::DevCa;
use crate::error::Error;
use crate::settings::Registration;

/// What is open.
#[derive(Default)]
pub(crate) struct Desk {
    cas: RefCell<Vec<(CaSettings, Rc<ReachedCa>)>>,
    accounts: RefCell<Vec<Opened>>,
}

struct Opened {
    /// What the store calls the CA's directory.
    ca: String,
    /// `None` for an account of which nothing is kept.
    label: Option<String>,
    /// What its contacts were to be.
    contact: Option<Vec<String>>,
    account: Rc<Account>,
}

impl Desk {
    /// The CA of some settings.
    pub(crate) fn ca(&self, context: &Context, ca: &CaSettings) -> Result<Rc<ReachedCa>, Error> {
        self.reach(ca, || context.reach(ca))
    }

    /// The CA for a dry run; of the test CA nothing is kept then.
    pub(crate) fn staging_ca(&self, context: &Context, ca: &CaSettings) -> Result<Rc<ReachedCa>, Error> {
        let is_dev = ca::kind(ca) == Kind::Dev;
        self.reach(ca, || if is_dev { Ok(ReachedCa::dev(DevCa::fresh()?)) } else { context.reach(ca) })
    }

    /// The account with a label, registered if there is none.
    pub(crate) fn account(
        &self,
        context: &Context,
        store: &Store,
        ca: &ReachedCa,
        label: &str,
        registration: &Registration,
    ) -> Result<Rc<Account>, Error> {
        self.open(ca, Some(label), registration, || account::open(context, store, ca, label, registration))
    }

    /// The account with a label, opened anew, since the CA does not know it by its URL.
    pub(crate) fn account_anew(
        &self,
        context: &Context,
        store: &Store,
        ca: &ReachedCa,
        label: &str,
        registration: &Registration,
    ) -> Result<Rc<Account>, Error> {
        self.accounts.borrow_mut().retain(|known| !known.is(ca, Some(label)));
        self.open(ca, Some(label), registration, || account::reopen(context, store, ca, label, registration))
    }

    /// An account of which nothing is kept.
    pub(crate) fn throw_away(
        &self,
        context: &Context,
        ca: &ReachedCa,
        registration: &Registration,
    ) -> Result<Rc<Account>, Error> {
        self.open(ca, None, registration, || account::throw_away(context, ca, registration))
    }

    fn reach(
        &self,
        ca: &CaSettings,
        reach: impl FnOnce() -> Result<ReachedCa, Error>,
    ) -> Result<Rc<ReachedCa>, Error> {
        if let Some((_, reached)) = self.cas.borrow().iter().find(|(known, _)| known == ca) {
            return Ok(Rc::clone(reached));
        }
        let reached = Rc::new(reach()?);
        self.cas.borrow_mut().push((ca.clone(), Rc::clone(&reached)));
        Ok(reached)
    }

    fn open(
        &self,
        ca: &ReachedCa,
        label: Option<&str>,
        registration: &Registration,
        open: impl FnOnce() -> Result<Account, Error>,
    ) -> Result<Rc<Account>, Error> {
        let is_same = |known: &&Opened| known.is(ca, label) && known.contact == registration.contact;
        if let Some(known) = self.accounts.borrow().iter().find(is_same) {
            return Ok(Rc::clone(&known.account));
        }
        let account = Rc::new(open()?);
        self.accounts.borrow_mut().push(Opened {
            ca: ca.key.clone(),
            label: label.map(str::to_owned),
            contact: registration.contact.clone(),
            account: Rc::clone(&account),
        });
        Ok(account)
    }
}

impl Opened {
    fn is(&self, ca: &ReachedCa, label: Option<&str>) -> bool {
        self.ca == ca.key && self.label.as_deref() == label
    }
}
