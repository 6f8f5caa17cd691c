//! One request and what it takes to get its answer: directory, nonce, repetition.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::directory::Directory;
use crate::error::{Delivery, Error, Misuse, SignError, TransportError, Violation};
use crate::flow::{Exchange, Flow, Input, Operation, Step, ToSign};
use crate::jws::{self, KeyReference};
use crate::limits;
use crate::part::{Cx, Progress, ready};
use crate::problem::ProblemKind;
use crate::reply::Reply;
use crate::request::{Payload, Request, Signature, Target};
use crate::session::Session;
use crate::signer::SigningKey;
use crate::url::Url;

/// What a transport hands back.
pub(crate) type Outcome = Result<http::Response<Vec<u8>>, TransportError>;

/// One request to the CA, with everything that belongs to it: it fetches the directory and a
/// nonce if there is none, signs, repeats after a refused nonce, and reads the answer.
///
/// A request that may be repeated (one that only reads, or newAccount) is sent up to
/// [`limits::MAX_TRIES`](crate::limits::MAX_TRIES) times when no useful answer comes. Any other
/// ends in the first such error: what became of it, only a look at the resource can tell.
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct Call<T> {
    request: Request,
    decode: fn(&Reply) -> Result<T, Error>,
    stage: Stage,
    own_nonce: Option<String>,
    /// Whether a nonce was refused, and none came with the refusal: those of the pool are no better.
    distrusts_pool: bool,
    wait: Option<Duration>,
    tries: u32,
    nonce_retries: u32,
    redirects: u32,
    directory_refetched: bool,
    is_waiting: bool,
    /// The generation of the account's key that the request was signed with.
    signed_with: u64,
    signed_again: bool,
    /// What a new key that is elsewhere has signed about a change of keys.
    statement: Option<String>,
    /// How long an end of a change of keys was waited for, while one is waited for.
    key_wait: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Stage {
    Idle,
    Directory(Url),
    Nonce(Url),
    /// What a new key has to say about a change of keys is being signed.
    Statement(String),
    /// The request is being signed.
    Signature(Url, String),
    Request(Url),
}

/// The payload, or what has to be signed before there is one: by which key, and the message.
enum Prepared {
    Payload(String),
    ToSign(String, String),
}

pub(crate) enum Next {
    Send(Box<Exchange>),
    Sign(ToSign),
    Wait(Duration),
}

/// What a call may need before its own request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prelude {
    Directory,
    Nonce,
}

impl<T> Call<T> {
    pub(crate) fn new(request: Request, decode: fn(&Reply) -> Result<T, Error>) -> Self {
        Self {
            request,
            decode,
            stage: Stage::Idle,
            own_nonce: None,
            distrusts_pool: false,
            wait: None,
            tries: 0,
            nonce_retries: 0,
            redirects: 0,
            directory_refetched: false,
            is_waiting: false,
            signed_with: 0,
            signed_again: false,
            statement: None,
            key_wait: None,
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        self.request.operation
    }

    /// The same call from its beginning.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.request.clone(), self.decode)
    }

    /// Whether the next exchange is one of which there may be only so many at once.
    pub(crate) fn prelude(&self, session: &mut Session, now: Timestamp) -> Option<Prelude> {
        if self.wait.is_some() {
            return None;
        }
        if matches!(self.stage, Stage::Directory(_)) || self.needs_directory(session, now) {
            return Some(Prelude::Directory);
        }
        let has_nonce = self.own_nonce.is_some() || (!self.distrusts_pool && session.nonce_count(now) > 0);
        let is_new_nonce = matches!(self.request.target, Target::NewNonce);
        (is_new_nonce || (self.is_signed() && !has_nonce)).then_some(Prelude::Nonce)
    }

