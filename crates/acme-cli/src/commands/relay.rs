//! `relay`: stands in front of a TLS server, and lets tls-alpn-01 be answered beside it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use acme_solver::{BindError, PortOwner, RelayConfig, RelayCounts, TlsAlpn01Relay};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use super::CommandError;
use crate::advice::Advice;
use crate::args::RelayArgs;
use crate::challenge;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::inherited::Purpose;
use crate::invocation::Invocation;

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error("{}", challenge::in_use(*address, owner.as_ref()))]
    InUse { address: SocketAddr, owner: Option<PortOwner> },
    #[error(transparent)]
    Listen(BindError),
    #[error("connections to {0} would come back to where they are from")]
    Loop(SocketAddr),
}

impl RelayError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::InUse { .. } => vec![Advice::text(
                "move that server to another port, such as 127.0.0.1:8443, and give that as --to",
            )],
            Self::Listen(BindError::NotPermitted { .. }) => challenge::permission(),
            Self::Listen(_) => vec![Advice::text("give an address of this machine to --listen")],
            Self::Loop(_) => vec![
                Advice::text("give another address than that of --listen, where the server is:"),
                Advice::paste(invocation.without(&["--to"]).with("--to 127.0.0.1:8443")),
            ],
        }
    }
}

impl From<BindError> for RelayError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::InUse { address } => {
                Self::InUse { address, owner: acme_solver::port_owner(address.port()) }
            }
            BindError::NotPermitted { .. }
            | BindError::Name(_)
            | BindError::NotLocal { .. }
            | BindError::Io { .. }
            | _ => Self::Listen(error),
        }
    }
}

pub(crate) fn run(context: &Context, args: &RelayArgs) -> Result<Status, Error> {
    if let Some(address) = [args.to, args.acme_to].into_iter().find(|to| is_loop(args.listen, *to)) {
        return Err(CommandError::Relay(RelayError::Loop(address)).into());
    }
    allow_descriptors();
    let relays = start(context, args).map_err(CommandError::Relay)?;
    let at: Vec<SocketAddr> = relays.iter().map(TlsAlpn01Relay::local_addr).collect();
    let listens = at.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    context.output.result(&listens);
    context
        .output
        .event("relay", json!({"outcome": "ready", "listen": at, "to": args.to, "acme_to": args.acme_to}));
    context.output.progress(format_args!(
        "connections at {listens} go to {}, and those for acme-tls/1 to {}",
        args.to, args.acme_to
    ));
    let mut logged = RelayCounts::default();
    while context.signals.wait(LOG_INTERVAL).is_ok() {
        let counts = sum(relays.iter().map(TlsAlpn01Relay::counts));
        if counts != logged {
            log(&counts);
        }
        logged = counts;
    }
    context.output.progress("listening no more; connections may come to their end");
    let end = Instant::now() + Duration::from_secs(args.grace.min(MAX_GRACE_SECONDS));
    let left = || end.saturating_duration_since(Instant::now());
    let counts = sum(relays.into_iter().map(|relay| relay.finish(left())));
    log(&counts);
    let mut members = members(&counts);
    if let Value::Object(members) = &mut members {
        members.insert("outcome".into(), "ended".into());
    }
    context.output.event("relay", members);
    context.output.progress(format_args!(
        "connections: {} passed on, {} without a ClientHello, {} not taken by the server, {} cut off at the end",
        counts.passed_on, counts.incomplete, counts.refused, counts.open
    ));
    // To end is what the signal asks for: that is no failure.
    Ok(Status::Done)
}

/// One relay for each socket that was passed on, or one at an address of our own.
fn start(context: &Context, args: &RelayArgs) -> Result<Vec<TlsAlpn01Relay>, RelayError> {
    let mut config = RelayConfig::to(args.to).acme_to(args.acme_to);
    if let Some(version) = args.proxy_protocol {
        config = config.proxy_header(version.into());
    }
    let inherited = context.inherited.listeners(Purpose::Relay, &[args.listen]);
    let inherited = inherited.map_err(|source| BindError::Io { address: args.listen, source })?;
    if inherited.is_empty() {
        return Ok(vec![TlsAlpn01Relay::bind(args.listen, &config)?]);
    }
    let relays = inherited.into_iter().map(|listener| TlsAlpn01Relay::from_listener(listener, &config));
    Ok(relays.collect::<Result<_, _>>()?)
}

/// Tells whether a connection to one address arrives at another, for all that can be said of it.
fn is_loop(listen: SocketAddr, to: SocketAddr) -> bool {
    let reaches = listen.ip().is_unspecified() && (to.ip().is_loopback() || to.ip().is_unspecified());
    listen.port() != 0 && listen.port() == to.port() && (listen.ip() == to.ip() || reaches)
}

/// Allows as many descriptors as the system permits: each connection needs two.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where this is not permitted, there are fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn sum(all: impl Iterator<Item = RelayCounts>) -> RelayCounts {
    all.fold(RelayCounts::default(), |mut sum, counts| {
        sum.answered += counts.answered;
        sum.bytes_in += counts.bytes_in;
        sum.bytes_out += counts.bytes_out;
        sum.incomplete += counts.incomplete;
        sum.open += counts.open;
        sum.passed_on += counts.passed_on;
        sum.refused += counts.refused;
        sum
    })
}

fn log(counts: &RelayCounts) {
    let RelayCounts { answered, bytes_in, bytes_out, incomplete, open, passed_on, refused, .. } = *counts;
    tracing::info!(answered, bytes_in, bytes_out, incomplete, open, passed_on, refused, "relay");
}

fn members(counts: &RelayCounts) -> Value {
    json!({
        "passed_on": counts.passed_on,
        "closed": counts.answered,
        "incomplete": counts.incomplete,
        "refused": counts.refused,
        "cut_off": counts.open,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
    })
}

const LOG_INTERVAL: Duration = Duration::from_secs(300);

const MAX_GRACE_SECONDS: u64 = 24 * 60 * 60;
