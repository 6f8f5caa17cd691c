//! Accounts: reading and changing one.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Value, json};

use crate::call::Call;
use crate::contact;
use crate::error::Error;
use crate::flow::Operation;
use crate::json;
use crate::reply::Reply;
use crate::request::{Request, Target};
use crate::url::Url;

/// An account as the CA describes it.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Account {
    /// The account's URL: what identifies it in every request.
    pub url: String,
    /// Whether it can be used.
    pub status: AccountStatus,
    /// The contact URLs; some CAs keep none.
    pub contact: Vec<String>,
    /// Where the account's orders are listed; not every CA does.
    pub orders: Option<String>,
}

/// Whether an account can be used.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.6>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountStatus {
    /// It can be used.
    Valid,
    /// Its owner ended it.
    Deactivated,
    /// The CA ended it.
    Revoked,
    /// A status that this library does not know.
    Other(String),
}

impl Account {
    /// Reads the session's account.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.2>
    pub fn read() -> Call<Self> {
        Call::new(Request::post_as_get(Operation::Account, Target::Account), |reply| {
            Ok(Self::from_json(&reply.url, &reply.url, &reply.json()?))
        })
    }

    /// Replaces the contacts of the session's account.
    ///
    /// # Errors
    /// [`Misuse::Contact`](crate::Misuse::Contact) for a contact that no CA may take.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.2>
    pub fn update_contact(contact: &[String]) -> Result<Call<Self>, Error> {
        contact::check(contact)?;
        let payload = json!({ "contact": contact }).to_string();
        Ok(Call::new(Request::post(Operation::Account, Target::Account, payload), |reply| {
            Ok(Self::from_json(&reply.url, &reply.url, &reply.json()?))
        }))
    }

    pub(crate) fn decode_new(reply: &Reply) -> Result<Self, Error> {
        let url = reply.required_location()?;
        // Some CAs answer with an empty body: the URL is all that is needed.
        let document = reply.json().unwrap_or(Value::Null);
        Ok(Self::from_json(&url, &reply.url, &document))
    }

    fn from_json(url: &Url, base: &Url, document: &Value) -> Self {
        Self {
            url: url.to_string(),
            status: AccountStatus::from_wire(json::string(document, "status").unwrap_or("valid")),
            contact: json::array(document, "contact")
                .iter()
                .filter_map(Value::as_str)
                .map(ToString::to_string)
                .collect(),
            orders: json::string(document, "orders")
                .and_then(|url| base.join(url))
                .map(|url| url.to_string()),
        }
    }
}

impl AccountStatus {
    pub(crate) fn from_wire(status: &str) -> Self {
        match status {
            "valid" => Self::Valid,
            "deactivated" => Self::Deactivated,
            "revoked" => Self::Revoked,
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::Deactivated => "deactivated",
            Self::Revoked => "revoked",
            Self::Other(status) => status,
        })
    }
}