    /// What has to happen next.
    pub(crate) fn next(&mut self, session: &mut Session, now: Timestamp) -> Result<Next, Error> {
        if let Some(wait) = self.wait.take().or_else(|| self.wait_for_key(session)) {
            return Ok(Next::Wait(wait));
        }
        if let Stage::Directory(url) = &self.stage {
            let url = url.clone();
            return self.send_get(session, Operation::Directory, Method::GET, &url);
        }
        if self.needs_directory(session, now) {
            let url = session.directory_url.clone();
            self.stage = Stage::Directory(url.clone());
            return self.send_get(session, Operation::Directory, Method::GET, &url);
        }
        let url = self.target_url(session)?;
        if !self.is_signed() {
            self.stage = Stage::Request(url.clone());
            if self.request.operation == Operation::NewNonce {
                session.count_nonce_fetch(now);
            }
            let method = self.request.method.clone();
            return self.send_get(session, self.request.operation, method, &url);
        }
        let (key, reference) = self.key(session)?;
        let payload = match self.payload(session, &key, &url)? {
            Prepared::Payload(payload) => payload,
            Prepared::ToSign(key, message) => {
                self.stage = Stage::Statement(message.clone());
                return Ok(Next::Sign(ToSign { key, message: message.into_bytes() }));
            }
        };
        let Some(nonce) = self.nonce(session, now) else {
            let url = resource(session, Operation::NewNonce, |directory| directory.new_nonce.as_ref())?;
            self.stage = Stage::Nonce(url.clone());
            session.count_nonce_fetch(now);
            return self.send_get(session, Operation::NewNonce, Method::HEAD, &url);
        };
        self.signed_with = session.key_generation();
        let message = jws::request(&key, &reference, &nonce, url.as_str(), &payload);
        match &key {
            SigningKey::Memory(signer) => {
                let signature = signer.sign(message.as_bytes()).map_err(Error::Sign)?;
                let body = jws::flattened(&message, &signature).into_bytes();
                self.stage = Stage::Request(url.clone());
                self.send(session, self.request.operation, Method::POST, &url, body)
            }
            SigningKey::External(key) => {
                self.stage = Stage::Signature(url, message.clone());
                Ok(Next::Sign(ToSign { key: key.name.clone(), message: message.into_bytes() }))
            }
        }
    }

