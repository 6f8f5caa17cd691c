//! What the CA sent, as JSON members: for debugging, not for programs.
//!
//! The names are those of acme-lib 0.9, and of the protocol.
#![expect(non_snake_case, reason = "the members are named as the protocol names them")]

use acme_proto::{
    Account, Authorization, Directory, Identifier, OfferedChallenge, Order, OrderStatus, Problem,
};
use serde::{Deserialize, Serialize};

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ApiProblem {
    /// The type.
    #[serde(rename = "type")]
    pub _type: String,
    /// The CA's explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// One problem for each identifier at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subproblems: Option<Vec<ApiSubproblem>>,
}

/// A problem of one identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ApiSubproblem {
    /// The type.
    #[serde(rename = "type")]
    pub _type: String,
    /// The CA's explanation.
    pub detail: Option<String>,
    /// The identifier.
    pub identifier: Option<ApiIdentifier>,
}

/// A directory. A URL that the CA does not offer is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ApiDirectory {
    /// Where nonces are.
    pub newNonce: String,
    /// Where accounts are made.
    pub newAccount: String,
    /// Where orders are made.
    pub newOrder: String,
    /// Where authorizations are made ahead of orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newAuthz: Option<String>,
    /// Where certificates are revoked.
    pub revokeCert: String,
    /// Where account keys are changed.
    pub keyChange: String,
    /// What the CA says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<ApiDirectoryMeta>,
}

/// What a CA says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ApiDirectoryMeta {
    /// The URL of the terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termsOfService: Option<String>,
    /// The CA's web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// The names that stand for the CA in CAA records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caaIdentities: Option<Vec<String>>,
    /// Whether a new account has to be bound to one outside ACME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub externalAccountRequired: Option<bool>,
}

impl ApiDirectoryMeta {
    /// Whether a new account has to be bound to one outside ACME.
    #[must_use]
    pub fn externalAccountRequired(&self) -> bool {
        self.externalAccountRequired.unwrap_or(false)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ApiAccount {
    /// `valid`, `deactivated` or `revoked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The contact URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Vec<String>>,
    /// Whether the terms of service were agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termsOfServiceAgreed: Option<bool>,
    /// Where the account's orders are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<String>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ApiOrder {
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it is no longer good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The names, in the CA's order.
    pub identifiers: Vec<ApiIdentifier>,
    /// The start of validity that was asked for.
    pub notBefore: Option<String>,
    /// The end of validity that was asked for.
    pub notAfter: Option<String>,
    /// Why it failed.
    pub error: Option<ApiProblem>,
    /// The URLs of the authorizations.
    pub authorizations: Option<Vec<String>>,
    /// Where the CSR goes.
    pub finalize: String,
    /// Where the certificate is.
    pub certificate: Option<String>,
}

impl ApiOrder {
    /// The names, in the CA's order.
    #[must_use]
    pub fn domains(&self) -> Vec<&str> {
        self.identifiers.iter().map(|identifier| identifier.value.as_str()).collect()
    }
}

/// An identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiIdentifier {
    /// `dns` or `ip`.
    #[serde(rename = "type")]
    pub _type: String,
    /// The name.
    pub value: String,
}

impl ApiIdentifier {
    /// Whether it is a DNS name.
    #[must_use]
    pub fn is_type_dns(&self) -> bool {
        self._type == "dns"
    }
}

/// An authorization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiAuth {
    /// The name, without `*.`.
    pub identifier: ApiIdentifier,
    /// How far it is.
    pub status: Option<String>,
    /// When it is no longer good.
    pub expires: Option<String>,
    /// The ways to prove control.
    pub challenges: Vec<ApiChallenge>,
    /// Whether it is for the wildcard of the name.
    pub wildcard: Option<bool>,
}

/// A challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiChallenge {
    /// Where it is answered.
    pub url: String,
    /// The type.
    #[serde(rename = "type")]
    pub _type: String,
    /// How far it is.
    pub status: String,
    /// The token; empty where the type has none.
    pub token: String,
    /// Why it failed.
    pub error: Option<ApiProblem>,
}

