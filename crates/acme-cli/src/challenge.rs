//! How control of the names is proved, set up before any CA is asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::{BindError, Checked, Finding, Http01, PortOwner, SelfCheck, Webroot, WebrootError};
use acme_store::{CertificateName, ChallengeMethod, Store};

use crate::advice::Advice;
use crate::context::Context;
use crate::invocation::{self, Invocation};
use crate::output::Output;

/// Why control of the names can't be proved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChallengeError {
    #[error("{}", in_use(*address, owner.as_ref()))]
    InUse { address: SocketAddr, owner: Option<PortOwner> },
    #[error(transparent)]
    Listen(BindError),
    #[error("this method of proving control is not supported by this version")]
    Method,
    #[error(transparent)]
    NotPermitted(BindError),
    #[error("the webroot can't be used")]
    Webroot(#[from] WebrootError),
    #[error("control of {identifier} can't be proved over HTTP: a wildcard needs a DNS challenge")]
    Wildcard { identifier: Identifier },
}

impl ChallengeError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        let line = invocation
            .without(&["--http-listen", "--webroot", "-w"])
            .without_flags(&["--http", "--standalone"]);
        let proxied = [
            Advice::text("answer at another port, to which a proxy passes /.well-known/acme-challenge/ on:"),
            Advice::paste(line.with("--http-listen 127.0.0.1:8080")),
        ];
        match self {
            Self::InUse { address, owner } => {
                let mut advice = vec![
                    Advice::text(
                        "let the server that is there answer, through the directory it serves as /:",
                    ),
                    Advice::paste(line.with("--webroot /var/www/html")),
                ];
                advice.extend(proxied);
                advice.push(Advice::text("stop that server while this runs:"));
                advice.push(Advice::paste(match owner {
                    Some(owner) => format!("kill {}    # {}", owner.pid, owner.program),
                    None => format!("ss -ltnp 'sport = :{}'    # shows which", address.port()),
                }));
                advice
            }
            Self::Listen(_) => vec![Advice::text("give an address of this machine to --http-listen")],
            Self::Method => vec![Advice::text("give --http or --webroot DIR")],
            Self::NotPermitted(_) => not_permitted(proxied),
            Self::Webroot(WebrootError::Missing { .. } | WebrootError::NotADirectory { .. }) => {
                vec![Advice::text("give the directory that the web server serves as /")]
            }
            Self::Webroot(_) => vec![Advice::text("run as a user who may write there")],
            Self::Wildcard { identifier } => vec![Advice::text(format!(
                "DNS challenges are not supported yet; leave {identifier} out and name each host instead"
            ))],
        }
    }
}

/// A solver that is ready.
pub(crate) struct Prepared {
    pub(crate) solver: Box<dyn Solver + Send>,
    /// How, for people.
    pub(crate) how: String,
    /// The port at which the test CA has to look.
    pub(crate) dev_port: u16,
}

/// Sets up what proves control: takes the port, or checks the webroot.
pub(crate) fn prepare(
    context: &Context,
    method: &ChallengeMethod,
    names: &[Identifier],
    is_dev: bool,
) -> Result<Prepared, ChallengeError> {
    if let Some(wildcard) = names.iter().find(|name| name.is_wildcard()) {
        return Err(ChallengeError::Wildcard { identifier: wildcard.clone() });
    }
    let reach = context.settings.http_reach;
    match method {
        ChallengeMethod::Http { listen } => {
            let listener = bind(listen, is_dev)?;
            let address = listener.local_addr();
            let how = format!("http-01 answered at {address}");
            // The test CA looks where we listen: to look there too would tell nothing new.
            let solver: Box<dyn Solver + Send> = match (is_dev, reach) {
                (true, _) => Box::new(listener),
                (false, _) => checked(listener, reach, &context.output),
            };
            Ok(Prepared { solver, how, dev_port: address.port() })
        }
        ChallengeMethod::Webroot { dir } => {
            let webroot = Webroot::new(dir.clone())?;
            let how = format!("http-01 through files below {}", dir.display());
            let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), HTTP_PORT);
            let reach = if is_dev { reach.or(Some(loopback)) } else { reach };
            let dev_port = reach.map_or(HTTP_PORT, |reach| reach.port());
            Ok(Prepared { solver: checked(webroot, reach, &context.output), how, dev_port })
        }
        ChallengeMethod::TlsAlpn { .. } | _ => Err(ChallengeError::Method),
    }
}

fn bind(listen: &[SocketAddr], is_dev: bool) -> Result<Http01, ChallengeError> {
    let bound = match listen {
        [] if is_dev => Http01::bind((Ipv4Addr::LOCALHOST, 0)),
        [] => Http01::bind_any(HTTP_PORT),
        addresses => Http01::bind(addresses),
    };
    bound.map_err(|error| match error {
        BindError::InUse { address } => {
            ChallengeError::InUse { address, owner: acme_solver::port_owner(address.port()) }
        }
        BindError::NotPermitted { .. } => ChallengeError::NotPermitted(error),
        BindError::Name(_) | BindError::NotLocal { .. } | BindError::Io { .. } | _ => {
            ChallengeError::Listen(error)
        }
    })
}

fn checked(
    solver: impl Solver + Send + 'static,
    reach: Option<SocketAddr>,
    output: &Output,
) -> Box<dyn Solver + Send> {
    let check = match reach {
        Some(reach) => SelfCheck::new(reach.port()).resolve_all(reach.ip()),
        None => SelfCheck::new(HTTP_PORT),
    };
    let output = output.clone();
    Box::new(Checked::new(solver, check, move |finding| tell(&output, finding)))
}

fn tell(output: &Output, finding: &Finding) {
    if finding.is_warning() {
        output.warn(format_args!("seen from here, {finding}; the CA may see the same"));
    }
}

fn in_use(address: SocketAddr, owner: Option<&PortOwner>) -> String {
    match owner {
        Some(owner) => format!("{address} is in use by {} (process {})", owner.program, owner.pid),
        None => format!("{address} is in use"),
    }
}

fn not_permitted(proxied: [Advice; 2]) -> Vec<Advice> {
    let mut advice = vec![
        Advice::text("ports below 1024 are for root; allow this program to use them:"),
        Advice::paste(format!("sudo setcap cap_net_bind_service=+ep {}", invocation::program())),
        Advice::text("let systemd allow it, in the unit that runs this:"),
        Advice::paste("AmbientCapabilities=CAP_NET_BIND_SERVICE"),
    ];
    advice.extend(proxied);
    advice
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

const HTTP_PORT: u16 = 80;
