//! What the CA wants to be sent back.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::problem::Problem;

/// What whoever carries requests to the CA is to do about one of them.
#[derive(Debug)]
#[must_use = "the client waits for it"]
#[non_exhaustive]
pub struct Reply {
    /// How long to wait first.
    pub delay: Option<Duration>,
    /// What to do then.
    pub delivery: Delivery,
}

/// What is done after the delay of a [`Reply`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// Send the response.
    Respond(Response<Vec<u8>>),
    /// Send the head of the response, and its body over and over until the client goes away.
    Endless(Response<Vec<u8>>),
    /// Close the connection without a response.
    Close,
}

impl Reply {
    /// The response, for those who have neither a clock nor a connection: the delay is left out, an
    /// endless body comes once. `None` if the connection is to be closed.
    pub fn into_response(self) -> Option<Response<Vec<u8>>> {
        match self.delivery {
            Delivery::Respond(response) | Delivery::Endless(response) => Some(response),
            Delivery::Close => None,
        }
    }

    pub(crate) fn respond(response: Response<Vec<u8>>) -> Self {
        Self { delay: None, delivery: Delivery::Respond(response) }
    }

    pub(crate) fn close() -> Self {
        Self { delay: None, delivery: Delivery::Close }
    }

    pub(crate) fn response(&self) -> Option<&Response<Vec<u8>>> {
        match &self.delivery {
            Delivery::Respond(response) | Delivery::Endless(response) => Some(response),
            Delivery::Close => None,
        }
    }

    pub(crate) fn response_mut(&mut self) -> Option<&mut Response<Vec<u8>>> {
        match &mut self.delivery {
            Delivery::Respond(response) | Delivery::Endless(response) => Some(response),
            Delivery::Close => None,
        }
    }
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// A response with a body of some kind.
pub(crate) fn of_type(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response with an ACME object.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    of_type(status, "application/json", body.to_string().into_bytes())
}

/// A response with a problem document (RFC 8555 section 6.7).
pub(crate) fn problem(problem: &Problem) -> Response<Vec<u8>> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    of_type(status, "application/problem+json", body)
}

/// Adds a header. A value that cannot be sent is left out.
pub(crate) fn add(response: &mut Response<Vec<u8>>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// Sets a header in place of those with its name. A value that cannot be sent is left out.
pub(crate) fn set(response: &mut Response<Vec<u8>>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Adds a Link (RFC 8288).
pub(crate) fn link(response: &mut Response<Vec<u8>>, url: &str, relation: &str) {
    add(response, header::LINK, &format!("<{url}>;rel=\"{relation}\""));
}

/// Replay-Nonce (RFC 8555 section 6.5.1).
pub(crate) const REPLAY_NONCE: header::HeaderName = header::HeaderName::from_static("replay-nonce");
