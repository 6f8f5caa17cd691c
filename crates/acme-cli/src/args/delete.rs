//! The arguments of `delete`.

/// Forget a certificate and remove its files: no more renewals
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The certificate, as `list` names it
    #[arg(value_name = "CERT", env = "ACME_CERT", hide_env = true)]
    pub(crate) certificate: String,
}
