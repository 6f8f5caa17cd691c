//! The arguments of `systemd`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

/// Print the systemd units that renew, or install them
#[derive(Debug, clap::Args)]
pub(crate) struct SystemdArgs {
    /// Write them to /etc/systemd/system, and start the timer
    #[arg(long, env = "ACME_INSTALL", hide_env = true)]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) install: bool,
    /// Where to write them instead; systemd is not told then
    #[arg(long, env = "ACME_UNIT_DIR", hide = true, value_name = "DIR", requires = "install")]
    pub(crate) unit_dir: Option<PathBuf>,
}
