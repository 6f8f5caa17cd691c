//! The arguments of `show`.

/// Show a certificate: what it is made with, what failed last, what happens next
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The certificate, as `list` names it
    #[arg(value_name = "CERT", env = "ACME_CERT", hide_env = true)]
    pub(crate) certificate: String,
}
