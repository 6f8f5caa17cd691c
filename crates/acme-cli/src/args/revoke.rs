//! The arguments of `revoke`.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

/// Revoke a certificate; the next `renew` replaces it
#[derive(Debug, clap::Args)]
#[command(override_usage = "acmectl revoke [OPTIONS] <CERT>\n       acmectl revoke [OPTIONS] --cert <FILE>")]
pub(crate) struct RevokeArgs {
    /// The certificate, as `list` names it
    #[arg(value_name = "CERT", env = "ACME_CERT", hide_env = true)]
    #[arg(required_unless_present_any = ["cert", "cert_name"], conflicts_with = "cert")]
    pub(crate) certificate: Option<String>,
    /// Another way to name the certificate, as certbot has it
    #[arg(long, hide = true, value_name = "CERT", conflicts_with_all = ["certificate", "cert"])]
    pub(crate) cert_name: Option<String>,
    /// A certificate in a PEM file instead, wherever it comes from
    #[arg(long, env = "ACME_CERT_FILE", hide_env = true, value_name = "FILE", alias = "cert-path")]
    pub(crate) cert: Option<PathBuf>,
    /// With --cert: revoke with the certificate's own key, PEM, instead of an account
    #[arg(long, env = "ACME_KEY_FILE", hide_env = true, value_name = "FILE", alias = "key-path")]
    pub(crate) key_file: Option<PathBuf>,
    /// With --cert: the CA that issued it [default: what is known of it here, else letsencrypt]
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// With --cert: the root to trust for the connection to the CA
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,
    /// With --cert: the account to revoke with, if there are several
    #[arg(long, env = "ACME_ACCOUNT", hide_env = true, value_name = "LABEL")]
    pub(crate) account: Option<String>,
    /// Why; CAs publish it
    #[arg(long, env = "ACME_REASON", hide_env = true, value_enum, value_name = "REASON", ignore_case = true)]
    #[arg(default_value_t = Reason::Unspecified)]
    pub(crate) reason: Reason,
    /// Let it go: do not renew it any more
    #[arg(long, env = "ACME_NO_REPLACE", hide_env = true, conflicts_with = "cert")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) no_replace: bool,
}

/// Why a certificate is revoked, in the words and by the numbers of RFC 5280, section 5.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reason {
    /// No reason is given
    #[value(alias = "0")]
    Unspecified,
    /// The private key is known to somebody else
    #[value(aliases = ["keyCompromise", "1"])]
    KeyCompromise,
    /// The owner's name or other details changed
    #[value(aliases = ["affiliationChanged", "3"])]
    AffiliationChanged,
    /// Another certificate took its place
    #[value(alias = "4")]
    Superseded,
    /// The names are not served any more
    #[value(aliases = ["cessationOfOperation", "5"])]
    CessationOfOperation,
    /// What it says of its owner is not so any more
    #[value(aliases = ["privilegeWithdrawn", "9"])]
    PrivilegeWithdrawn,
}
