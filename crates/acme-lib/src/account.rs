//! An account at a CA: what both halves of the library work with.

use std::fmt;
use std::sync::Arc;

use acme_keys::{AccountKey, Certificate, CertificateInfo, IssueRequest};
use acme_proto::{
    Authorization, Chain, Chains, DeactivateAccount, DirectoryUrl, Flow, Identifier, Intent, ListOrders,
    Misuse, Operation, Order, OrderList, PreAuthorize, PreAuthorized, RenewalInfo, Revoke, Session, Solver,
};

use crate::api::ApiAccount;
use crate::driver::{Driver, Hands};
use crate::error::Result;
use crate::issue::Issuance;
use crate::order::NewOrder;
use crate::persist::{MemoryPersist, Persist, PersistKey, PersistKind};

mod builder;
mod flows;
mod key_place;

pub use acme_proto::RevocationReason;
pub use builder::AccountBuilder;
pub(crate) use key_place::{ChangingKey, KeptKey, open};

/// An account at a CA. Clones share its connections and nonces.
pub struct Account<P: Persist = MemoryPersist> {
    pub(crate) parts: Arc<AccountParts<P>>,
}

/// What an account consists of.
pub(crate) struct AccountParts<P> {
    pub(crate) api_account: ApiAccount,
    pub(crate) driver: Driver,
    pub(crate) key: ChangingKey<P>,
    /// Where certificates are kept, if anybody asked for it.
    pub(crate) persist: Option<P>,
    pub(crate) realm: String,
}

impl Account<MemoryPersist> {
    /// Begins to open an account; see the example on the [crate's page](crate).
    pub fn builder(url: DirectoryUrl<'_>) -> AccountBuilder {
        AccountBuilder::new(url)
    }
}

impl<P: Persist> Account<P> {
    pub(crate) fn new(parts: AccountParts<P>) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Obtains a certificate: orders it, proves control of its names, and downloads it.
    ///
    /// Nothing of it survives the process but the certificate that is returned; with
    /// [`issuance`](Self::issuance) and a [`Journal`](crate::Journal) everything does.
    ///
    /// # Errors
    /// [`Error::Acme`](crate::Error::Acme), whose inside says whose fault it is. What was put in place was taken away.
    pub fn issue(&self, request: &IssueRequest, solver: &mut dyn Solver) -> Result<Certificate> {
        Ok(self.issuance(request).run(solver)?.certificate)
    }

    /// Prepares [`issue`](Self::issue) with a journal, an observer or an interrupt.
    pub fn issuance<'a>(&'a self, request: &'a IssueRequest) -> Issuance<'a, P> {
        Issuance::new(self, request)
    }

    /// Orders a certificate, step by step: the primary name and some more.
    ///
    /// # Errors
    /// When a name can't be certified, or when the CA refuses the order.
    pub fn new_order(&self, primary_name: &str, alt_names: &[&str]) -> Result<NewOrder<P>> {
        let names = std::iter::once(&primary_name).chain(alt_names).map(|name| (*name).to_string());
        let identifiers = IssueRequest::new(names).identifiers().map_err(acme_proto::Error::from)?;
        let intent = Intent::new(identifiers, Vec::new(), None);
        let order = self.parts.driver.call(Order::create(&intent))?;
        Ok(NewOrder::new(&self.parts, order, primary_name, intent.identifiers))
    }

    /// Finds a certificate that was downloaded and kept, by its primary name. Asks no CA. An account
    /// without a [`Persist`] keeps none.
    ///
    /// # Errors
    /// When what is kept can't be read.
    pub fn certificate(&self, primary_name: &str) -> Result<Option<Certificate>> {
        let private_key = self.kept(PersistKind::PrivateKey, primary_name)?;
        let certificate = self.kept(PersistKind::Certificate, primary_name)?;
        match (private_key, certificate) {
            (Some(key), Some(certificate)) => Ok(Some(Certificate::from_pem(key, certificate)?)),
            (Some(_), None) | (None, _) => Ok(None),
        }
    }

    /// Downloads all chains that the CA has for the certificate of an order, its first one first.
    /// [`Certificate::new`] puts one of them together with the key.
    ///
    /// # Errors
    /// When the order has no certificate, or when one of the chains can't be had.
    pub fn chains(&self, order_url: &str) -> Result<Vec<Chain>> {
        Ok(self.parts.driver.call(Chains::of_order(order_url))?)
    }

