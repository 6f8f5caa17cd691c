//! How control of the names is proved, set up before any CA is asked.

mod prepared;
mod stateless;

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::check::{Fault, Finding};
use acme_solver::{BindError, Http01, PortOwner, TlsAlpn01, Webroot, WebrootError};
use acme_store::{CertificateName, ChallengeMethod, Store};

use crate::advice::Advice;
use crate::dns::DnsSetupError;
use crate::hooks::HookError;
use crate::invocation::{self, Invocation};
use crate::responder::ResponderError;

pub(crate) use prepared::{Detour, Prepared, prepare, self_check};
pub(crate) use stateless::{StatelessError, is_stateless, refuse_dry_run};

/// Why control of the names can't be proved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChallengeError {
    #[error(transparent)]
    Dns(#[from] DnsSetupError),
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error("{}", in_use(*address, owner.as_ref()))]
    InUse { over: Over, address: SocketAddr, owner: Option<PortOwner> },
    #[error(transparent)]
    Listen(Unbound),
    #[error("this method of proving control is not supported by this version")]
    Method,
    #[error(transparent)]
    NotPermitted(Unbound),
    #[error(transparent)]
    Responder(#[from] ResponderError),
    #[error(transparent)]
    Stateless(#[from] StatelessError),
    #[error("the webroot can't be used")]
    Webroot(#[from] WebrootError),
    #[error("control of {identifier} can't be proved this way: {}", why_not(identifier))]
    Unable { identifier: Identifier },
}

impl ChallengeError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        let line = invocation
            .without(&["--http-listen", "--tls-alpn-listen", "--webroot", "-w"])
            .without_flags(&["--http", "--standalone", "--tls-alpn"]);
        match self {
            Self::Dns(error) => error.advice(),
            Self::Hook(error) => error.advice(),
            Self::InUse { over, address, owner } => in_use_advice(*over, &line, *address, owner.as_ref()),
            Self::Listen(Unbound { over, .. }) => {
                vec![Advice::text(format!("give an address of this machine to {}", over.option()))]
            }
            Self::Method => vec![Advice::text("give --dns PROVIDER, --http, --tls-alpn or --webroot DIR")],
            Self::NotPermitted(Unbound { over, .. }) => not_permitted(over.proxied(&line)),
            Self::Responder(error) => error.advice(),
            Self::Stateless(error) => error.advice(invocation),
            Self::Webroot(WebrootError::Missing { .. } | WebrootError::NotADirectory { .. }) => {
                vec![Advice::text("give the directory that the web server serves as /")]
            }
            Self::Webroot(_) => vec![Advice::text("run as a user who may write there")],
            Self::Unable { identifier } if identifier.is_wildcard() => vec![
                Advice::text("let the API of a DNS service prove it, beside what is given for other names:"),
                Advice::paste(invocation.with("--dns PROVIDER")),
                Advice::text("see the services that are known:"),
                Advice::paste("acmectl dns"),
            ],
            Self::Unable { .. } => vec![Advice::text("give --http, --tls-alpn or --webroot DIR beside it")],
        }
    }
}

impl ChallengeError {
    /// What is wrong for a name, where it is this machine that is not set up for it.
    pub(crate) fn finding(&self, name: &Identifier) -> Option<Finding> {
        let (fault, remedy) = match self {
            Self::InUse { over, .. } => (Fault::PortTaken, over.beside()),
            Self::Listen(Unbound { over, .. }) => {
                (Fault::ListenAddress, format!("give an address of this machine to {}", over.option()))
            }
            Self::NotPermitted(_) => {
                let line = format!("sudo setcap cap_net_bind_service=+ep {}", invocation::program());
                (Fault::PortForbidden, format!("run it as root, or allow it: {line}"))
            }
            Self::Webroot(WebrootError::Missing { .. } | WebrootError::NotADirectory { .. }) => {
                (Fault::Webroot, "give the directory that the web server serves as /".to_owned())
            }
            Self::Webroot(_) => (Fault::Webroot, "run as a user who may write there".to_owned()),
            Self::Dns(_)
            | Self::Hook(_)
            | Self::Method
            | Self::Responder(_)
            | Self::Stateless(_)
            | Self::Unable { .. } => return None,
        };
        Some(Finding::new(Some(name), fault, with_causes(self), remedy))
    }
}

/// An error with its causes in one line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A port that could not be had.
#[derive(Debug)]
pub(crate) struct Unbound {
    over: Over,
    error: BindError,
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unbound {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// What a listener of our own answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    Dns,
    Http,
    Tls,
}

impl Over {
    fn option(self) -> &'static str {
        match self {
            Self::Dns => "--dns-listen",
            Self::Http => "--http-listen",
            Self::Tls => "--tls-alpn-listen",
        }
    }

    /// The ways beside a server that has the port.
    fn beside(self) -> String {
        let (own, first) = match self {
            Self::Http => ("--http-listen 127.0.0.1:8080", "let it answer, with --webroot DIR; or "),
            Self::Tls => ("--tls-alpn-listen 127.0.0.1:8443", ""),
            Self::Dns => (self.option(), ""),
        };
        format!("{first}let it pass challenges on to {own}; or stop it while this runs")
    }

