//! The arguments of `ca`.

use std::path::PathBuf;

/// List the CAs that have a name here, or show what one offers
///
/// Each thing that is known has the date of the text that it was taken from. What a CA offers now is
/// what its directory says; for that it is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct CaArgs {
    /// The CA, by name or the URL of its directory [default: all that have a name]
    #[arg(value_name = "NAME|URL")]
    pub(crate) ca: Option<String>,
    /// The root to trust for the connection to the CA, instead of the system's
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,
}
