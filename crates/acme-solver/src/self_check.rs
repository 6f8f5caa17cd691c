//! A look at http-01 and tls-alpn-01 responses as the CA will, before the CA is told.

mod alpn;
mod fetch;
mod stream;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError, Thumbprint};

use crate::response::http_token;
use target::{Ports, Target};

/// Fetches http-01 responses through port 80, and tls-alpn-01 responses through port 443, as the CA will.
///
/// As a CA does, it takes any certificate. A machine does not always see itself as others do (a router that does not loop back, another
/// DNS view), so that what it finds is a hint, never an error.
#[derive(Clone, Debug)]
pub struct SelfCheck {
    port: u16,
    tls_port: u16,
    addresses: BTreeMap<String, IpAddr>,
    everywhere: Option<IpAddr>,
}

impl SelfCheck {
    /// Most redirects that are followed, as Let's Encrypt does.
    pub const MAX_REDIRECTS: usize = 10;
    /// How long the look at one name takes at most.
    pub const TIME_LIMIT: Duration = Duration::from_secs(5);
    /// How long the look at all names takes at most.
    pub const TOTAL_TIME_LIMIT: Duration = Duration::from_secs(10);
    /// Most names that are looked at at a time, a thread each.
    pub const MAX_THREADS: usize = 32;

    /// Looks at http-01 through a port, which is 80 for every public CA.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { port, tls_port: TLS_PORT, addresses: BTreeMap::new(), everywhere: None }
    }

    /// Looks at tls-alpn-01, and at what redirects to https lead to, through another port than 443.
    #[must_use]
    pub fn tls_port(self, tls_port: u16) -> Self {
        Self { tls_port, ..self }
    }

    /// Takes an address for a name instead of asking the system.
    #[must_use]
    pub fn resolve(mut self, name: &Identifier, address: IpAddr) -> Self {
        self.addresses.insert(name.to_string(), address);
        self
    }

    /// Takes an address for all names without one of their own.
    #[must_use]
    pub fn resolve_all(mut self, address: IpAddr) -> Self {
        self.everywhere = Some(address);
        self
    }

    /// Looks at the http-01 and tls-alpn-01 responses among the challenges, all at the same time; one
    /// finding each, in the same order.
    #[must_use]
    pub fn check(&self, challenges: &[Challenge]) -> Vec<Finding> {
        let jobs = challenges.iter().filter_map(|challenge| {
            let job = Job::new(challenge, self.port, self.tls_port)?;
            Some(((challenge.identifier.clone(), challenge.kind.clone()), job))
        });
        self.look_at_all(jobs.unzip())
    }

    /// Looks whether each name answers a token that was made up as it has to answer those of the CA
    /// for [`StatelessHttp01`](crate::StatelessHttp01); one finding each, in the same order.
    #[must_use]
    pub fn check_thumbprint(
        &self,
        identifiers: &[Identifier],
        token: &str,
        thumbprint: &Thumbprint,
    ) -> Vec<Finding> {
        let path = format!("{}{token}", Challenge::HTTP_PREFIX);
        let jobs = identifiers.iter().map(|identifier| {
            let job = Job::Http {
                target: Target::new(identifier, self.port, path.clone()),
                expected: thumbprint.key_authorization(token).into_bytes(),
            };
            ((identifier.clone(), ChallengeType::Http01), job)
        });
        self.look_at_all(jobs.unzip())
    }

    fn look_at_all(&self, (asked, jobs): (Vec<(Identifier, ChallengeType)>, Vec<Job>)) -> Vec<Finding> {
        let findings = asked
            .into_iter()
            .zip(run(self, jobs))
            .map(|((identifier, method), outcome)| Finding { identifier, method, outcome });
        findings.inspect(Finding::log).collect()
    }

    /// The addresses of a host: one of each family, IPv6 first, as Let's Encrypt has it.
    fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, CheckError> {
        if let Some(address) = self.addresses.get(target.host()).copied().or(self.everywhere) {
            return Ok(vec![SocketAddr::new(address, target.port())]);
        }
        let found = target.resolve().map_err(CheckError::Name)?;
        let first_v6 = found.iter().find(|address| address.is_ipv6());
        let first_v4 = found.iter().find(|address| address.is_ipv4());
        Ok(first_v6.into_iter().chain(first_v4).copied().collect())
    }

    fn look(&self, job: &Job) -> Outcome {
        let deadline = Instant::now() + Self::TIME_LIMIT;
        match job {
            Job::Http { target: Some(target), expected } => self.fetch(target.clone(), expected, deadline),
            Job::Tls { target: Some(target), job } => match self.addresses(target) {
                Ok(addresses) => job.look(&addresses, deadline),
                Err(reason) => Outcome::Unreachable { address: None, reason },
            },
            Job::Http { target: None, .. } | Job::Tls { target: None, .. } => {
                Outcome::Unreachable { address: None, reason: CheckError::Unfit }
            }
        }
    }

    /// Fetches one response, through redirects.
    fn fetch(&self, mut target: Target, expected: &[u8], deadline: Instant) -> Outcome {
        let ports = Ports { http: self.port, https: self.tls_port };
        let mut sets_cookie = false;
        for _ in 0..=Self::MAX_REDIRECTS {
            let addresses = match self.addresses(&target) {
                Ok(addresses) => addresses,
                Err(reason) => return Outcome::Unreachable { address: None, reason },
            };
            let (address, reply) = match fetch::get_any(&addresses, &target, deadline) {
                Ok(found) => found,
                Err((address, reason)) => return Outcome::Unreachable { address, reason },
            };
            let Some(location) = reply.redirect() else {
                return compare(expected, &reply, address);
            };
            sets_cookie |= reply.header("set-cookie").is_some();
            match target.follow(location, ports) {
                Ok(next) if next == target && sets_cookie => {
                    return Outcome::Unreachable { address: Some(address), reason: CheckError::CookieWall };
                }
                Ok(next) => target = next,
                Err(detour) => {
                    let location = fetch::printable(location.as_bytes());
                    return Outcome::Redirected { location, detour };
                }
            }
        }
        let reason = if sets_cookie { CheckError::CookieWall } else { CheckError::Redirects };
        Outcome::Unreachable { address: None, reason }
    }
}

