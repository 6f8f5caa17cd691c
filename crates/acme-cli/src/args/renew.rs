//! The arguments of `renew`.

use clap::builder::FalseyValueParser;

/// Renew what is due, with the settings it was made with
#[derive(Debug, clap::Args)]
pub(crate) struct RenewArgs {
    /// The certificates [default: all that are due]
    #[arg(value_name = "CERT", env = "ACME_CERTS", hide_env = true, value_delimiter = ',')]
    pub(crate) certificates: Vec<String>,
    /// Another way to name a certificate, as certbot has it
    #[arg(long = "cert-name", hide = true)]
    pub(crate) more_certificates: Vec<String>,
    /// Renew although it is not due, or was to be left alone
    #[arg(long, env = "ACME_FORCE", hide_env = true, aliases = ["force-renewal", "force-renew"])]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) force: bool,
    /// Wait up to so many seconds, at random, when something is due [default: 480 off a terminal, else 0]
    #[arg(long, env = "ACME_MAX_WAIT", hide_env = true, value_name = "SECONDS")]
    pub(crate) max_wait: Option<u64>,
}
