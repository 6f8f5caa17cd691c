//! Accounts: finding, making and reading one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::{Call, Request, Target};
use crate::error::{Error, Misuse};
use crate::flow::{Flow, Input, Operation, Step};
use crate::json;
use crate::jws;
use crate::part::{Cx, ready};
use crate::reply::Reply;
use crate::session::Session;
use crate::signer::{Mac, Signer};
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
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.2>
    pub fn update_contact(contact: &[String]) -> Call<Self> {
        let payload = json!({ "contact": contact }).to_string();
        Call::new(Request::post(Operation::Account, Target::Account, payload), |reply| {
            Ok(Self::from_json(&reply.url, &reply.url, &reply.json()?))
        })
    }

    fn decode_new(reply: &Reply) -> Result<Self, Error> {
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
    fn from_wire(status: &str) -> Self {
        match status {
            "valid" => Self::Valid,
            "deactivated" => Self::Deactivated,
            "revoked" => Self::Revoked,
            other => Self::Other(other.to_string()),
        }
    }
}

/// What a new account is made with.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3>
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Registration {
    contact: Vec<String>,
    agrees_to_terms: bool,
    only_existing: bool,
    binding: Option<ExternalAccount>,
}

/// An account outside ACME that a new account is bound to.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4>
#[derive(Clone, Debug)]
pub struct ExternalAccount {
    /// The key identifier that the CA gave.
    pub kid: String,
    /// The key that the CA gave with it.
    pub key: Arc<dyn Mac>,
}

impl Registration {
    /// Finds the account of a key, and makes it if there is none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds the account of a key, and makes none.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.1>
    pub fn only_existing() -> Self {
        Self { only_existing: true, ..Self::default() }
    }

    /// Where the CA can reach the owner, as URLs such as `mailto:admin@example.com`.
    pub fn contact(self, contact: impl IntoIterator<Item = String>) -> Self {
        Self { contact: contact.into_iter().collect(), ..self }
    }

    /// Agrees to the terms of service that the directory names. A person has to have read them.
    pub fn agree_to_terms(self) -> Self {
        Self { agrees_to_terms: true, ..self }
    }

    /// Binds the account to one outside ACME.
    pub fn bind(self, external: ExternalAccount) -> Self {
        Self { binding: Some(external), ..self }
    }

    /// The payload of newAccount; `url` is the URL that it is sent to.
    pub(crate) fn payload(&self, session: &Session, signer: &dyn Signer, url: &Url) -> Result<String, Error> {
        if self.only_existing {
            return Ok(r#"{"onlyReturnExisting":true}"#.to_string());
        }
        let terms = session.directory().and_then(|directory| directory.meta.terms_of_service.as_ref());
        if let (Some(terms), false) = (terms, self.agrees_to_terms) {
            return Err(Misuse::TermsNotAgreed(terms.clone()).into());
        }
        let mut payload = json!({});
        if self.agrees_to_terms {
            payload["termsOfServiceAgreed"] = Value::Bool(true);
        }
        if !self.contact.is_empty() {
            payload["contact"] = json!(self.contact);
        }
        let payload = payload.to_string();
        let Some(external) = &self.binding else { return Ok(payload) };
        let binding = jws::bind(&*external.key, &external.kid, url.as_str(), &signer.jwk().to_json())?;
        let separator = if payload == "{}" { "" } else { "," };
        let start = payload.strip_suffix('}').unwrap_or(&payload);
        Ok(format!(r#"{start}{separator}"externalAccountBinding":{binding}}}"#))
    }
}

/// Finds the account of a key, or makes it, and signs the session in.
///
/// newAccount with a key that the CA knows returns the account that there is, so the flow may be
/// repeated without making a second one. The key has to be durable before.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3>
#[derive(Debug)]
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct OpenAccount {
    call: Call<Account>,
    signer: Arc<dyn Signer>,
}

impl OpenAccount {
    /// Prepares the flow for one key.
    pub fn new(signer: Arc<dyn Signer>, registration: Registration) -> Self {
        let request = Request::register(Arc::clone(&signer), registration);
        Self { call: Call::new(request, Account::decode_new), signer }
    }
}

impl Flow for OpenAccount {
    type Context = Session;
    type Output = Account;

    fn resume(
        &mut self,
        session: &mut Session,
        input: Input,
        now: Timestamp,
    ) -> Result<Step<Account>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        let account = ready!(self.call.poll(&mut cx)?);
        session.sign_in(&account.url, Arc::clone(&self.signer))?;
        Ok(Step::Done(account))
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
