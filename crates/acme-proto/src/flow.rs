//! The contract between a flow and its driver.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use jiff::Timestamp;

use crate::challenge::Challenge;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, SignError, SolverError, StoreError, TransportError};

/// An operation that may take several requests, without the I/O.
///
/// A flow has one thing outstanding: the step that the last [`resume`](Self::resume) returned.
/// The driver carries it out and hands the result to the next call. After [`Step::Done`] or an
/// error the flow is over.
pub trait Flow {
    /// What the flows of one conversation share: [`Session`](crate::Session) for ACME.
    type Context;
    /// What the flow ends in.
    type Output;

    /// Takes the result of the last step and returns the next one.
    ///
    /// # Errors
    /// The first error that the flow met. What it had presented was withdrawn before.
    fn resume(
        &mut self,
        context: &mut Self::Context,
        input: Input,
        now: Timestamp,
    ) -> Result<Step<Self::Output>, Error>;

    /// The challenges that may be in place now: what a driver that is dropped has to hand to
    /// whoever takes them away.
    fn presented(&self) -> &[Challenge] {
        &[]
    }
}

/// What a driver has to do next. The list is closed: a driver carries out every kind of step.
#[derive(Debug)]
#[must_use = "a flow makes no progress until its step is carried out"]
pub enum Step<T> {
    /// Perform all of these, concurrently if possible; at most the session's width of them.
    /// Answer with [`Input::Responses`].
    Exchange(Vec<Exchange>),
    /// Sign these with keys that are not in memory. Answer with [`Input::Signed`].
    Sign(Vec<ToSign>),
    /// Let time pass. Answer with [`Input::Elapsed`].
    Wait(Duration),
    /// Make this durable. Answer with [`Input::Saved`].
    Save(Box<Checkpoint>),
    /// Put all these responses in place. Answer with [`Input::Solver`].
    Present(Vec<Challenge>),
    /// Take these responses away; one that is not there is no error. Answer with
    /// [`Input::Solver`].
    Withdraw(Vec<Challenge>),
    /// The flow is over.
    Done(T),
}

/// The result of a step.
#[derive(Debug)]
pub enum Input {
    /// The first call.
    Start,
    /// The responses to [`Step::Exchange`], in the same order.
    Responses(Vec<Result<http::Response<Vec<u8>>, TransportError>>),
    /// The signatures of [`Step::Sign`], in the same order.
    Signed(Vec<Result<Vec<u8>, SignError>>),
    /// The time of [`Step::Wait`] has passed.
    Elapsed,
    /// The outcome of [`Step::Save`].
    Saved(Result<(), StoreError>),
    /// The outcomes of [`Step::Present`] or [`Step::Withdraw`], one for each challenge.
    Solver(Vec<Result<(), SolverError>>),
    /// End early, whatever was expected. The flow goes on with what it takes to leave nothing
    /// behind, then ends in [`Error::Cancelled`].
    Cancel,
}

/// A request, and the bounds within which to perform it.
///
/// A driver follows no redirect, retries nothing and decodes nothing.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The request; its URL is absolute and https.
    pub request: http::Request<Vec<u8>>,
    /// What the request is for.
    pub operation: Operation,
    /// The largest body to read, in bytes; a larger one is a transport error.
    pub max_body: usize,
    /// How long the exchange may take, from look-up to the last byte.
    pub time_limit: Duration,
}

impl Exchange {
    /// Puts an exchange together.
    #[must_use]
    pub fn new(
        request: http::Request<Vec<u8>>,
        operation: Operation,
        max_body: usize,
        time_limit: Duration,
    ) -> Self {
        Self { request, operation, max_body, time_limit }
    }
}

/// A message that a key outside this process has to sign. The signature is as that of a
/// [`Signer`](crate::Signer): for ECDSA R and S at full length, not DER.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToSign {
    /// Which key, in the words of the one who configured it.
    pub key: String,
    /// What to sign.
    pub message: Vec<u8>,
}

/// What a request is for: the name of a driver's span, and the scope of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Reading or updating the account.
    Account,
    /// Reading an authorization, or deactivating it.
    Authorization,
    /// Downloading a certificate.
    Certificate,
    /// Answering a challenge.
    Challenge,
    /// Fetching the directory.
    Directory,
    /// Writing records of the DNS at a DNS service, or asking a resolver for some.
    Dns,
    /// Finalizing an order.
    Finalize,
    /// Replacing the account's key.
    KeyChange,
    /// Finding or making the account.
    NewAccount,
    /// Authorizing a name before any order.
    NewAuthz,
    /// Fetching a nonce.
    NewNonce,
    /// Making an order.
    NewOrder,
    /// Reading an order.
    Order,
    /// Reading the account's list of orders.
    Orders,
    /// Asking when to renew a certificate.
    RenewalInfo,
    /// Revoking a certificate.
    RevokeCert,
}

impl Operation {
    /// The name in logs: the resource's name in RFC 8555, where it is one.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Authorization => "authorization",
            Self::Certificate => "certificate",
            Self::Challenge => "challenge",
            Self::Directory => "directory",
            Self::Dns => "dns",
            Self::Finalize => "finalize",
            Self::KeyChange => "keyChange",
            Self::NewAccount => "newAccount",
            Self::NewAuthz => "newAuthz",
            Self::NewNonce => "newNonce",
            Self::NewOrder => "newOrder",
            Self::Order => "order",
            Self::Orders => "orders",
            Self::RenewalInfo => "renewalInfo",
            Self::RevokeCert => "revokeCert",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
