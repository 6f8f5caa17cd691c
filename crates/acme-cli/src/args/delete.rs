//! The arguments of `delete`.

/// Forget a certificate and remove its files: no more renewals
///
/// It is not revoked: do that first if its key may be known to others.
#[derive(Debug, clap::Args)]
#[command(override_usage = "acmectl delete [OPTIONS] <CERT>")]
pub(crate) struct DeleteArgs {
    /// The certificate, as `list` names it
    #[arg(value_name = "CERT", env = "ACME_CERT", hide_env = true, required_unless_present = "cert_name")]
    pub(crate) certificate: Option<String>,
    /// Another way to name the certificate, as certbot has it
    #[arg(long, hide = true, value_name = "CERT", conflicts_with = "certificate")]
    pub(crate) cert_name: Option<String>,
}
