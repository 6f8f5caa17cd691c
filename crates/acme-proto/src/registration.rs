//! Finding the account of a key, or making one.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::Account;
use crate::call::Call;
use crate::contact;
use crate::error::{Error, Misuse};
use crate::flow::{Flow, Input, Operation, Step};
use crate::jws;
use crate::limits;
use crate::part::{Cx, Progress, ready};
use crate::problem::ProblemKind;
use crate::request::Request;
use crate::session::Session;
use crate::signer::{Mac, SigningKey};
use crate::url::Url;

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

    pub(crate) fn is_bound(&self) -> bool {
        self.binding.is_some()
    }

    /// The payload of newAccount; `url` is the URL that it is sent to.
    pub(crate) fn payload(&self, session: &Session, key: &SigningKey, url: &Url) -> Result<String, Error> {
        if self.only_existing {
            return Ok(r#"{"onlyReturnExisting":true}"#.to_string());
        }
        let terms = session.directory().and_then(|directory| directory.meta.terms_of_service.as_ref());
        if let (Some(terms), false) = (terms, self.agrees_to_terms) {
            return Err(Misuse::TermsNotAgreed(terms.clone()).into());
        }
        if !self.is_bound()
            && session.directory().is_some_and(|directory| directory.meta.external_account_required)
        {
            return Err(Misuse::ExternalAccountRequired.into());
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
        let binding = jws::bind(&*external.key, &external.kid, url.as_str(), &key.jwk().to_json());
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
/// A binding may be good for one use only: it is sent when the CA has said that the key has no
/// account, and again only when the CA has said so again. At a CA that wants a binding where none
/// is given, the account of the key is found, and none is made.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3>
#[derive(Debug)]
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct OpenAccount {
    key: SigningKey,
    pending: Option<SigningKey>,
    registration: Registration,
    state: State,
    bindings: u32,
}

#[derive(Debug)]
enum State {
    Start,
    /// Has the key that was to become the account's an account?
    LookPending(Call<Account>),
    Begin,
    /// Is there an account? Else the error that led here is the outcome.
    Look(Call<Account>, Option<Box<Error>>),
    Register(Call<Account>),
}

impl OpenAccount {
    /// Prepares the flow for one key.
    pub fn new(key: impl Into<SigningKey>, registration: Registration) -> Self {
        Self { key: key.into(), pending: None, registration, state: State::Start, bindings: 0 }
    }

    /// Finds the account of another key first, which was to become the account's when a
    /// [`RollOver`](crate::RollOver) did not come to its end. [`Session::public_key_der`] says
    /// afterwards which of the two is in force.
    pub fn or_with(self, pending: impl Into<SigningKey>) -> Self {
        Self { pending: Some(pending.into()), ..self }
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Account>, Error> {
        loop {
            match &mut self.state {
                State::Start => {
                    contact::check(&self.registration.contact)?;
                    self.state = match &self.pending {
                        Some(pending) => State::LookPending(find(pending)),
                        None => State::Begin,
                    };
                }
                State::LookPending(call) => match call.poll(cx) {
                    Ok(progress) => {
                        let account = ready!(progress);
                        if let Some(pending) = self.pending.take() {
                            self.key = pending;
                        }
                        return Ok(Progress::Ready(account));
                    }
                    Err(error) if error.is_kind(&ProblemKind::AccountDoesNotExist) => {
                        self.state = State::Begin
                    }
                    Err(error) => return Err(error),
                },
                State::Begin => {
                    self.state = match &self.registration.binding {
                        Some(_) => self.look(None),
                        None => self.register(),
                    };
                }
                State::Look(call, _) => match call.poll(cx) {
                    Ok(progress) => return Ok(Progress::Ready(ready!(progress))),
                    Err(error) => self.state = self.not_found(error)?,
                },
                State::Register(call) => match call.poll(cx) {
                    Ok(progress) => return Ok(Progress::Ready(ready!(progress))),
                    Err(error) => self.state = self.not_made(error)?,
                },
            }
        }
    }

    fn look(&self, cause: Option<Box<Error>>) -> State {
        State::Look(find(&self.key), cause)
    }

    fn register(&self) -> State {
        let request = Request::register(self.key.clone(), self.registration.clone());
        State::Register(Call::new(request, Account::decode_new))
    }

    /// The CA has no account for the key, or does not tell.
    fn not_found(&mut self, error: Error) -> Result<State, Error> {
        let State::Look(_, cause) = mem::replace(&mut self.state, State::Start) else { return Err(error) };
        let is_absent = error.is_kind(&ProblemKind::AccountDoesNotExist)
            // Some ask for the binding before they look for the account.
            || (cause.is_none() && error.is_kind(&ProblemKind::ExternalAccountRequired));
        let may_bind = self.registration.is_bound() && self.bindings < limits::MAX_SETTLED_TRIES;
        match cause {
            _ if !is_absent => Err(error),
            Some(cause) if !may_bind || cause.retry_after().is_some() => Err(*cause),
            Some(_) | None => {
                self.bindings += 1;
                Ok(self.register())
            }
        }
    }

    /// The account was not made, or nobody knows.
    fn not_made(&self, error: Error) -> Result<State, Error> {
        let is_bound = self.registration.is_bound();
        let is_binding_missing = matches!(error, Error::Misuse(Misuse::ExternalAccountRequired));
        if is_binding_missing || (is_bound && error.leaves_open(Operation::NewAccount)) {
            return Ok(self.look(Some(Box::new(error))));
        }
        Err(error)
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
        let account = ready!(self.poll(&mut cx)?);
        session.sign_in(&account.url, self.key.clone())?;
        Ok(Step::Done(account))
    }
}

/// Asks for the account of a key.
pub(crate) fn find(key: &SigningKey) -> Call<Account> {
    Call::new(Request::register(key.clone(), Registration::only_existing()), Account::decode_new)
}
