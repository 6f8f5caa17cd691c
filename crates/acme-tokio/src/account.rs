//! An account at a CA.

use std::fmt;
use std::sync::Arc;

use acme_http::AsyncTransport;
use acme_keys::{AccountKey, Certificate, CertificateInfo, IssueRequest};
use acme_proto::{
    AsyncSolver, Authorization, Chain, Chains, DeactivateAccount, DirectoryUrl, Flow, Identifier, ListOrders,
    Misuse, Operation, OrderList, PreAuthorize, PreAuthorized, RenewalInfo, RevocationReason, Revoke,
    Session,
};

use crate::driver::{Driver, Hands};
use crate::error::{Error, Result};
use crate::issue::Issuance;

mod builder;
mod flows;
mod key_place;

pub use builder::AccountBuilder;
use key_place::ChangingKey;

/// An account at a CA. Clones share its connections and nonces, and may be used at the same time.
#[derive(Clone)]
pub struct Account {
    parts: Arc<Parts>,
}

struct Parts {
    driver: Driver,
    key: ChangingKey,
}

impl Account {
    /// Begins to open an account; see the example on the [crate's page](crate).
    pub fn builder(url: DirectoryUrl<'_>) -> AccountBuilder {
        AccountBuilder::new(url)
    }

    fn new(driver: Driver, key: ChangingKey) -> Self {
        Self { parts: Arc::new(Parts { driver, key }) }
    }

    pub(crate) fn driver(&self) -> &Driver {
        &self.parts.driver
    }

    /// Obtains a certificate: orders it, proves control of its names, and downloads it.
    ///
    /// Nothing of it survives the process but the certificate that is returned; with
    /// [`issuance`](Self::issuance) and a [`Journal`](crate::Journal) everything does.
    ///
    /// The clones of the solver have to be one and the same solver. When the future is dropped, a
    /// clone goes to a task on the runtime that polled it first, which takes away what may be in
    /// place; further issuances of this account wait for it where they need the same place. The
    /// order is left to expire. Where the runtime ends before that task does, or the
    /// process, only a journal knows what is in place: the next issuance with it takes it away. A
    /// solver that can't be cloned is for [`Issuance::run_locked`].
    ///
    /// # Errors
    /// [`Error::Acme`](crate::Error::Acme), whose inside says whose fault it is. What was put in
    /// place was taken away.
    pub async fn issue<S>(&self, request: &IssueRequest, solver: &mut S) -> Result<Certificate>
    where
        S: AsyncSolver + Clone + 'static,
    {
        Ok(self.issuance(request).run(solver).await?.certificate)
    }

    /// Prepares [`issue`](Self::issue) with a journal, an observer or an interrupt.
    pub fn issuance<'a>(&'a self, request: &'a IssueRequest) -> Issuance<'a> {
        Issuance::new(self, request)
    }

    /// Downloads all chains that the CA has for the certificate of an order, its first one first.
    /// [`Certificate::new`] puts one of them together with the key.
    ///
    /// # Errors
    /// When the order has no certificate, or when one of the chains can't be had.
    pub async fn chains(&self, order_url: &str) -> Result<Vec<Chain>> {
        self.call(Chains::of_order(order_url)).await
    }

