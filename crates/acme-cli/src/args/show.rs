//! The arguments of `show`.

/// Show a certificate: what it is made with, what failed last, what happens next
#[derive(Debug, clap::Args)]
#[command(override_usage = "acmectl show [OPTIONS] <CERT>")]
pub(crate) struct ShowArgs {
    /// The certificate, as `list` names it
    #[arg(value_name = "CERT", env = "ACME_CERT", hide_env = true, required_unless_present = "cert_name")]
    pub(crate) certificate: Option<String>,
    /// Another way to name the certificate, as certbot has it
    #[arg(long, hide = true, value_name = "CERT", conflicts_with = "certificate")]
    pub(crate) cert_name: Option<String>,
}
