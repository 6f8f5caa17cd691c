//! Authorizations: which names an account has proved control of.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::call::Call;
use crate::challenge::{ChallengeStatus, OfferedChallenge};
use crate::error::{Error, Misuse, Refusal, Violation};
use crate::flow::Operation;
use crate::identifier::Identifier;
use crate::json;
use crate::poll::Poll;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Request, Target};

/// An authorization as the CA describes it.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.4>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authorization {
    /// The authorization's URL.
    pub url: String,
    /// The name, without `*.`.
    pub identifier: Identifier,
    /// Whether it is for the wildcard of the name.
    pub wildcard: bool,
    /// How far it is.
    pub status: AuthorizationStatus,
    /// When it is no longer good.
    pub expires: Option<Timestamp>,
    /// The ways to prove control, in the CA's order; of every type.
    pub challenges: Vec<OfferedChallenge>,
    /// When the CA wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// How far an authorization is.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.6>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationStatus {
    /// Control is not proved yet.
    Pending,
    /// Control is proved.
    Valid,
    /// A challenge failed.
    Invalid,
    /// The owner ended it.
    Deactivated,
    /// Its time is over.
    Expired,
    /// The CA ended it.
    Revoked,
    /// A status that this library does not know.
    Other(String),
}

impl Authorization {
    /// Reads an authorization.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5>
    pub fn read(url: &str) -> Call<Self> {
        Call::new(Request::post_as_get(Operation::Authorization, Target::Text(url.to_string())), Self::decode)
    }

    /// Asks for an authorization ahead of an order. Not repeated: after a lost response there may be
    /// one that nobody knows, which expires.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.1>
    pub(crate) fn create(identifier: &Identifier) -> Call<Self> {
        let payload = json!({ "identifier": identifier.to_json() }).to_string();
        Call::new(Request::post(Operation::NewAuthz, Target::NewAuthz, payload), |reply| {
            let url = reply.required_location()?;
            Ok(Self { url: url.to_string(), ..Self::decode(reply)? })
        })
    }

    /// Gives an authorization up: the next order for its name has to prove control anew.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5.2>
    pub fn deactivate(url: &str) -> Call<Self> {
        let payload = r#"{"status":"deactivated"}"#.to_string();
        Call::new(
            Request::post(Operation::Authorization, Target::Text(url.to_string()), payload),
            Self::decode,
        )
    }

    /// Reads an authorization until it is no longer `pending`. A status that this library does not
    /// know is an error: it is neither to be waited for nor to be built upon.
    pub fn poll(url: &str) -> Poll<Self> {
        let request = Request::post_as_get(Operation::Authorization, Target::Text(url.to_string()));
        Poll::new(
            Call::new(request, Self::decode_known),
            |authorization| authorization.status != AuthorizationStatus::Pending,
            |authorization| authorization.retry_after,
        )
    }

    /// The name as it stands in the order: with `*.` for a wildcard.
    #[must_use]
    pub fn order_identifier(&self) -> Identifier {
        self.identifier.with_wildcard(self.wildcard)
    }

    pub(crate) fn no_challenge(&self) -> Error {
        let offered: Vec<_> = self.challenges.iter().map(|offered| offered.kind.as_str()).collect();
        Misuse::NoChallenge { identifier: self.order_identifier(), offered: offered.join(", ") }.into()
    }

    /// The refusal that an authorization is which can't become valid any more.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self.status {
            AuthorizationStatus::Pending | AuthorizationStatus::Valid | AuthorizationStatus::Other(_) => {
                self.failed_challenge().map(|challenge| self.refusal_of(Some(challenge)))
            }
            AuthorizationStatus::Invalid
            | AuthorizationStatus::Deactivated
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Revoked => Some(self.refusal_of(self.failed_challenge())),
        }
    }

    fn failed_challenge(&self) -> Option<&OfferedChallenge> {
        if self.status == AuthorizationStatus::Valid {
            return None;
        }
        self.challenges.iter().find(|challenge| challenge.status == ChallengeStatus::Invalid)
    }

    fn refusal_of(&self, challenge: Option<&OfferedChallenge>) -> Refusal {
        let problem = challenge.and_then(|challenge| challenge.error.clone()).unwrap_or_else(|| Problem {
            detail: Some(alloc::format!("the authorization is {}", self.status)),
            ..Problem::from_status(403)
        });
        Refusal {
            identifier: Some(self.order_identifier()),
            challenge: challenge.map(|challenge| challenge.kind.clone()),
            ..Refusal::new(Operation::Authorization, problem)
        }
    }

    fn decode_known(reply: &Reply) -> Result<Self, Error> {
        let authorization = Self::decode(reply)?;
        if let AuthorizationStatus::Other(status) = &authorization.status {
            return Err(reply.violation(Violation::Status(status.clone())));
        }
        Ok(authorization)
    }

    pub(crate) fn decode(reply: &Reply) -> Result<Self, Error> {
        let document = reply.json()?;
        let member = |name| reply.violation(Violation::Member(name));
        let status = json::string(&document, "status").ok_or_else(|| member("status"))?;
        let identifier = document.get("identifier").and_then(Identifier::from_json);
        let identifier = identifier.ok_or_else(|| member("identifier"))?;
        Ok(Self {
            url: reply.url.to_string(),
            wildcard: json::boolean(&document, "wildcard") || identifier.is_wildcard(),
            identifier: identifier.base(),
            status: AuthorizationStatus::from_wire(status),
            expires: json::string(&document, "expires").and_then(|text| text.parse().ok()),
            challenges: json::array(&document, "challenges")
                .iter()
                .filter_map(|challenge| OfferedChallenge::from_json(challenge, &reply.url))
                .collect(),
            retry_after: reply.retry_after(),
        })
    }
}

impl AuthorizationStatus {
    fn from_wire(status: &str) -> Self {
        match status {
            "pending" => Self::Pending,
            "valid" => Self::Valid,
            "invalid" => Self::Invalid,
            "deactivated" => Self::Deactivated,
            "expired" => Self::Expired,
            "revoked" => Self::Revoked,
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for AuthorizationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Deactivated => "deactivated",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Other(status) => status,
        })
    }
}

impl OfferedChallenge {
    /// Tells the CA that the response is in place. Not repeated: the CA may be validating.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.5.1>
    pub fn answer(url: &str) -> Call<Self> {
        let request = Request::post(Operation::Challenge, Target::Text(url.to_string()), "{}".to_string());
        // What is in place is for one key.
        Call::new(request.bound_to_key(), |reply| {
            let challenge = Self::from_json(&reply.json()?, &reply.url);
            let challenge = challenge.ok_or_else(|| reply.violation(Violation::Member("type")))?;
            Ok(Self { retry_after: reply.retry_after(), ..challenge })
        })
    }
}
