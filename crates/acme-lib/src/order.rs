//! An order, step by step.
//!
//! [`NewOrder`] → [`Auth`] → [`Challenge`] until the names are proved, then [`CsrOrder`] →
//! [`CertOrder`] → [`Certificate`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acme_keys::{Certificate, CertificateSigningRequest, PrivateKey};
use acme_proto::{Authorization, Chain, Finalize, Identifier, Misuse, Operation, Order, OrderStatus};

use crate::account::AccountParts;
use crate::api::ApiOrder;
use crate::error::Result;
use crate::persist::Persist;

mod authorization;

pub use authorization::{Auth, Challenge, Dns, Http, TlsAlpn};

/// What the orders in their several states have in common.
struct OrderParts<P: Persist> {
    account: Arc<AccountParts<P>>,
    order: Order,
    api_order: ApiOrder,
    /// The name that the caller gave first: what the certificate is kept under.
    primary_name: String,
    /// The names as the caller ordered them.
    identifiers: Vec<Identifier>,
}

impl<P: Persist> OrderParts<P> {
    fn with(&self, order: Order) -> Self {
        Self {
            account: Arc::clone(&self.account),
            api_order: ApiOrder::from(&order),
            order,
            primary_name: self.primary_name.clone(),
            identifiers: self.identifiers.clone(),
        }
    }
}

/// An order whose names may have to be proved.
pub struct NewOrder<P: Persist> {
    parts: OrderParts<P>,
    /// Whether the authorizations were all valid when they were read last.
    is_proved: AtomicBool,
}

impl<P: Persist> NewOrder<P> {
    pub(crate) fn new(
        account: &Arc<AccountParts<P>>,
        order: Order,
        primary_name: &str,
        identifiers: Vec<Identifier>,
    ) -> Self {
        let parts = OrderParts {
            account: Arc::clone(account),
            api_order: ApiOrder::from(&order),
            order,
            primary_name: primary_name.to_string(),
            identifiers,
        };
        Self { parts, is_proved: AtomicBool::new(false) }
    }

    /// Tells whether all names are proved, as of the last [`refresh`](Self::refresh).
    #[must_use]
    pub fn is_validated(&self) -> bool {
        matches!(self.parts.order.status, OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid)
    }

    /// Goes on to the CSR, if all names are proved as of the last [`refresh`](Self::refresh).
    #[must_use]
    pub fn confirm_validations(&self) -> Option<CsrOrder<P>> {
        self.is_validated().then(|| CsrOrder { parts: self.parts.with(self.parts.order.clone()) })
    }

    /// Reads the order anew. Where [`authorizations`](Self::authorizations) found nothing left to
    /// prove, it waits until the CA has taken notice.
    ///
    /// # Errors
    /// When the CA refuses, or when the order failed or has a status that nobody knows, or stays
    /// pending with nothing left to prove: no loop around it can be endless.
    pub fn refresh(&mut self) -> Result<()> {
        let (driver, url) = (&self.parts.account.driver, &self.parts.order.url);
        let order = match self.is_proved.load(Ordering::Relaxed) {
            true => driver.call(Order::poll(url))?,
            false => driver.call(Order::read(url))?,
        };
        if matches!(order.status, OrderStatus::Invalid | OrderStatus::Other(_)) {
            // Finalize is what tells such an order's reason.
            driver.call(Finalize::new(order, &[]))?;
            return Ok(());
        }
        self.parts = self.parts.with(order);
        Ok(())
    }

    /// Reads the authorizations: those that still need a challenge come first.
    ///
    /// # Errors
    /// When the CA refuses.
    pub fn authorizations(&self) -> Result<Vec<Auth<P>>> {
        let account = &self.parts.account;
        let mut authorizations = Vec::with_capacity(self.parts.order.authorizations.len());
        for url in &self.parts.order.authorizations {
            let authorization = account.driver.call(Authorization::read(url))?;
            authorizations.push(Auth::new(account, authorization));
        }
        authorizations.sort_by_key(|authorization| !authorization.need_challenge());
        let is_proved = authorizations.first().is_none_or(|first| !first.need_challenge());
        self.is_proved.store(is_proved, Ordering::Relaxed);
        Ok(authorizations)
    }

