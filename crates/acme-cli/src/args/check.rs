//! The arguments of `check`.

use std::path::PathBuf;

use super::MethodArgs;

/// Say what would keep names from being certified, before a CA does
///
/// Without options for the challenge and the CA it takes those of the certificate here that has the
/// name, else http-01 on port 80 at Let's Encrypt. A response is put in place for the look and taken away
/// again; no DNS record is written. Nothing is asked of the CA but its directory. The DNS is asked through
/// the system's resolvers, or through those of --resolver ADDR, or over HTTPS of --resolver
/// https://HOST/dns-query.
///
/// Exit status: 0 nothing found, or notes and warnings only; 1 something for which the CA will refuse;
/// 2 usage or configuration.
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
    /// The CA's profile that is to be asked for
    #[arg(long, env = "ACME_PROFILE", hide_env = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    #[command(flatten)]
    pub(crate) method: MethodArgs,
}
