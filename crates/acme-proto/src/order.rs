//! Orders.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::base64url;
use crate::call::Call;
use crate::checkpoint::Intent;
use crate::error::{Error, Violation};
use crate::flow::Operation;
use crate::identifier::Identifier;
use crate::json;
use crate::limits;
use crate::poll::Poll;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Request, Target};
use crate::url::Url;
use crate::wish::{Form, Profile};

/// An order as the CA describes it.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Order {
    /// The order's URL.
    pub url: String,
    /// How far it is.
    pub status: OrderStatus,
    /// The names, in the CA's order.
    pub identifiers: Vec<Identifier>,
    /// The URLs of the authorizations, in the CA's order; not one for each name.
    pub authorizations: Vec<String>,
    /// Where to send the CSR.
    pub finalize: Option<String>,
    /// Where the certificate is.
    pub certificate: Option<String>,
    /// When the order is no longer good.
    pub expires: Option<Timestamp>,
    /// The start of validity that was asked for.
    pub not_before: Option<Timestamp>,
    /// The end of validity that was asked for.
    pub not_after: Option<Timestamp>,
    /// The profile, where it has one.
    pub profile: Option<String>,
    /// The certificate that it is to replace, by the identifier of RFC 9773.
    pub replaces: Option<String>,
    /// Why it failed.
    pub error: Option<Problem>,
    /// When the CA wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// How far an order is.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.6>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderStatus {
    /// Some authorization is missing.
    Pending,
    /// It can be finalized.
    Ready,
    /// The CA is issuing.
    Processing,
    /// The certificate is there.
    Valid,
    /// It failed.
    Invalid,
    /// A status that this library does not know.
    Other(String),
}

impl Order {
    /// Makes an order. Not repeated: after a lost response it may exist.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4>
    pub fn create(intent: &Intent) -> Call<Self> {
        Call::new(Self::create_request(intent, Form::WHOLE), Self::decode_new)
    }

    /// Reads an order.
    pub fn read(url: &str) -> Call<Self> {
        Call::new(Request::post_as_get(Operation::Order, Target::Text(url.to_string())), Self::decode)
    }

    /// Sends the CSR. Not repeated: after a lost response it may be done.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4>
    pub fn finalize(url: &str, csr: &[u8]) -> Call<Self> {
        Self::finalize_with(url, csr, Map::new())
    }

