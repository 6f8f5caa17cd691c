//! Questions to a resolver over HTTPS.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use acme_http::Transport;
use acme_proto::{Exchange, Operation};
use hickory_proto::op::Message;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};

use super::query::{Question, answers_to};

/// A resolver that is asked over HTTPS.
#[derive(Clone)]
pub(super) struct Server {
    url: Uri,
    transport: Arc<dyn Transport>,
}

impl Server {
    pub(super) fn new(url: Uri, transport: Arc<dyn Transport>) -> Self {
        Self { url, transport }
    }

    pub(super) fn ask(
        &self,
        question: &Question,
        is_validating: bool,
        time_limit: Duration,
    ) -> io::Result<Message> {
        let mut message = question.message(true, is_validating);
        // Answers to the same question are the same then, and may come from a cache.
        message.metadata.id = 0;
        let mut request = Request::post(&self.url).body(message.to_vec().map_err(io::Error::other)?);
        if let Ok(request) = &mut request {
            request.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
            request.headers_mut().insert(ACCEPT, MEDIA_TYPE);
        }
        let request = request.map_err(io::Error::other)?;
        let exchange = Exchange::new(request, Operation::Dns, MAX_ANSWER, time_limit);
        let response = self.transport.perform(vec![exchange]).pop();
        let response = response.ok_or(io::ErrorKind::NotConnected)?.map_err(io::Error::other)?;
        if response.status() != StatusCode::OK {
            return Err(io::Error::other(format!("{} answers HTTP {}", self.url, response.status())));
        }
        let answer = Message::from_vec(response.body()).map_err(io::Error::other)?;
        if answers_to(&answer, &message) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// The longest DNS message, in octets.
const MAX_ANSWER: usize = 65_535;