    /// When the CA wants a certificate to be renewed; `None` where it does not say: that of the
    /// certificate itself, [`Certificate::renew_after`], is to be used then.
    ///
    /// Draw one moment from the window with [`RenewalInfo::moment`] and keep it. After an error,
    /// [`RenewalInfo::wait_after`] says when to ask again.
    ///
    /// ```no_run
    /// # use acme_lib::{Account, Certificate, Result};
    /// # fn when(account: &Account, certificate: &Certificate, seed: u64) -> Result<jiff::Timestamp> {
    /// let kept = None; // what was drawn before
    /// let due = match account.renewal(certificate)? {
    ///     Some(info) => info.moment(kept, seed).at,
    ///     None => certificate.renew_after(),
    /// };
    /// # Ok(due)
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the CA can't be asked, or when its answer makes no sense.
    pub fn renewal(&self, certificate: &impl AsRef<CertificateInfo>) -> Result<Option<RenewalInfo>> {
        let Some(id) = certificate.as_ref().certificate_id() else { return Ok(None) };
        match self.parts.driver.call(RenewalInfo::read(&id)) {
            Ok(info) => Ok(Some(info)),
            Err(acme_proto::Error::Misuse(Misuse::NotOffered(Operation::RenewalInfo))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Revokes a certificate. That it was revoked before is no error.
    ///
    /// What is kept stays as it is.
    ///
    /// # Errors
    /// When the CA refuses; Let's Encrypt takes the reasons 0, 1, 4 and 5 only.
    pub fn revoke_certificate(&self, certificate: &Certificate, reason: RevocationReason) -> Result<()> {
        Ok(self.parts.driver.call(Revoke::by_account(&certificate.certificate_der(), reason))?)
    }

    /// Revokes a certificate of which only the PEM text is at hand.
    ///
    /// # Errors
    /// When the text has no certificate, or when the CA refuses.
    pub fn revoke_pem(&self, certificate_pem: &str, reason: RevocationReason) -> Result<()> {
        let chain = acme_keys::certificates_from_pem(certificate_pem)?;
        let leaf = chain.first().map(AsRef::as_ref).unwrap_or_default();
        Ok(self.parts.driver.call(Revoke::by_account(leaf, reason))?)
    }

    /// The account's private key, PKCS#8 PEM; empty where the key is not in this process.
    #[must_use]
    pub fn acme_private_key_pem(&self) -> String {
        self.parts.key.current().map(|key| key.to_pem().expose().to_string()).unwrap_or_default()
    }

    /// The account's URL: what the CA knows it by, and what a CAA record's `accounturi` names.
    #[must_use]
    pub fn url(&self) -> String {
        self.parts.driver.with_session(|session| session.account_url().unwrap_or_default().to_string())
    }

    /// Reads the account as the CA has it.
    ///
    /// # Errors
    /// When the CA refuses: the account was deactivated, for example.
    pub fn read(&self) -> Result<acme_proto::Account> {
        Ok(self.parts.driver.call(acme_proto::Account::read())?)
    }

    /// Replaces the contacts, as URLs such as `mailto:admin@example.com`.
    ///
    /// # Errors
    /// [`Misuse::Contact`](acme_proto::Misuse::Contact) before anything is sent, for one that no CA
    /// may take; when the CA refuses.
    pub fn update_contact(&self, contact: &[String]) -> Result<acme_proto::Account> {
        Ok(self.parts.driver.call(acme_proto::Account::update_contact(contact)?)?)
    }

    /// Proves control of a name ahead of an order: an order for it needs no challenge for as long as
    /// the authorization is valid.
    ///
    /// # Errors
    /// [`Misuse`](acme_proto::Misuse) before anything is sent: `NotOffered` by a CA without
    /// pre-authorization (no public one has it), `WildcardPreAuthorization`, `Identifier`. Else as
    /// [`issue`](Self::issue). What was put in place was taken away.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.1>
    pub fn pre_authorize(&self, name: &str, solver: &mut dyn Solver) -> Result<PreAuthorized> {
        let identifier: Identifier = name.parse().map_err(|source| {
            acme_proto::Error::from(Misuse::Identifier { name: name.to_string(), source })
        })?;
        let choices = solver.challenge_types(&identifier);
        let flow = PreAuthorize::new(identifier, choices)?;
        let hands = Hands { solver: Some(solver), ..Hands::default() };
        Ok(self.parts.driver.run(flow, hands)?)
    }

    /// Reads an authorization, by the URL that an order or
    /// [`pre_authorize`](Self::pre_authorize) named.
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5>
    pub fn authorization(&self, url: &str) -> Result<Authorization> {
        self.call(Authorization::read(url))
    }

    /// Gives an authorization up: the next order for its name has to prove control anew.
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5.2>
    pub fn deactivate_authorization(&self, url: &str) -> Result<Authorization> {
        self.call(Authorization::deactivate(url))
    }

    /// Lists the account's orders, all pages of them; `None` where the CA has no list, as Let's
    /// Encrypt has none. Read one with [`Order::read`](acme_proto::Order::read).
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2.1>
    pub fn orders(&self) -> Result<Option<OrderList>> {
        self.call(ListOrders::new())
    }

    /// Carries out any flow that only talks to the CA, such as
    /// [`Order::read`](acme_proto::Order::read).
    ///
    /// # Errors
    /// As the flow says.
    pub fn call<F: Flow<Context = Session>>(&self, flow: F) -> Result<F::Output> {
        Ok(self.parts.driver.call(flow)?)
    }

    /// Gives the account another key, such as
    /// [`AccountKey::generate`](acme_keys::AccountKey::generate) makes; requests of other threads go
    /// on meanwhile.
    ///
    /// Where the account's key is in a file or in a [`Persist`], the new key stands beside it before
    /// the CA hears of it, and takes its place afterwards: killed at any instant, the account can be
    /// opened again. Where the caller keeps the key, the new one has to be durable before this call,
    /// and the old one has to stay until it has ended with success; see
    /// [`AccountBuilder::pending_key`]. A store that several processes use is for one change at a time.
    ///
    /// # Errors
    /// [`KeyInUse`](acme_proto::Error::KeyInUse) when another account has the key,
    /// [`KeyUnsettled`](acme_proto::Error::KeyUnsettled) when it is not known whether the key was
    /// changed: open the account again. [`Error::KeyFile`](crate::Error::KeyFile) when the new key
    /// can't be kept, or when another change was begun and is not settled. When the CA refuses, and
    /// then the old key stays.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5>
    pub fn change_key(&self, new_key: AccountKey) -> Result<()> {
        self.parts.key.change(&self.parts.driver, new_key)
    }

    /// Ends the account, for good: it can't be used any more, and no CA brings it back. Its
    /// certificates stay valid.
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.6>
    pub fn deactivate(&self) -> Result<()> {
        Ok(self.parts.driver.call(DeactivateAccount::new())?)
    }

    /// The account as JSON members, for debugging.
    #[must_use]
    pub fn api_account(&self) -> &ApiAccount {
        &self.parts.api_account
    }

    fn kept(&self, kind: PersistKind, primary_name: &str) -> Result<Option<String>> {
        let entry = PersistKey::new(&self.parts.realm, kind, primary_name);
        let value = match &self.parts.persist {
            Some(persist) => persist.get(&entry)?,
            None => None,
        };
        Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl<P: Persist> AccountParts<P> {
    /// Keeps a certificate with its key where there is a place to keep it, the key first. Where the chain can't be kept the old key
    /// is put back: it is the one that the old chain is for.
    pub(crate) fn keep(&self, primary_name: &str, certificate: &Certificate) -> Result<()> {
        let key = PersistKey::new(&self.realm, PersistKind::PrivateKey, primary_name);
        let Some(persist) = &self.persist else { return Ok(()) };
        let old_key = persist.get(&key).ok().flatten();
        persist.put(&key, certificate.private_key().as_bytes())?;
        let chain = PersistKey::new(&self.realm, PersistKind::Certificate, primary_name);
        let kept = persist.put(&chain, certificate.certificate().as_bytes());
        if let (Err(_), Some(old_key)) = (&kept, old_key) {
            // The first error is the one to tell.
            drop(persist.put(&key, &old_key));
        }
        kept
    }
}

impl<P: Persist> Clone for Account<P> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<P: Persist> fmt::Debug for Account<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("url", &self.url()).finish_non_exhaustive()
    }
}
