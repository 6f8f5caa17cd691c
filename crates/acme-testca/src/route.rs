//! Which resource a path is.

use serde::{Deserialize, Serialize};

use crate::authority::Chain;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// Fetching the directory.
    Directory,
    /// Fetching a nonce.
    NewNonce,
    /// Registering or finding an account.
    NewAccount,
    /// Reading, updating or deactivating an account.
    Account,
    /// Reading a page of an account's orders.
    Orders,
    /// Reading a page of an account's delegations, or one of them.
    Delegation,
    /// Giving an account another key.
    KeyChange,
    /// Making an order.
    NewOrder,
    /// Asking for an authorization before there is an order.
    NewAuthorization,
    /// Reading an order.
    Order,
    /// Reading or deactivating an authorization.
    Authorization,
    /// Answering or reading a challenge.
    Challenge,
    /// Finalizing an order.
    Finalize,
    /// Downloading a certificate.
    Certificate,
    /// Asking when to renew a certificate.
    RenewalInfo,
    /// Revoking a certificate.
    Revoke,
    /// Agreeing to changed terms, at a page for humans.
    Agreement,
    /// Fetching the list of revoked certificates.
    Crl,
    /// A path that is none of the CA's.
    Unknown,
}

/// A path, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Directory,
    NewNonce,
    NewAccount,
    Account(&'a str),
    Orders(&'a str),
    Delegations(&'a str),
    Delegation(&'a str),
    KeyChange,
    NewOrder,
    NewAuthorization,
    Order(&'a str),
    Authorization(&'a str),
    Challenge(&'a str, usize),
    Finalize(&'a str),
    Certificate(&'a str, Chain),
    Star(&'a str),
    RenewalInfo(&'a str),
    Revoke,
    Agreement(&'a str),
    Crl(usize),
    Unknown,
}

impl<'a> Route<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("directory"), None, None, None) => Self::Directory,
            (Some("new-nonce"), None, None, None) => Self::NewNonce,
            (Some("new-account"), None, None, None) => Self::NewAccount,
            (Some("account"), Some(id), None, None) => Self::Account(id),
            (Some("account"), Some(id), Some("orders"), None) => Self::Orders(id),
            (Some("account"), Some(id), Some("delegations"), None) => Self::Delegations(id),
            (Some("delegation"), Some(id), None, None) => Self::Delegation(id),
            (Some("key-change"), None, None, None) => Self::KeyChange,
            (Some("new-order"), None, None, None) => Self::NewOrder,
            (Some("new-authz"), None, None, None) => Self::NewAuthorization,
            (Some("order"), Some(id), None, None) => Self::Order(id),
            (Some("order"), Some(id), Some("finalize"), None) => Self::Finalize(id),
            (Some("authorization"), Some(id), None, None) => Self::Authorization(id),
            (Some("challenge"), Some(id), Some(index), None) => match index.parse() {
                Ok(index) => Self::Challenge(id, index),
                Err(_) => Self::Unknown,
            },
            (Some("certificate"), Some(id), None, None) => Self::Certificate(id, Chain::Default),
            (Some("certificate"), Some(id), Some("1"), None) => Self::Certificate(id, Chain::Alternate),
            (Some("star"), Some(id), None, None) => Self::Star(id),
            (Some("renewal-info"), Some(id), None, None) => Self::RenewalInfo(id),
            (Some("revoke-cert"), None, None, None) => Self::Revoke,
            (Some("crl"), Some(number), None, None) => match number.parse() {
                Ok(number) => Self::Crl(number),
                Err(_) => Self::Unknown,
            },
            (Some("agreement"), Some(id), None, None) => Self::Agreement(id),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Directory => Operation::Directory,
            Self::NewNonce => Operation::NewNonce,
            Self::NewAccount => Operation::NewAccount,
            Self::Account(_) => Operation::Account,
            Self::Orders(_) => Operation::Orders,
            Self::Delegations(_) | Self::Delegation(_) => Operation::Delegation,
            Self::KeyChange => Operation::KeyChange,
            Self::NewOrder => Operation::NewOrder,
            Self::NewAuthorization => Operation::NewAuthorization,
            Self::Order(_) => Operation::Order,
            Self::Authorization(_) => Operation::Authorization,
            Self::Challenge(..) => Operation::Challenge,
            Self::Finalize(_) => Operation::Finalize,
            Self::Certificate(..) | Self::Star(_) => Operation::Certificate,
            Self::RenewalInfo(_) => Operation::RenewalInfo,
            Self::Revoke => Operation::Revoke,
            Self::Agreement(_) => Operation::Agreement,
            Self::Crl(_) => Operation::Crl,
            Self::Unknown => Operation::Unknown,
        }
    }
}
