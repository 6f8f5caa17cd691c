//! The arguments of `check`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;

/// Say what would keep names from being certified, before a CA does
///
/// Without options for the challenge and the CA it takes those of the certificate here that has the
/// name, else http-01 on port 80 at Let's Encrypt. Nothing is asked of the CA but its directory. The
/// DNS is asked through the system's resolvers, or through those of --resolver ADDR.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The names to look at
    #[arg(value_name = "DOMAIN", required = true)]
    pub(crate) domains: Vec<String>,
    /// The CA, by name or the URL of its directory
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// The root to trust for the connection to the CA, instead of the system's
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,

    /// As if http-01 is answered on port 80
    #[arg(long, help_heading = "Challenge", conflicts_with_all = ["http_listen", "webroot", "dns"])]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) http: bool,
    /// As if http-01 is answered at this address, to which port 80 of the names leads
    #[arg(long, env = "ACME_HTTP_LISTEN", hide_env = true, help_heading = "Challenge")]
    #[arg(value_name = "ADDR:PORT", conflicts_with_all = ["webroot", "dns"])]
    pub(crate) http_listen: Option<SocketAddr>,
    /// As if http-01 responses are left in the directory that a web server serves as /
    #[arg(long, env = "ACME_WEBROOT", hide_env = true, help_heading = "Challenge", value_name = "DIR")]
    #[arg(short_alias = 'w', conflicts_with = "dns")]
    pub(crate) webroot: Option<PathBuf>,
    /// As if dns-01 records are written by this provider; none is written
    #[arg(long, env = "ACME_DNS", hide_env = true, help_heading = "Challenge", value_name = "PROVIDER")]
    pub(crate) dns: Option<String>,
}