/// What the look at one name found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The name.
    pub identifier: Identifier,
    /// What was looked at.
    pub method: ChallengeType,
    /// What came of it.
    pub outcome: Outcome,
}

impl Finding {
    /// Tells whether the CA can be expected to refuse: another answer came, or none.
    ///
    /// A name that this machine finds no address for is no warning: the CA asks other servers, and
    /// many a network does not know its own names from inside.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self.outcome {
            Outcome::Same | Outcome::Unreachable { reason: CheckError::Name(_), .. } => false,
            Outcome::Certificate { .. }
            | Outcome::Different { .. }
            | Outcome::Redirected { .. }
            | Outcome::Unreachable { .. } => true,
        }
    }

    fn log(&self) {
        let identifier = &self.identifier;
        match &self.outcome {
            Outcome::Different { status, address, .. } => {
                tracing::warn!(%identifier, status, %address, "another answer than the http-01 response");
            }
            Outcome::Certificate { .. }
            | Outcome::Redirected { .. }
            | Outcome::Same
            | Outcome::Unreachable { .. } => {
                let method = self.method.as_str();
                tracing::debug!(%identifier, method, finding = %self, "looked at a response");
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identifier, outcome, .. } = self;
        match outcome {
            Outcome::Certificate { address, names, has_protocol } => {
                write!(f, "{identifier} at {address} shows a certificate for {}", listed(names))?;
                f.write_str(if *has_protocol { "" } else { ", and does not take up acme-tls/1" })
            }
            Outcome::Different { status, first_line, server, address, .. } => {
                write!(f, "{identifier} at {address}")?;
                if let Some(server) = server {
                    write!(f, " ({server})")?;
                }
                write!(f, " answers {status} '{first_line}' instead of the challenge response")
            }
            Outcome::Redirected { location, detour } => {
                write!(f, "{identifier} redirects to {location}, {detour}")
            }
            Outcome::Same => write!(f, "{identifier} answers with the challenge response"),
            Outcome::Unreachable { reason: CheckError::Name(_), .. } => {
                write!(f, "{identifier} was not looked at: this machine finds no address for it")
            }
            Outcome::Unreachable { address: Some(address), reason } => {
                write!(f, "{identifier} at {address} does not answer: {reason}")
            }
            Outcome::Unreachable { address: None, reason } => {
                write!(f, "{identifier} does not answer: {reason}")
            }
        }
    }
}

