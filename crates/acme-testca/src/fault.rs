//! The fault script: what the CA does wrong, when, and how often.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::{error::Error, problem::Problem, route::Operation};

/// A rule of the fault script: at which requests what goes wrong.
///
/// ```
/// use acme_testca::{Action, Fault, Operation};
///
/// // The second newOrder and the third are carried out, and their responses lost.
/// let fault = Fault::on(Operation::NewOrder, Action::LoseResponse).nth(2).times(2);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a fault happens once it is added to a CA"]
pub struct Fault {
    on: Option<Operation>,
    identifier: Option<String>,
    #[serde(default = "one")]
    nth: u64,
    #[serde(default = "one")]
    every: u64,
    #[serde(default)]
    times: Times,
    action: Action,
}

impl Fault {
    /// Does something at the first request for an operation.
    pub fn on(operation: Operation, action: Action) -> Self {
        Self { on: Some(operation), ..Self::on_any(action) }
    }

    /// Does something at the first request, whatever it is for.
    pub fn on_any(action: Action) -> Self {
        Self { on: None, identifier: None, nth: 1, every: 1, times: Times::default(), action }
    }

    /// Counts only requests that concern this name: newOrder, and those about an order, an
    /// authorization, a challenge or a certificate.
    pub fn identifier(mut self, name: impl Into<String>) -> Self {
        self.identifier = Some(name.into());
        self
    }

    /// Begins with the nth request that counts, the first being 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// Happens at every nth request that counts, from the first one on.
    pub fn every(mut self, every: u64) -> Self {
        self.every = every;
        self
    }

    /// Happens so many times, and then no more. Once if nothing is said.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Times::Count(times);
        self
    }

    /// Happens without end.
    pub fn always(mut self) -> Self {
        self.times = Times::Word(Always::Always);
        self
    }
}

/// What goes wrong. In a script the names are in snake case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Refuses the nonce, with a new one in the response (RFC 8555 section 6.5).
    BadNonce,
    /// Refuses the nonce, without a new one, as Vault does.
    BadNonceWithoutNonce,
    /// Answers with a status and HTML, as a load balancer does; nothing else happens.
    Status(StatusFault),
    /// Answers with a problem document; nothing else happens.
    Problem(ProblemFault),
    /// Answers with a redirect; nothing else happens.
    Redirect(RedirectFault),
    /// Closes the connection before anything happens.
    Drop,
    /// Does what was asked for, then closes the connection instead of answering.
    LoseResponse,
    /// Answers later, by this many milliseconds.
    DelayMs(u64),
    /// Sets Retry-After to any text: `soon`, `-5`, `18446744073709551615`.
    RetryAfter(String),
    /// Sets Retry-After to the date so many seconds from now; a negative number is in the past.
    RetryAfterDate(i64),
    /// Leaves Location out.
    MissingLocation,
    /// Leaves Replay-Nonce out.
    MissingNonce,
    /// Sends Replay-Nonce twice, with two good nonces.
    DuplicateNonce,
    /// Sends a Replay-Nonce that is not base64url (RFC 8555 section 6.5.1).
    InvalidNonce,
    /// Sends another body than the chain of the certificate.
    Chain(ChainFault),
    /// Sends the first half of the body, as if it were all.
    TruncatedBody,
    /// Sends a JSON array where an object is due.
    WrongType,
    /// Sends the body over and over, without end.
    EndlessBody,
    /// Sends another Content-Type.
    ContentType(String),
    /// Adds members that no RFC knows.
    ExtraMembers,
    /// Adds `null` for all optional members that are absent.
    NullMembers,
    /// Sets a member of the body.
    Member(MemberFault),
    /// Sets `status` to one that no RFC knows.
    UnknownStatus(String),
    /// Moves the window of renewalInfo in this response.
    RenewalWindow(WindowFault),
    /// Turns the authorization invalid (of an order: its first one), with this problem in the
    /// challenge. A challenge that is answered stays `processing` in this one response.
    InvalidateAuthorization(Problem),
    /// Turns the order invalid, with this problem. A finalize is accepted first.
    InvalidateOrder(Problem),
    /// Lets the order expire.
    ExpireOrder,
    /// Forgets the order: it is 404 from now on.
    ForgetOrder,
}

/// A status with an HTML page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StatusFault {
    /// The status: 500, 502, 503.
    pub status: u16,
    /// The page; one that names the status if there is none.
    #[serde(default)]
    pub body: Option<String>,
    /// The Retry-After header.
    #[serde(default)]
    pub retry_after: Option<String>,
}

impl StatusFault {
    /// A status with the page of a load balancer.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, body: None, retry_after: None }
    }

    /// Adds a Retry-After header.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }
}

/// A problem document with its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProblemFault {
    /// The type, as in [`Problem::kind`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The status; 400 if it is zero.
    pub status: u16,
    /// The explanation.
    pub detail: String,
    /// The page a human has to visit.
    pub instance: Option<Box<str>>,
    /// What went wrong with each identifier.
    pub subproblems: Vec<Problem>,
    /// The Retry-After header.
    pub retry_after: Option<String>,
    /// Links with `rel="help"` (RFC 8555 section 6.6).
    pub help: Vec<String>,
    /// The Location header: which account has the key (RFC 8555 section 7.3.5).
    pub location: Option<String>,
}

impl ProblemFault {
    /// Adds a Retry-After header.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// Adds a link with `rel="help"`.
    #[must_use]
    pub fn help(mut self, url: impl Into<String>) -> Self {
        self.help.push(url.into());
        self
    }

    /// Adds a Location header.
    #[must_use]
    pub fn location(mut self, url: impl Into<String>) -> Self {
        self.location = Some(url.into());
        self
    }