    /// Takes a signature that was asked for; without an exchange there is something else next.
    pub(crate) fn signed(
        &mut self,
        session: &Session,
        signature: Result<Vec<u8>, SignError>,
    ) -> Result<Option<Box<Exchange>>, Error> {
        let signature = signature.map_err(Error::Sign)?;
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Statement(message) => {
                self.statement = Some(jws::flattened(&message, &signature));
                Ok(None)
            }
            Stage::Signature(url, message) => {
                let body = jws::flattened(&message, &signature).into_bytes();
                self.stage = Stage::Request(url.clone());
                match self.send(session, self.request.operation, Method::POST, &url, body)? {
                    Next::Send(exchange) => Ok(Some(exchange)),
                    Next::Sign(_) | Next::Wait(_) => Ok(None),
                }
            }
            Stage::Idle | Stage::Directory(_) | Stage::Nonce(_) | Stage::Request(_) => {
                Err(Misuse::Input.into())
            }
        }
    }

    /// Takes the outcome of the exchange; `None` means that the call goes on.
    pub(crate) fn take(
        &mut self,
        session: &mut Session,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Option<T>, Error> {
        let (operation, url) = match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle | Stage::Statement(_) | Stage::Signature(..) => return Err(Misuse::Input.into()),
            Stage::Directory(url) => (Operation::Directory, url),
            Stage::Nonce(url) => (Operation::NewNonce, url),
            Stage::Request(url) => (self.request.operation, url),
        };
        let response = match outcome {
            Ok(response) => response,
            Err(source) => return self.undelivered(operation, source).map(|()| None),
        };
        let (parts, body) = response.into_parts();
        let reply = Reply {
            operation,
            url,
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            received: now,
        };
        if operation == self.request.operation {
            return self.answered(session, &reply);
        }
        if operation == Operation::Directory {
            return self.take_directory(session, &reply).map(|()| None);
        }
        self.take_nonce(session, &reply).map(|()| None)
    }

    fn nonce(&mut self, session: &mut Session, now: Timestamp) -> Option<String> {
        let nonce = self.own_nonce.take();
        if self.distrusts_pool { nonce } else { nonce.or_else(|| session.take_nonce(now)) }
    }

    fn is_signed(&self) -> bool {
        !matches!(self.request.signature, Signature::Nobody)
    }

    fn needs_directory(&self, session: &Session, now: Timestamp) -> bool {
        let is_resource = match &self.request.target {
            Target::Directory => return true,
            Target::NewAccount | Target::NewNonce | Target::NewOrder | Target::RevokeCert => true,
            Target::KeyChange | Target::NewAuthz | Target::RenewalInfo(_) => true,
            Target::Account | Target::Text(_) => false,
        };
        (is_resource || self.is_signed()) && session.fresh_directory(now).is_none()
    }

    fn target_url(&self, session: &Session) -> Result<Url, Error> {
        match &self.request.target {
            Target::Directory => Ok(session.directory_url.clone()),
            Target::KeyChange => resource(session, Operation::KeyChange, |d| d.key_change.as_ref()),
            Target::NewAccount => resource(session, Operation::NewAccount, |d| d.new_account.as_ref()),
            Target::NewAuthz => resource(session, Operation::NewAuthz, |d| d.new_authz.as_ref()),
            Target::NewNonce => resource(session, Operation::NewNonce, |d| d.new_nonce.as_ref()),
            Target::NewOrder => resource(session, Operation::NewOrder, |d| d.new_order.as_ref()),
            Target::RevokeCert => resource(session, Operation::RevokeCert, |d| d.revoke_cert.as_ref()),
            Target::RenewalInfo(id) => {
                let url = resource(session, Operation::RenewalInfo, |d| d.renewal_info.as_ref())?;
                url.child(id)
                    .ok_or_else(|| Error::protocol(Operation::RenewalInfo, Violation::Url(id.clone())))
            }
            Target::Account => Ok(session.account()?.url.clone()),
            Target::Text(text) => Url::parse(text)
                .ok_or_else(|| Error::protocol(self.request.operation, Violation::Url(text.clone()))),
        }
    }

    /// Who signs, and how the CA knows the key.
    fn key(&self, session: &Session) -> Result<(SigningKey, KeyReference), Error> {
        match &self.request.signature {
            Signature::Key(key) => Ok((key.clone(), KeyReference::Jwk)),
            Signature::Account | Signature::Nobody => {
                let account = session.account()?;
                Ok((account.key.clone(), KeyReference::Kid(account.url.to_string())))
            }
        }
    }

    fn payload(&self, session: &Session, key: &SigningKey, url: &Url) -> Result<Prepared, Error> {
        let payload = match &self.request.payload {
            Payload::Empty => String::new(),
            Payload::Json(payload) => payload.clone(),
            Payload::KeyChange(new_key) => return self.statement(session, new_key, url),
            Payload::Registration(registration) => registration.payload(session, key, url)?,
        };
        Ok(Prepared::Payload(payload))
    }

    /// What the new key has to say; without a nonce it is good for every repetition.
    fn statement(&self, session: &Session, new_key: &SigningKey, url: &Url) -> Result<Prepared, Error> {
        if let Some(statement) = &self.statement {
            return Ok(Prepared::Payload(statement.clone()));
        }
        let account = session.account()?;
        let message = jws::change_of_key(new_key, url.as_str(), account.url.as_str(), account.key.jwk());
        match new_key {
            SigningKey::Memory(signer) => {
                let signature = signer.sign(message.as_bytes()).map_err(Error::Sign)?;
                Ok(Prepared::Payload(jws::flattened(&message, &signature)))
            }
            SigningKey::External(key) => Ok(Prepared::ToSign(key.name.clone(), message)),
        }
    }

    fn send_get(
        &self,
        session: &Session,
        operation: Operation,
        method: Method,
        url: &Url,
    ) -> Result<Next, Error> {
        self.send(session, operation, method, url, Vec::new())
    }

    fn send(
        &self,
        session: &Session,
        operation: Operation,
        method: Method,
        url: &Url,
        body: Vec<u8>,
    ) -> Result<Next, Error> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(url.uri().clone())
            .header(USER_AGENT, session.user_agent.as_str())
            .header(ACCEPT_LANGUAGE, session.language.as_str());
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/jose+json");
        }
        if let (Some(media_type), true) = (self.request.accept, operation == self.request.operation) {
            request = request.header(ACCEPT, media_type);
        }
        let request = request
            .body(body)
            .map_err(|_| Error::protocol(operation, Violation::Url(url.as_str().into())))?;
        let exchange = Exchange::new(request, operation, limits::MAX_BODY, limits::EXCHANGE_TIME_LIMIT);
        Ok(Next::Send(Box::new(exchange)))
    }

    /// No response came: again, or the end.
    fn undelivered(&mut self, operation: Operation, source: TransportError) -> Result<(), Error> {
        let was_request = operation == self.request.operation;
        let is_safe = source.delivery == Delivery::NotSent || self.request.is_repeatable || !was_request;
        if is_safe && source.is_temporary() && self.may_try_again(None) {
            return Ok(());
        }
        Err(Error::Transport { operation, source })
    }

    /// Counts a try; the second follows at once, the last after a wait.
    fn may_try_again(&mut self, wait: Option<Duration>) -> bool {
        self.tries += 1;
        if self.tries >= limits::MAX_TRIES {
            return false;
        }
        self.wait = wait.or_else(|| (self.tries > 1).then_some(limits::RETRY_WAIT));
        true
    }

    fn answered(&mut self, session: &mut Session, reply: &Reply) -> Result<Option<T>, Error> {
        let nonce = reply.nonce();
        if reply.is_success() {
            self.keep(session, nonce, reply.received);
            if reply.operation == Operation::Directory {
                session.remember_directory(Directory::decode(reply)?, reply.received);
            }
            return (self.decode)(reply).map(Some);
        }
        if (300..400).contains(&reply.status) {
            if reply.operation == Operation::Directory {
                return self.follow(reply).map(|()| None);
            }
            self.keep(session, nonce, reply.received);
            return Err(reply.violation(Violation::Redirect));
        }
        let refusal = reply.refusal();
        if refusal.problem.kind == ProblemKind::BadNonce {
            if self.is_signed() && self.may_use_another_nonce() {
                self.distrusts_pool = nonce.is_none();
                self.own_nonce = nonce;
                return Ok(None);
            }
            return Err(refusal.into());
        }
        self.keep(session, nonce, reply.received);
        if self.is_directory_stale(reply) {
            self.refetch_directory(session);
            return Ok(None);
        }
        if self.may_use_another_key(session, reply.status) {
            return Ok(None);
        }
        let is_short = refusal.retry_after.is_none_or(|wait| wait <= limits::MAX_WAIT);
        if self.request.is_repeatable && refusal.is_temporary() && is_short {
            let wait = refusal.retry_after.map(|wait| session.with_jitter(wait));
            if self.may_try_again(wait) {
                return Ok(None);
            }
        }
        Err(refusal.into())
    }

    fn keep(&self, session: &mut Session, nonce: Option<String>, now: Timestamp) {
        if let Some(nonce) = nonce {
            session.add_nonce(nonce, now);
        }
    }

    fn may_use_another_nonce(&mut self) -> bool {
        self.nonce_retries += 1;
        if self.nonce_retries > limits::MAX_NONCE_RETRIES {
            return false;
        }
        if self.nonce_retries > limits::IMMEDIATE_NONCE_RETRIES {
            self.wait = Some(limits::NONCE_RETRY_WAIT);
        }
        true
    }

    /// A signature of a key that is not in force any more, or will not be in a moment.
    fn may_use_another_key(&mut self, session: &Session, status: u16) -> bool {
        let is_account = matches!(self.request.signature, Signature::Account);
        let is_old = session.key_generation() != self.signed_with || session.is_changing_key();
        if !is_account || !is_old || self.request.is_bound_to_key || self.signed_again {
            return false;
        }
        self.signed_again = (400..404).contains(&status);
        self.key_wait = self.signed_again.then_some(Duration::ZERO);
        self.signed_again
    }

    /// Waits for the end of a change of keys, but not for ever: who changes them may be gone.
    fn wait_for_key(&mut self, session: &Session) -> Option<Duration> {
        let waited = self.key_wait?;
        if !session.is_changing_key() || waited >= limits::MAX_WAIT {
            self.key_wait = None;
            return None;
        }
        self.key_wait = Some(waited + limits::KEY_CHANGE_WAIT);
        Some(limits::KEY_CHANGE_WAIT)
    }

    /// A resource of the directory that is not there: the CA may have moved it.
    fn is_directory_stale(&self, reply: &Reply) -> bool {
        let is_resource = matches!(
            self.request.target,
            Target::KeyChange
                | Target::NewAccount
                | Target::NewAuthz
                | Target::NewNonce
                | Target::NewOrder
                | Target::RevokeCert
        );
        reply.status == StatusCode::NOT_FOUND.as_u16()
            && (is_resource || reply.operation == Operation::NewNonce)
            && !self.directory_refetched
    }

    fn refetch_directory(&mut self, session: &mut Session) {
        session.forget_directory();
        self.directory_refetched = true;
    }

    fn take_directory(&mut self, session: &mut Session, reply: &Reply) -> Result<(), Error> {
        if let Some(nonce) = reply.nonce() {
            session.add_nonce(nonce, reply.received);
        }
        if reply.is_success() {
            session.remember_directory(Directory::decode(reply)?, reply.received);
            return Ok(());
        }
        if (300..400).contains(&reply.status) {
            return self.follow(reply);
        }
        self.side_request_refused(reply)
    }

    fn follow(&mut self, reply: &Reply) -> Result<(), Error> {
        self.redirects += 1;
        match reply.location() {
            Some(url) if self.redirects <= limits::MAX_REDIRECTS => {
                self.stage = Stage::Directory(url);
                Ok(())
            }
            Some(_) | None => Err(reply.violation(Violation::Redirect)),
        }
    }

    fn take_nonce(&mut self, session: &mut Session, reply: &Reply) -> Result<(), Error> {
        self.own_nonce = reply.nonce();
        if self.own_nonce.is_some() {
            return Ok(());
        }
        if reply.is_success() {
            return Err(reply.violation(Violation::Header("Replay-Nonce")));
        }
        if self.is_directory_stale(reply) {
            self.refetch_directory(session);
            return Ok(());
        }
        self.side_request_refused(reply)
    }

    /// The directory or a nonce was refused: again, or the end.
    fn side_request_refused(&mut self, reply: &Reply) -> Result<(), Error> {
        let refusal = reply.refusal();
        let is_short = refusal.retry_after.is_none_or(|wait| wait <= limits::MAX_WAIT);
        if refusal.is_temporary() && is_short && self.may_try_again(refusal.retry_after) {
            return Ok(());
        }
        Err(refusal.into())
    }
}