macro_rules! status_predicates {
    ($type:ident: $($(#[$doc:meta])* $predicate:ident = $status:literal,)*) => {
        impl $type {
            $($(#[$doc])*
            #[must_use]
            pub fn $predicate(&self) -> bool {
                self.status.as_deref() == Some($status)
            })*
        }
    };
}

status_predicates! { ApiAccount:
    /// Whether it can be used.
    is_status_valid = "valid",
    /// Whether its owner ended it.
    is_status_deactivated = "deactivated",
    /// Whether the CA ended it.
    is_status_revoked = "revoked",
}

status_predicates! { ApiOrder:
    /// Whether some authorization is missing.
    is_status_pending = "pending",
    /// Whether it can be finalized.
    is_status_ready = "ready",
    /// Whether the CA is issuing.
    is_status_processing = "processing",
    /// Whether the certificate is there.
    is_status_valid = "valid",
    /// Whether it failed.
    is_status_invalid = "invalid",
}

status_predicates! { ApiAuth:
    /// Whether control is not proved yet.
    is_status_pending = "pending",
    /// Whether control is proved.
    is_status_valid = "valid",
    /// Whether a challenge failed.
    is_status_invalid = "invalid",
    /// Whether its owner ended it.
    is_status_deactivated = "deactivated",
    /// Whether its time is over.
    is_status_expired = "expired",
    /// Whether the CA ended it.
    is_status_revoked = "revoked",
}

impl From<&Directory> for ApiDirectory {
    fn from(directory: &Directory) -> Self {
        let member = |name: &str| {
            directory.document.get(name).and_then(serde_json::Value::as_str).map(ToString::to_string)
        };
        let meta = &directory.meta;
        Self {
            newNonce: member("newNonce").unwrap_or_default(),
            newAccount: member("newAccount").unwrap_or_default(),
            newOrder: member("newOrder").unwrap_or_default(),
            newAuthz: member("newAuthz"),
            revokeCert: member("revokeCert").unwrap_or_default(),
            keyChange: member("keyChange").unwrap_or_default(),
            meta: directory.document.get("meta").filter(|meta| meta.is_object()).map(|_| ApiDirectoryMeta {
                termsOfService: meta.terms_of_service.clone(),
                website: meta.website.clone(),
                caaIdentities: Some(meta.caa_identities.clone()).filter(|names| !names.is_empty()),
                externalAccountRequired: Some(meta.external_account_required),
            }),
        }
    }
}

impl From<&Account> for ApiAccount {
    fn from(account: &Account) -> Self {
        Self {
            status: Some(account.status.to_string()),
            contact: Some(account.contact.clone()).filter(|contact| !contact.is_empty()),
            termsOfServiceAgreed: None,
            orders: account.orders.clone(),
        }
    }
}

impl From<&Order> for ApiOrder {
    fn from(order: &Order) -> Self {
        Self {
            status: Some(order.status.to_string()),
            expires: order.expires.map(|time| time.to_string()),
            identifiers: order.identifiers.iter().map(ApiIdentifier::from).collect(),
            notBefore: order.not_before.map(|time| time.to_string()),
            notAfter: order.not_after.map(|time| time.to_string()),
            error: order.error.as_ref().map(ApiProblem::from),
            authorizations: Some(order.authorizations.clone()),
            finalize: order.finalize.clone().unwrap_or_default(),
            certificate: order.certificate.clone().filter(|_| order.status == OrderStatus::Valid),
        }
    }
}

impl From<&Authorization> for ApiAuth {
    fn from(authorization: &Authorization) -> Self {
        Self {
            identifier: ApiIdentifier::from(&authorization.identifier),
            status: Some(authorization.status.to_string()),
            expires: authorization.expires.map(|time| time.to_string()),
            challenges: authorization.challenges.iter().map(ApiChallenge::from).collect(),
            wildcard: Some(authorization.wildcard),
        }
    }
}

impl From<&OfferedChallenge> for ApiChallenge {
    fn from(challenge: &OfferedChallenge) -> Self {
        Self {
            url: challenge.url.clone(),
            _type: challenge.kind.to_string(),
            status: challenge.status.to_string(),
            token: challenge.token.clone().unwrap_or_default(),
            error: challenge.error.as_ref().map(ApiProblem::from),
        }
    }
}

impl From<&Identifier> for ApiIdentifier {
    fn from(identifier: &Identifier) -> Self {
        Self { _type: identifier.kind().to_string(), value: identifier.to_string() }
    }
}

impl From<&Problem> for ApiProblem {
    fn from(problem: &Problem) -> Self {
        let subproblems = problem.subproblems.iter().map(|subproblem| ApiSubproblem {
            _type: subproblem.kind.clone().into(),
            detail: subproblem.detail.clone(),
            identifier: subproblem.identifier.as_ref().map(ApiIdentifier::from),
        });
        Self {
            _type: problem.kind.clone().into(),
            detail: problem.detail.clone(),
            subproblems: Some(subproblems.collect::<Vec<_>>()).filter(|list| !list.is_empty()),
        }
    }
}