    pub(crate) fn problem(&self) -> Problem {
        let mut problem = Problem::new(&self.kind, self.status, self.detail.clone());
        problem.instance.clone_from(&self.instance);
        problem.subproblems.clone_from(&self.subproblems);
        problem.completed()
    }
}

impl From<Problem> for ProblemFault {
    fn from(problem: Problem) -> Self {
        Self {
            kind: problem.kind,
            status: problem.status,
            detail: problem.detail,
            instance: problem.instance,
            subproblems: problem.subproblems,
            retry_after: None,
            help: Vec::new(),
            location: None,
        }
    }
}

/// A renewal window that moves with the clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowFault {
    /// Where it begins, in seconds from now; a negative number is in the past.
    pub start: i64,
    /// Where it ends, in seconds from now. It may lie before the start.
    pub end: i64,
    /// A page that says why.
    #[serde(default)]
    pub explanation_url: Option<String>,
}

/// A redirect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectFault {
    /// The status: 301, 302, 307, 308.
    pub status: u16,
    /// Where to.
    pub location: String,
}

/// A member of a JSON body and its value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberFault {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChainFault {
    /// The leaf has the right names, and a key that the client does not know.
    OtherKey,
    /// The leaf has the right key, and another name.
    WrongNames,
    /// There is a PRIVATE KEY block beside the certificates (RFC 8555 section 11.4).
    PrivateKey,
    /// The PEM blocks hold no DER.
    Garbage,
    /// There is no PEM.
    NoPem,
    /// There is nothing.
    Empty,
    /// The intermediate is missing.
    LeafOnly,
    /// The leaf comes last.
    Reversed,
}

/// A fault script in TOML: a list of `[[fault]]`.
///
/// | key | meaning | if absent |
/// |---|---|---|
/// | `on` | the [`Operation`] in snake case | any request counts |
/// | `identifier` | as [`Fault::identifier`] | any name |
/// | `nth` | which of the requests that count is the first to be hit | 1 |
/// | `every` | from there on, every how many | 1 |
/// | `times` | how often in all, or `"always"` | 1 |
/// | `action` | the [`Action`] in snake case: a string, or a table with its one argument | needed |
///
/// ```
/// let script = acme_testca::Script::from_toml(r#"
///     ## The first newOrder runs into a rate limit.
///     [[fault]]
///     on = "new_order"
///     [fault.action.problem]
///     type = "rateLimited"
///     status = 429
///     detail = "too many new orders"
///     retry_after = "60"
///     help = ["https://testca.invalid/rate-limits"]
///
///     ## The response to each second finalize is lost.
///     [[fault]]
///     on = "finalize"
///     every = 2
///     times = "always"
///     action = "lose_response"
///
///     ## One of the names cannot be validated.
///     [[fault]]
///     on = "challenge"
///     identifier = "bad.example"
///     [fault.action.invalidate_authorization]
///     type = "dns"
///     detail = "no such name"
///
///     ## A load balancer is in the way, twice.
///     [[fault]]
///     times = 2
///     action.status = { status = 503, retry_after = "1" }
///
///     [[fault]]
///     on = "certificate"
///     action.chain = "other_key"
///
///     [[fault]]
///     on = "order"
///     nth = 3
///     action.retry_after = "soon"
///
///     ## All certificates are to be renewed at once.
///     [[fault]]
///     on = "renewal_info"
///     times = "always"
///     action.renewal_window = { start = -3600, end = -1800, explanation_url = "https://testca.invalid/why" }
/// "#)?;
/// assert_eq!(script.into_faults().len(), 7);
/// # Ok::<(), acme_testca::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[serde(default)]
    fault: Vec<Fault>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// Text that is not TOML, and keys and values that no rule has; the source names the line.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Script(Box::new(error)))
    }

    /// Its rules, in order.
    #[must_use]
    pub fn into_faults(self) -> Vec<Fault> {
        self.fault
    }
}

/// The faults of a CA and how often their requests came.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    struck: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.rules.extend(faults.into_iter().map(|fault| Armed { fault, seen: 0, struck: 0 }));
    }

    /// The actions that a request meets, in the order of the rules.
    pub(crate) fn strike(&mut self, operation: Operation, subjects: &[String]) -> Vec<Action> {
        let struck = self.rules.iter_mut().filter_map(|rule| rule.strike(operation, subjects));
        struck.collect()
    }

    pub(crate) fn look_at_names(&self) -> bool {
        self.rules.iter().any(|rule| rule.fault.identifier.is_some())
    }
}

impl Armed {
    fn strike(&mut self, operation: Operation, subjects: &[String]) -> Option<Action> {
        let fault = &self.fault;
        let counts = fault.on.is_none_or(|on| on == operation)
            && fault.identifier.as_ref().is_none_or(|name| subjects.contains(name));
        if !counts {
            return None;
        }
        self.seen += 1;
        let since = self.seen.checked_sub(fault.nth.max(1))?;
        if !since.is_multiple_of(fault.every.max(1)) || !fault.times.allows(self.struck) {
            return None;
        }
        self.struck += 1;
        Some(fault.action.clone())
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Times {
    Count(u64),
    Word(Always),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Always {
    Always,
}

impl Times {
    fn allows(self, struck: u64) -> bool {
        match self {
            Self::Count(times) => struck < times,
            Self::Word(Always::Always) => true,
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl Action {
    /// The delay that it asks for.
    pub(crate) fn delay(&self) -> Option<Duration> {
        let Self::DelayMs(delay) = self else {
            return None;
        };
        Some(Duration::from_millis(*delay))
    }
}

fn one() -> u64 {
    1
}
