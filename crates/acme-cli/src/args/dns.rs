//! The arguments of `dns`.

/// List the DNS services that --dns knows, or show what the API of one needs
#[derive(Debug, clap::Args)]
pub(crate) struct DnsArgs {
    /// The service [default: all]
    #[arg(value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
}