    /// Sends the CSR and more.
    pub(crate) fn finalize_with(url: &str, csr: &[u8], members: Map<String, Value>) -> Call<Self> {
        let payload = format!(r#"{{"csr":"{}"}}"#, base64url::encode(csr));
        let mut request = Request::post(Operation::Finalize, Target::Text(url.to_string()), payload);
        request.add_members(members);
        Call::new(request, Self::decode_finalized)
    }

    /// Reads an order until it is `valid` or `invalid`, or neither `processing` nor `pending`.
    pub fn poll(url: &str) -> Poll<Self> {
        Poll::new(
            Self::read(url),
            |order| !matches!(order.status, OrderStatus::Pending | OrderStatus::Processing),
            |order| order.retry_after,
        )
    }

    /// Reads an order until it is no longer `pending`.
    pub(crate) fn poll_pending(url: &str) -> Poll<Self> {
        Poll::new(Self::read(url), |order| order.status != OrderStatus::Pending, |order| order.retry_after)
    }

    pub(crate) fn create_request(intent: &Intent, form: Form) -> Request {
        let mut identifiers: Vec<Value> = intent.identifiers.iter().map(Identifier::to_json).collect();
        if form.ancestors {
            for (value, identifier) in identifiers.iter_mut().zip(&intent.identifiers) {
                if let Some(ancestor) = intent.ancestor_of(identifier) {
                    value["ancestorDomain"] = json!(ancestor.to_string());
                }
            }
        }
        let mut payload = json!({ "identifiers": identifiers });
        if let Some(time) = intent.not_before {
            payload["notBefore"] = json!(time.to_string());
        }
        if let Some(time) = intent.not_after {
            payload["notAfter"] = json!(time.to_string());
        }
        if let (Some(profile), true) = (&intent.profile, form.profile) {
            payload["profile"] = json!(profile.name());
        }
        if let (Some(predecessor), true) = (&intent.replaces, form.replaces) {
            payload["replaces"] = json!(predecessor.as_str());
        }
        Request::post(Operation::NewOrder, Target::NewOrder, payload.to_string())
    }

    pub(crate) fn decode_new(reply: &Reply) -> Result<Self, Error> {
        let url = reply.required_location()?;
        Self::from_reply(&url, reply)
    }

    pub(crate) fn decode(reply: &Reply) -> Result<Self, Error> {
        Self::from_reply(&reply.url, reply)
    }

    /// The URL of a finalized order is that of the order where the response says so; Pebble
    /// leaves it out, and who sent the CSR knows it.
    fn decode_finalized(reply: &Reply) -> Result<Self, Error> {
        let url = reply.location().unwrap_or_else(|| reply.url.clone());
        Self::from_reply(&url, reply)
    }

    fn from_reply(url: &Url, reply: &Reply) -> Result<Self, Error> {
        let document = reply.json()?;
        let authorizations = json::array(&document, "authorizations");
        if authorizations.len() > limits::MAX_IDENTIFIERS {
            return Err(reply.violation(Violation::Member("authorizations")));
        }
        let status =
            json::string(&document, "status").ok_or_else(|| reply.violation(Violation::Member("status")))?;
        Ok(Self {
            url: url.to_string(),
            status: OrderStatus::from_wire(status),
            identifiers: json::array(&document, "identifiers")
                .iter()
                .filter_map(Identifier::from_json)
                .collect(),
            authorizations: authorizations
                .iter()
                .filter_map(Value::as_str)
                .filter_map(|url| reply.url.join(url))
                .map(|url| url.to_string())
                .collect(),
            finalize: reply.url_member(&document, "finalize").map(|url| url.to_string()),
            certificate: reply.url_member(&document, "certificate").map(|url| url.to_string()),
            expires: time(&document, "expires"),
            not_before: time(&document, "notBefore"),
            not_after: time(&document, "notAfter"),
            profile: json::string(&document, "profile").map(ToString::to_string),
            replaces: json::string(&document, "replaces").map(ToString::to_string),
            error: document.get("error").filter(|error| error.is_object()).map(Problem::from_json),
            retry_after: reply.retry_after(),
        })
    }

    /// Tells whether the order is for exactly these names, in whatever order.
    pub(crate) fn is_for(&self, identifiers: &[Identifier]) -> bool {
        let mut ours: Vec<_> = identifiers.iter().collect();
        let mut theirs: Vec<_> = self.identifiers.iter().collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        ours == theirs
    }

    /// Tells whether the order can still lead to what is asked for.
    pub(crate) fn fits(&self, intent: &Intent, now: Timestamp) -> bool {
        let is_alive = match self.status {
            OrderStatus::Pending | OrderStatus::Ready => self.expires.is_none_or(|expires| expires > now),
            OrderStatus::Processing | OrderStatus::Valid => true,
            OrderStatus::Invalid | OrderStatus::Other(_) => false,
        };
        let same_time = |asked: Option<Timestamp>, got: Option<Timestamp>| {
            asked.is_none_or(|asked| got.is_none_or(|got| asked.as_second() == got.as_second()))
        };
        is_alive
            && self.is_for(&intent.identifiers)
            && same_time(intent.not_before, self.not_before)
            && same_time(intent.not_after, self.not_after)
            && self.has_profile(intent)
    }

    /// Tells whether the order has the profile without which it is not what was asked for.
    pub(crate) fn has_profile(&self, intent: &Intent) -> bool {
        match &intent.profile {
            Some(Profile::Required(name)) => self.profile.as_ref() == Some(name),
            Some(Profile::Preferred(_)) | None => true,
        }
    }
}

impl OrderStatus {
    fn from_wire(status: &str) -> Self {
        match status {
            "pending" => Self::Pending,
            "ready" => Self::Ready,
            "processing" => Self::Processing,
            "valid" => Self::Valid,
            "invalid" => Self::Invalid,
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Processing => "processing",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Other(status) => status,
        })
    }
}

/// The account's list of orders, one page of it.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2.1>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OrdersPage {
    /// The URLs of the orders.
    pub orders: Vec<String>,
    /// Where the list goes on.
    pub next: Option<String>,
}

impl OrdersPage {
    /// Reads one page of the list.
    pub fn read(url: &str) -> Call<Self> {
        Call::new(Request::post_as_get(Operation::Orders, Target::Text(url.to_string())), |reply| {
            Ok(Self {
                orders: json::array(&reply.json()?, "orders")
                    .iter()
                    .filter_map(Value::as_str)
                    .filter_map(|url| reply.url.join(url))
                    .map(|url| url.to_string())
                    .collect(),
                next: reply.links("next").into_iter().next(),
            })
        })
    }
}

fn time(document: &Value, member: &str) -> Option<Timestamp> {
    json::string(document, member).and_then(|text| text.parse().ok())
}
