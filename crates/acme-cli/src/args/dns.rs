//! The arguments of `dns`.

use super::ResponderArgs;

/// List the ways that --dns knows, or show what one of them needs
#[derive(Debug, clap::Args)]
pub(crate) struct DnsArgs {
    /// The service, or builtin [default: all]
    #[arg(value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// The names to show records for, which let builtin answer for them
    #[arg(value_name = "DOMAIN")]
    pub(crate) domains: Vec<String>,
    #[command(flatten)]
    pub(crate) responder: ResponderArgs,
}