/// The names of a certificate, so many that a line can hold.
fn listed(names: &[Identifier]) -> String {
    let shown = names.iter().take(MAX_NAMES).map(ToString::to_string).collect::<Vec<_>>();
    match names.len() {
        0 => "no name".to_owned(),
        count if count > MAX_NAMES => format!("{} and {} more", shown.join(", "), count - MAX_NAMES),
        _ => shown.join(", "),
    }
}

/// What came of a look at a response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Another certificate than that of the tls-alpn-01 challenge.
    Certificate {
        /// Where it was shown.
        address: SocketAddr,
        /// The names in it.
        names: Vec<Identifier>,
        /// Whether the server took the protocol acme-tls/1 up.
        has_protocol: bool,
    },
    /// Another answer.
    Different {
        /// The HTTP status.
        status: u16,
        /// The start of the body's first line, without control characters.
        first_line: String,
        /// The `Server` header.
        server: Option<String>,
        /// What the headers say of a proxy or a content delivery network in between.
        proxy: Option<String>,
        /// Where the answer came from.
        address: SocketAddr,
    },
    /// A redirect to where no CA follows.
    Redirected {
        /// Where to.
        location: String,
        /// Why not.
        detour: Detour,
    },
    /// The response.
    Same,
    /// No answer.
    Unreachable {
        /// The address tried last.
        address: Option<SocketAddr>,
        /// Why.
        reason: CheckError,
    },
}

/// Why no CA follows a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Detour {
    /// It is no URL.
    #[error("which is no URL to follow")]
    Form,
    /// It leads to an address instead of a name.
    #[error("an address instead of a name")]
    Host,
    /// It leads to another port than those of http and https.
    #[error("another port than 80 and 443")]
    Port,
    /// It leads to something else than http and https.
    #[error("which is neither http nor https")]
    Scheme,
}

/// Why a look at a response got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The connection could not be made.
    #[error("the connection could not be made")]
    Connect(#[source] io::Error),
    /// Redirects in a circle that set a cookie, and come again without it.
    #[error("it redirects to itself with a cookie, and again without one")]
    CookieWall,
    /// The TLS handshake failed.
    #[error("the TLS handshake failed")]
    Handshake(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[source] io::Error),
    /// This machine finds no address for the name.
    #[error("this machine finds no address for the name")]
    Name(#[source] io::Error),
    /// The server speaks TLS, and refuses the protocol acme-tls/1.
    #[error("it speaks TLS, but not acme-tls/1")]
    NoProtocol,
    /// The answer is not HTTP, or its headers have no end.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// The answer is not TLS.
    #[error("the answer is not TLS")]
    NotTls,
    /// More than [`SelfCheck::MAX_REDIRECTS`] redirects.
    #[error("more than {} redirects", SelfCheck::MAX_REDIRECTS)]
    Redirects,
    /// The answer is TLS, not HTTP.
    #[error("the answer is TLS, not plain HTTP")]
    Tls,
    /// [`SelfCheck::TIME_LIMIT`] or [`SelfCheck::TOTAL_TIME_LIMIT`] ran out.
    #[error("no answer in time")]
    TimeLimit,
    /// The name or the token fits no URL.
    #[error("the name or the token fits no URL")]
    Unfit,
}

/// A solver whose http-01 and tls-alpn-01 responses are looked at before the CA is told.
///
/// What is found goes to an observer and never fails a challenge.
///
/// ```
/// use acme_solver::{Checked, Http01, SelfCheck};
///
/// let solver = Checked::new(Http01::bind("127.0.0.1:0")?, SelfCheck::new(80), |finding| {
///     if finding.is_warning() {
///         eprintln!("{finding}");
///     }
/// });
/// # let _ = solver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.2>
pub struct Checked<S> {
    solver: S,
    check: SelfCheck,
    observer: Box<dyn FnMut(&Finding) + Send>,
}

impl<S: Solver> Checked<S> {
    /// Wraps a solver; the observer gets every finding, good or bad.
    pub fn new(solver: S, check: SelfCheck, observer: impl FnMut(&Finding) + Send + 'static) -> Self {
        Self { solver, check, observer: Box::new(observer) }
    }
}

impl<S: Solver> Solver for Checked<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.solver.challenge_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let results = self.solver.present(challenges);
        let presented = challenges.iter().zip(&results).filter(|(_, result)| result.is_ok());
        let presented: Vec<Challenge> = presented.map(|(challenge, _)| challenge.clone()).collect();
        self.check.check(&presented).iter().for_each(&mut self.observer);
        results
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.solver.withdraw(challenges)
    }
}