    /// When the CA wants a certificate to be renewed; `None` where it does not say: that of the
    /// certificate itself, [`Certificate::renew_after`], is to be used then.
    ///
    /// Draw one moment from the window with [`RenewalInfo::moment`] and keep it. After an error,
    /// [`RenewalInfo::wait_after`] says when to ask again.
    ///
    /// ```no_run
    /// # use acme_tokio::{Account, Certificate, Result};
    /// # async fn when(account: &Account, certificate: &Certificate, seed: u64) -> Result<jiff::Timestamp> {
    /// let kept = None; // what was drawn before
    /// let due = match account.renewal(certificate).await? {
    ///     Some(info) => info.moment(kept, seed).at,
    ///     None => certificate.renew_after(),
    /// };
    /// # Ok(due)
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the CA can't be asked, or when its answer makes no sense.
    pub async fn renewal(&self, certificate: &impl AsRef<CertificateInfo>) -> Result<Option<RenewalInfo>> {
        let Some(id) = certificate.as_ref().certificate_id() else { return Ok(None) };
        match self.driver().call(RenewalInfo::read(&id)).await {
            Ok(info) => Ok(Some(info)),
            Err(acme_proto::Error::Misuse(Misuse::NotOffered(Operation::RenewalInfo))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Revokes a certificate. That it was revoked before is no error.
    ///
    /// # Errors
    /// When the CA refuses; Let's Encrypt takes the reasons 0, 1, 4 and 5 only.
    pub async fn revoke_certificate(
        &self,
        certificate: &Certificate,
        reason: RevocationReason,
    ) -> Result<()> {
        self.call(Revoke::by_account(&certificate.certificate_der(), reason)).await
    }

    /// Revokes a certificate of which only the PEM text is at hand.
    ///
    /// # Errors
    /// When the text has no certificate, or when the CA refuses.
    pub async fn revoke_pem(&self, certificate_pem: &str, reason: RevocationReason) -> Result<()> {
        let chain = acme_keys::certificates_from_pem(certificate_pem)?;
        let leaf = chain.first().map(AsRef::as_ref).unwrap_or_default();
        self.call(Revoke::by_account(leaf, reason)).await
    }

    /// Reads the account as the CA has it.
    ///
    /// # Errors
    /// When the CA refuses: the account was deactivated, for example.
    pub async fn read(&self) -> Result<acme_proto::Account> {
        self.call(acme_proto::Account::read()).await
    }

    /// Replaces the contacts, as URLs such as `mailto:admin@example.com`.
    ///
    /// # Errors
    /// [`Misuse::Contact`](acme_proto::Misuse::Contact) before anything is sent, for one that no CA
    /// may take; when the CA refuses.
    pub async fn update_contact(&self, contact: &[String]) -> Result<acme_proto::Account> {
        self.call(acme_proto::Account::update_contact(contact)?).await
    }

    /// Proves control of a name ahead of an order: an order for it needs no challenge for as long as
    /// the authorization is valid.
    ///
    /// # Errors
    /// [`Misuse`](acme_proto::Misuse) before anything is sent: `NotOffered` by a CA without
    /// pre-authorization (no public one has it), `WildcardPreAuthorization`, `Identifier`. Else as
    /// [`issue`](Self::issue). What was put in place was taken away, also
    /// where the future is dropped.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.1>
    pub async fn pre_authorize<S>(&self, name: &str, solver: &mut S) -> Result<PreAuthorized>
    where
        S: AsyncSolver + Clone + 'static,
    {
        let identifier: Identifier = name.parse().map_err(|source| {
            acme_proto::Error::from(Misuse::Identifier { name: name.to_string(), source })
        })?;
        let choices = solver.challenge_types(&identifier);
        let flow = PreAuthorize::new(identifier, choices)?;
        let solver = Box::new(solver.clone());
        Ok(self.driver().run(flow, Some(solver), Hands::default()).await?)
    }

    /// Reads an authorization, by the URL that an order or
    /// [`pre_authorize`](Self::pre_authorize) named.
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5>
    pub async fn authorization(&self, url: &str) -> Result<Authorization> {
        self.call(Authorization::read(url)).await
    }

    /// Gives an authorization up: the next order for its name has to prove control anew.
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5.2>
    pub async fn deactivate_authorization(&self, url: &str) -> Result<Authorization> {
        self.call(Authorization::deactivate(url)).await
    }

    /// Lists the account's orders, all pages of them; `None` where the CA has no list, as Let's
    /// Encrypt has none. Read one with [`Order::read`](acme_proto::Order::read).
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2.1>
    pub async fn orders(&self) -> Result<Option<OrderList>> {
        self.call(ListOrders::new()).await
    }

    /// Gives the account another key, such as
    /// [`AccountKey::generate`](acme_keys::AccountKey::generate) makes; other requests of the account
    /// go on meanwhile.
    ///
    /// Where the account's key is in a file, the new key stands beside it before the CA hears of it,
    /// and takes its place afterwards: killed at any instant, the account can be opened again. Where
    /// the caller keeps the key, the new one has to be durable before this call, and the old one has
    /// to stay until it has ended with success; see [`AccountBuilder::pending_key`].
    ///
    /// A change that was begun goes on as a task of its own where the future is dropped.
    ///
    /// # Errors
    /// [`KeyInUse`](acme_proto::Error::KeyInUse) when another account has the key,
    /// [`KeyUnsettled`](acme_proto::Error::KeyUnsettled) when it is not known whether the key was
    /// changed: open the account again. [`Error::KeyFile`](crate::Error::KeyFile) when the new key
    /// can't be kept, or when another change was begun and is not settled. When the CA refuses, and
    /// then the old key stays.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5>
    pub async fn change_key(&self, new_key: AccountKey) -> Result<()> {
        let parts = Arc::clone(&self.parts);
        let change = tokio::spawn(async move { parts.key.change(&parts.driver, new_key).await });
        change.await.map_err(Error::Runtime)?
    }

    /// Ends the account, for good: it can't be used any more, and no CA brings it back. Its
    /// certificates stay valid.
    ///
    /// # Errors
    /// When the CA refuses.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.6>
    pub async fn deactivate(&self) -> Result<()> {
        self.call(DeactivateAccount::new()).await
    }

    /// Carries out any flow that only talks to the CA, such as [`Order::read`](acme_proto::Order::read).
    ///
    /// # Errors
    /// As the flow says.
    pub async fn call<F>(&self, flow: F) -> Result<F::Output>
    where
        F: Flow<Context = Session> + Send,
        F::Output: Send,
    {
        Ok(self.driver().call(flow).await?)
    }

    /// The account's private key, PKCS#8 PEM; empty where the key is not in this process.
    #[must_use]
    pub fn acme_private_key_pem(&self) -> String {
        self.parts.key.current().map(|key| key.to_pem().expose().to_string()).unwrap_or_default()
    }

    /// The account's URL: what the CA knows it by, and what a CAA record's `accounturi` names.
    #[must_use]
    pub fn url(&self) -> String {
        self.driver().with_session(|session| session.account_url().unwrap_or_default().to_string())
    }

    /// What its requests go through, for further accounts.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn AsyncTransport> {
        Arc::clone(&self.driver().transport)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("url", &self.url()).finish_non_exhaustive()
    }
}