    /// The order as JSON members, for debugging.
    #[must_use]
    pub fn api_order(&self) -> &ApiOrder {
        &self.parts.api_order
    }
}

/// An order whose names are proved: it takes a CSR.
pub struct CsrOrder<P: Persist> {
    parts: OrderParts<P>,
}

impl<P: Persist> CsrOrder<P> {
    /// Finalizes the order with a key as PEM; see [`finalize_pkey`](Self::finalize_pkey).
    ///
    /// # Errors
    /// When the key can't be read, or as [`finalize_pkey`](Self::finalize_pkey).
    pub fn finalize(self, private_key_pem: &str, delay_millis: u64) -> Result<CertOrder<P>> {
        self.finalize_pkey(PrivateKey::from_pem(private_key_pem)?, delay_millis)
    }

    /// Finalizes the order: sends a CSR for the key, and waits for the certificate.
    ///
    /// `delay_millis` is the least wait between two looks at the order, in milliseconds; where
    /// the CA asks for more, it gets more. An order that is valid already is only read.
    ///
    /// # Errors
    /// When the key is the account's (RFC 8555, section 11.1), when the CA refuses, or when it
    /// takes longer than [`MAX_POLL_WAIT`](acme_proto::limits::MAX_POLL_WAIT);
    /// [`Error::retry_after`] says when to look again.
    ///
    /// [`Error::retry_after`]: crate::Error::retry_after
    pub fn finalize_pkey(self, private_key: PrivateKey, delay_millis: u64) -> Result<CertOrder<P>> {
        let account_key =
            self.parts.account.driver.with_session(|session| session.public_key_der().map(<[u8]>::to_vec));
        if account_key.as_deref() == Some(private_key.as_ref().public_key_der()) {
            return Err(acme_proto::Error::from(Misuse::AccountKeyInCsr).into());
        }
        let csr = CertificateSigningRequest::new(&self.parts.identifiers, private_key.as_ref())?;
        let flow =
            Finalize::new(self.parts.order.clone(), csr.der()).at_least(Duration::from_millis(delay_millis));
        let order = self.parts.account.driver.call(flow)?;
        Ok(CertOrder { parts: self.parts.with(order), private_key })
    }

    /// The order as JSON members, for debugging.
    #[must_use]
    pub fn api_order(&self) -> &ApiOrder {
        &self.parts.api_order
    }
}

/// An order whose certificate is there.
pub struct CertOrder<P: Persist> {
    parts: OrderParts<P>,
    private_key: PrivateKey,
}

impl<P: Persist> CertOrder<P> {
    /// Downloads the certificate and keeps it, with its key, under the primary name that the
    /// caller gave.
    ///
    /// # Errors
    /// When the CA refuses, when the certificate is for other names or another key, or when it
    /// can't be kept.
    pub fn download_and_save_cert(self) -> Result<Certificate> {
        let account = &self.parts.account;
        let url = self.parts.order.certificate.as_deref();
        let url = url.ok_or_else(|| acme_proto::Error::from(Misuse::NotOffered(Operation::Certificate)))?;
        let chain = account.driver.call(Chain::download(url))?;
        chain.check(&self.parts.identifiers, self.private_key.as_ref().public_key_der())?;
        let certificate = Certificate::new(&self.private_key, &chain)?;
        account.keep(&self.parts.primary_name, &certificate)?;
        Ok(certificate)
    }

    /// The order as JSON members, for debugging.
    #[must_use]
    pub fn api_order(&self) -> &ApiOrder {
        &self.parts.api_order
    }
}

macro_rules! order_debug {
    ($($order:ident),*) => {$(
        impl<P: Persist> fmt::Debug for $order<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($order)).field("order", &self.parts.order).finish_non_exhaustive()
            }
        }
    )*};
}

order_debug!(NewOrder, CsrOrder, CertOrder);
