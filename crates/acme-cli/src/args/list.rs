//! The arguments of `list`.

use clap::builder::FalseyValueParser;

/// List the certificates, when each is renewed, and which fail
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only those that somebody should look at
    #[arg(long, env = "ACME_FAILING", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) failing: bool,
}
