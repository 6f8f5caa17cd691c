//! The arguments of `revoke`.

use std::path::PathBuf;

use clap::ValueEnum;

/// Revoke a certificate; the next `renew` replaces it
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The certificate, as `list` names it
    #[arg(value_name = "CERT", env = "ACME_CERT", hide_env = true)]
    #[arg(required_unless_present = "cert", conflicts_with = "cert")]
    pub(crate) certificate: Option<String>,
    /// A certificate in a PEM file instead, of an account that is kept here
    #[arg(long, env = "ACME_CERT_FILE", hide_env = true, value_name = "FILE", alias = "cert-path")]
    pub(crate) cert: Option<PathBuf>,
    /// With --cert: the CA that issued it [default: letsencrypt]
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// With --cert: the root to trust for the connection to the CA
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,
    /// With --cert: the account that issued it, if there are several
    #[arg(long, env = "ACME_ACCOUNT", hide_env = true, value_name = "LABEL")]
    pub(crate) account: Option<String>,
    /// Why
    #[arg(long, env = "ACME_REASON", hide_env = true, value_enum, default_value_t = Reason::Unspecified)]
    pub(crate) reason: Reason,
    /// Let it go: do not renew it any more
    #[arg(long, env = "ACME_NO_REPLACE", hide_env = true, conflicts_with = "cert")]
    pub(crate) no_replace: bool,
}

/// The reasons that the public CAs take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reason {
    /// No reason is given
    Unspecified,
    /// The private key is known to somebody else
    #[value(alias = "keyCompromise", alias = "keycompromise")]
    KeyCompromise,
    /// Another certificate took its place
    Superseded,
    /// It is not needed any more
    #[value(alias = "cessationOfOperation", alias = "cessationofoperation")]
    CessationOfOperation,
}
