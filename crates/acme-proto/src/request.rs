//! What a call asks for.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use http::Method;
use serde_json::{Map, Value};

use crate::flow::Operation;
use crate::registration::Registration;
use crate::signer::SigningKey;

/// What a call asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) target: Target,
    pub(crate) method: Method,
    pub(crate) signature: Signature,
    pub(crate) payload: Payload,
    pub(crate) accept: Option<&'static str>,
    pub(crate) is_repeatable: bool,
    /// Whether it makes sense with the key only that it was first signed with.
    pub(crate) is_bound_to_key: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Target {
    Directory,
    KeyChange,
    NewAccount,
    NewAuthz,
    NewNonce,
    NewOrder,
    /// The renewal information of a certificate, by its identifier.
    RenewalInfo(String),
    RevokeCert,
    Account,
    /// A URL that a caller gave, to be checked when it is used.
    Text(String),
}

#[derive(Clone, Debug)]
pub(crate) enum Signature {
    Nobody,
    Account,
    Key(SigningKey),
}

#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// POST-as-GET: the empty payload.
    Empty,
    Json(String),
    /// The new key's statement, made when the request is signed.
    KeyChange(SigningKey),
    Registration(Box<Registration>),
}

impl Request {
    /// An unsigned GET.
    pub(crate) fn get(operation: Operation, target: Target) -> Self {
        Self {
            operation,
            target,
            method: Method::GET,
            signature: Signature::Nobody,
            payload: Payload::Empty,
            accept: None,
            is_repeatable: true,
            is_bound_to_key: false,
        }
    }

    /// An unsigned HEAD.
    pub(crate) fn head(operation: Operation, target: Target) -> Self {
        Self { method: Method::HEAD, ..Self::get(operation, target) }
    }

    /// A POST-as-GET by the account: it reads, and may be repeated.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-6.3>
    pub(crate) fn post_as_get(operation: Operation, target: Target) -> Self {
        Self { method: Method::POST, signature: Signature::Account, ..Self::get(operation, target) }
    }

    /// A POST by the account that changes something: it is not repeated.
    pub(crate) fn post(operation: Operation, target: Target, payload: String) -> Self {
        Self { payload: Payload::Json(payload), is_repeatable: false, ..Self::post_as_get(operation, target) }
    }

    /// A newAccount: with the same key it finds the account that it made. A binding may be good
    /// for one use only.
    pub(crate) fn register(key: SigningKey, registration: Registration) -> Self {
        Self {
            is_repeatable: !registration.is_bound(),
            signature: Signature::Key(key),
            payload: Payload::Registration(Box::new(registration)),
            ..Self::post_as_get(Operation::NewAccount, Target::NewAccount)
        }
    }

    /// A keyChange, signed by the old key, with what the new one has to say.
    pub(crate) fn change_key(new_key: SigningKey) -> Self {
        let request = Self::post(Operation::KeyChange, Target::KeyChange, String::new()).bound_to_key();
        Self { payload: Payload::KeyChange(new_key), ..request }
    }

    /// It is not signed again with another key.
    pub(crate) fn bound_to_key(self) -> Self {
        Self { is_bound_to_key: true, ..self }
    }

    pub(crate) fn signed_by(self, key: SigningKey) -> Self {
        Self { signature: Signature::Key(key), ..self }
    }

    /// Sending it twice does no harm.
    pub(crate) fn repeatable(self) -> Self {
        Self { is_repeatable: true, ..self }
    }

    /// Adds members to a payload of JSON.
    pub(crate) fn add_members(&mut self, members: Map<String, Value>) {
        if members.is_empty() {
            return;
        }
        if let Payload::Json(text) = &mut self.payload
            && let Ok(Value::Object(mut object)) = serde_json::from_str(text)
        {
            object.extend(members);
            *text = Value::Object(object).to_string();
        }
    }

    pub(crate) fn accepting(self, media_type: &'static str) -> Self {
        Self { accept: Some(media_type), ..self }
    }
}