impl<S: fmt::Debug> fmt::Debug for Checked<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked")
            .field("solver", &self.solver)
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}

/// One response to look at; no `Debug`, for it holds the key authorization.
enum Job {
    Http {
        target: Option<Target>,
        expected: Vec<u8>,
    },
    Tls {
        /// Whose addresses are looked at.
        target: Option<Target>,
        job: alpn::Job,
    },
}

impl Job {
    /// `None` for a challenge that can't be looked at.
    fn new(challenge: &Challenge, port: u16, tls_port: u16) -> Option<Self> {
        let target = |port, path| Target::new(&challenge.identifier, port, path);
        if challenge.kind == ChallengeType::Http01 {
            let is_fit = http_token(challenge).is_ok();
            return Some(Self::Http {
                target: target(port, challenge.http_path()).filter(|_| is_fit),
                expected: challenge.key_authorization().as_bytes().to_vec(),
            });
        }
        (challenge.kind == ChallengeType::TlsAlpn01)
            .then(|| Self::Tls { target: target(tls_port, "/".to_owned()), job: alpn::Job::new(challenge) })
    }
}

fn compare(expected: &[u8], reply: &fetch::Reply, address: SocketAddr) -> Outcome {
    if reply.status == 200 && reply.body.trim_ascii_end() == expected {
        return Outcome::Same;
    }
    let first_line = reply.body.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    Outcome::Different {
        status: reply.status,
        first_line: fetch::printable(first_line.trim_ascii_end()),
        server: reply.header("server").map(|server| fetch::printable(server.as_bytes())),
        proxy: reply.proxy(),
        address,
    }
}

/// Does all jobs on a few threads, and waits no longer than the total limit. A thread that the
/// system's resolver holds up is left behind; it ends with its job.
fn run(check: &SelfCheck, jobs: Vec<Job>) -> Vec<Outcome> {
    let deadline = Instant::now() + SelfCheck::TOTAL_TIME_LIMIT;
    let count = jobs.len();
    let (sender, outcomes) = mpsc::channel();
    let work = Arc::new((check.clone(), jobs, AtomicUsize::new(0)));
    for _ in 0..count.min(SelfCheck::MAX_THREADS) {
        let (work, sender) = (Arc::clone(&work), sender.clone());
        let look = move || {
            let (check, jobs, next) = &*work;
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(at) else { return };
                if sender.send((at, check.look(job))).is_err() {
                    return;
                }
            }
        };
        // Fewer threads than wanted do the same work; with none, the findings are "not in time".
        let _ = thread::Builder::new().name("acme-self-check".into()).spawn(look);
    }
    drop(sender);
    let late = || Outcome::Unreachable { address: None, reason: CheckError::TimeLimit };
    let mut found: Vec<Outcome> = (0..count).map(|_| late()).collect();
    while let Ok((at, outcome)) = outcomes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(place) = found.get_mut(at) {
            *place = outcome;
        }
    }
    found
}

/// The port of tls-alpn-01 (RFC 8737, section 3).
const TLS_PORT: u16 = 443;
/// Names of a certificate that are shown.
const MAX_NAMES: usize = 3;