impl<T> Call<T> {
    /// Goes on as part of a flow.
    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<T>, Error> {
        if self.is_waiting {
            cx.take_elapsed()?;
            self.is_waiting = false;
        } else if matches!(self.stage, Stage::Statement(_) | Stage::Signature(..)) {
            let signature = cx.take_signature()?;
            if let Some(exchange) = self.signed(cx.session, signature)? {
                return Ok(Progress::Pending(Step::Exchange(vec![*exchange])));
            }
        } else if !matches!(self.stage, Stage::Idle) {
            let outcome = cx.take_response()?;
            if let Some(output) = self.take(cx.session, outcome, cx.now)? {
                return Ok(Progress::Ready(output));
            }
        } else {
            cx.take_nothing()?;
        }
        Ok(Progress::Pending(match self.next(cx.session, cx.now)? {
            Next::Send(exchange) => Step::Exchange(vec![*exchange]),
            Next::Sign(message) => Step::Sign(vec![message]),
            Next::Wait(wait) => {
                self.is_waiting = true;
                Step::Wait(wait)
            }
        }))
    }
}

impl<T> Flow for Call<T> {
    type Context = Session;
    type Output = T;

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<T>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        Ok(Step::Done(ready!(self.poll(&mut cx)?)))
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.request.operation).finish_non_exhaustive()
    }
}

fn resource(
    session: &Session,
    operation: Operation,
    member: impl FnOnce(&Directory) -> Option<&Url>,
) -> Result<Url, Error> {
    session.directory().and_then(member).cloned().ok_or_else(|| Misuse::NotOffered(operation).into())
}
