//! The arguments of `relay`.

use std::net::SocketAddr;

use acme_solver::ProxyHeader;
use clap::ValueEnum;

/// Stand in front of a TLS server, and let tls-alpn-01 be answered beside it
///
/// Every connection is passed on to the server as it is, but for those of a CA that validates by
/// tls-alpn-01 (the protocol acme-tls/1): these go to where acmectl issue answers them, so that the
/// server has neither to stop nor to know of them. While nobody answers there, they are closed.
///
/// It runs until it gets SIGTERM or SIGINT. Then it listens no more, and ends when the last connection
/// does, or when --grace is over. A socket that systemd passes on (LISTEN_FDS), named relay or of the
/// port in --listen, is used instead of a new one.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RelayArgs {
    /// Where it listens
    #[arg(long, env = "ACME_LISTEN", hide_env = true, value_name = "ADDR:PORT", default_value = "[::]:443")]
    pub(crate) listen: SocketAddr,
    /// The server
    #[arg(long, env = "ACME_TO", hide_env = true, value_name = "ADDR:PORT")]
    pub(crate) to: SocketAddr,
    /// Where acmectl issue --tls-alpn-listen ADDR:PORT answers
    #[arg(long, env = "ACME_ACME_TO", hide_env = true, value_name = "ADDR:PORT")]
    #[arg(default_value = "127.0.0.1:8444")]
    pub(crate) acme_to: SocketAddr,
    /// Tell the server its clients' addresses, by the PROXY protocol, which it has to expect
    #[arg(long, env = "ACME_PROXY_PROTOCOL", hide_env = true, value_name = "VERSION")]
    pub(crate) proxy_protocol: Option<ProxyVersion>,
    /// How many seconds connections may go on after the end was asked for
    #[arg(long, env = "ACME_GRACE", hide_env = true, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) grace: u64,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProxyVersion {
    /// A line of text
    V1,
    /// Binary
    V2,
}

impl From<ProxyVersion> for ProxyHeader {
    fn from(version: ProxyVersion) -> Self {
        match version {
            ProxyVersion::V1 => Self::V1,
            ProxyVersion::V2 => Self::V2,
        }
    }
}

const AFTER_HELP: &str = "\
Beside a server that listens at 127.0.0.1:8443 from now on:
    acmectl relay --to 127.0.0.1:8443
    acmectl issue www.example.com --tls-alpn-listen 127.0.0.1:8444";