    /// The way past a server that has to stay at the port.
    fn proxied(self, line: &Invocation) -> Vec<Advice> {
        match self {
            Self::Dns => vec![
                Advice::text("answer at another port, to which the firewall leads port 53 from outside:"),
                Advice::paste(line.with("--dns-listen 127.0.0.1:5353")),
            ],
            Self::Http => vec![
                Advice::text(
                    "answer at another port, to which a proxy passes /.well-known/acme-challenge/ on:",
                ),
                Advice::paste(line.with("--http-listen 127.0.0.1:8080")),
            ],
            Self::Tls => vec![
                Advice::text("answer beside that server, moved to another port, with a relay in its place:"),
                Advice::paste("acmectl relay --to 127.0.0.1:8443"),
                Advice::paste(line.with("--tls-alpn-listen 127.0.0.1:8444")),
            ],
        }
    }

    pub(crate) fn error(self, error: BindError) -> ChallengeError {
        match error {
            BindError::ServerInZone { .. } | BindError::ServerName(_) | BindError::ZoneName(_) => {
                ResponderError::Name(error).into()
            }
            BindError::InUse { address } => {
                let owner = acme_solver::port_owner(address.port());
                ChallengeError::InUse { over: self, address, owner }
            }
            BindError::NotPermitted { .. } => ChallengeError::NotPermitted(Unbound { over: self, error }),
            BindError::Name(_) | BindError::NotLocal { .. } | BindError::Io { .. } | _ => {
                ChallengeError::Listen(Unbound { over: self, error })
            }
        }
    }
}

/// Sets up what answers http-01 or tls-alpn-01, without a look at what comes of it.
pub(crate) fn prepare_unchecked(method: &ChallengeMethod) -> Result<Box<dyn Solver + Send>, ChallengeError> {
    match method {
        ChallengeMethod::Http { listen } => {
            let listener = Http01::bind(&*listen_at(listen, HTTP_PORT, false));
            Ok(Box::new(listener.map_err(|error| Over::Http.error(error))?))
        }
        ChallengeMethod::Webroot { dir } => Ok(Box::new(Webroot::new(dir.clone())?)),
        ChallengeMethod::TlsAlpn { listen } => {
            let listener = TlsAlpn01::bind(&*listen_at(listen, TLS_PORT, false));
            Ok(Box::new(listener.map_err(|error| Over::Tls.error(error))?))
        }
        ChallengeMethod::Dns { .. } | _ => Err(ChallengeError::Method),
    }
}

/// Where to listen: what was given, else the CA's port of every address, or any for the test CA.
fn listen_at(given: &[SocketAddr], port: u16, is_dev: bool) -> Cow<'_, [SocketAddr]> {
    match given {
        [] if is_dev => vec![(Ipv4Addr::LOCALHOST, 0).into()].into(),
        [] => vec![(Ipv6Addr::UNSPECIFIED, port).into()].into(),
        addresses => addresses.into(),
    }
}

fn why_not(identifier: &Identifier) -> &'static str {
    if identifier.is_wildcard() {
        return "a wildcard needs a DNS challenge";
    }
    "DNS challenges are for names"
}

pub(crate) fn in_use(address: SocketAddr, owner: Option<&PortOwner>) -> String {
    match owner {
        Some(owner) => format!("{address} is in use by {} (process {})", owner.program, owner.pid),
        None => format!("{address} is in use"),
    }
}

fn in_use_advice(
    over: Over,
    line: &Invocation,
    address: SocketAddr,
    owner: Option<&PortOwner>,
) -> Vec<Advice> {
    let mut advice = match over {
        Over::Http => vec![
            Advice::text("let the server that is there answer, through the directory it serves as /:"),
            Advice::paste(line.with("--webroot /var/www/html")),
        ],
        Over::Dns | Over::Tls => Vec::new(),
    };
    advice.extend(over.proxied(line));
    advice.push(Advice::text("stop that server while this runs:"));
    advice.push(Advice::paste(match owner {
        Some(owner) => format!("kill {}    # {}", owner.pid, owner.program),
        None => format!("ss -ltnp 'sport = :{}'    # shows which", address.port()),
    }));
    advice
}

fn not_permitted(proxied: Vec<Advice>) -> Vec<Advice> {
    [permission(), proxied].concat()
}

/// The ways to a port that is not for everybody.
pub(crate) fn permission() -> Vec<Advice> {
    vec![
        Advice::text("ports below 1024 are for root; allow this program to use them:"),
        Advice::paste(format!("sudo setcap cap_net_bind_service=+ep {}", invocation::program())),
        Advice::text("let systemd allow it, in the unit that runs this:"),
        Advice::paste("AmbientCapabilities=CAP_NET_BIND_SERVICE"),
    ]
}

/// A solver that notes in the store what was taken away, so that nobody looks for it again.
pub(crate) struct Noted<'a> {
    pub(crate) solver: &'a mut (dyn Solver + Send),
    pub(crate) store: &'a Store,
    pub(crate) name: &'a CertificateName,
}

impl Solver for Noted<'_> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.solver.challenge_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.solver.present(challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let results = self.solver.withdraw(challenges);
        let gone: Vec<Challenge> = challenges
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.is_ok())
            .map(|(challenge, _)| challenge.clone())
            .collect();
        if let Err(error) = self.store.challenges_withdrawn(self.name, &gone) {
            // It stays listed, and is looked for in vain once.
            tracing::warn!(%error, "that responses were taken away could not be noted");
        }
        results
    }
}

pub(crate) const HTTP_PORT: u16 = 80;

pub(crate) const TLS_PORT: u16 = 443;
