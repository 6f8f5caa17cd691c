//! The arguments of `issue`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

use super::{BindingArgs, MethodArgs, ResponderArgs};

/// Obtain a certificate, or leave it if it is right and not due
#[derive(Debug, clap::Args)]
pub(crate) struct IssueArgs {
    /// The names to certify, the first one first
    #[arg(value_name = "DOMAIN", env = "ACME_DOMAINS", hide_env = true, value_delimiter = ',')]
    pub(crate) domains: Vec<String>,
    /// Further names, as certbot and lego have them
    #[arg(short = 'd', long = "domains", alias = "domain", hide = true, value_delimiter = ',')]
    pub(crate) more_domains: Vec<String>,
    /// Obtain many certificates, one for each line of a file: its names, and options that hold for it in
    /// place of those given here; -: standard input
    #[arg(long, env = "ACME_FROM", hide_env = true, value_name = "FILE|-")]
    #[arg(conflicts_with_all = ["domains", "more_domains", "csr", "name"])]
    pub(crate) from: Option<PathBuf>,
    /// The CA: letsencrypt, letsencrypt-staging, google, zerossl, dev (a test CA in this process),
    /// another that `acmectl ca` lists, or the URL of a directory [default: letsencrypt]
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// Let's Encrypt's staging environment
    #[arg(long, hide = true, conflicts_with = "ca", aliases = ["test-cert"])]
    pub(crate) staging: bool,
    /// The root to trust for the connection to the CA, instead of the system's
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,
    /// Which account at the CA, if there are several
    #[arg(long, env = "ACME_ACCOUNT", hide_env = true, value_name = "LABEL")]
    pub(crate) account: Option<String>,
    /// The e-mail address of the account
    #[arg(long, env = "ACME_EMAIL", hide_env = true, value_name = "ADDRESS", short_alias = 'm')]
    pub(crate) email: Option<String>,
    /// Agree to the CA's terms of service; needed once, and only where there are some
    #[arg(long, env = "ACME_AGREE_TOS", hide_env = true, alias = "accept-tos")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) agree_tos: bool,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,

    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) responder: ResponderArgs,
    /// Prefer dns-account-01 to dns-01
    #[arg(long, env = "ACME_DNS_ACCOUNT", hide_env = true, help_heading = "Challenge")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) dns_account: bool,

    /// ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096 [default: ecdsa-p256]
    #[arg(long, env = "ACME_KEY_TYPE", hide_env = true, value_name = "TYPE", help_heading = "Certificate")]
    pub(crate) key_type: Option<String>,
    /// Use the key and the names of a certificate signing request, PEM or DER; the key stays elsewhere
    #[arg(long, env = "ACME_CSR", hide_env = true, value_name = "FILE", help_heading = "Certificate")]
    #[arg(conflicts_with_all = ["key_type", "reuse_key", "new_key"])]
    pub(crate) csr: Option<PathBuf>,
    /// Keep the key when the certificate is renewed
    #[arg(long, env = "ACME_REUSE_KEY", hide_env = true, help_heading = "Certificate")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) reuse_key: bool,
    /// Make a new key for each certificate (the default)
    #[arg(long, env = "ACME_NEW_KEY", hide_env = true, help_heading = "Certificate")]
    #[arg(value_parser = FalseyValueParser::new(), conflicts_with = "reuse_key")]
    pub(crate) new_key: bool,
    /// The CA's profile, without which no certificate is wanted; empty: as the CA has it
    #[arg(long, env = "ACME_PROFILE", hide_env = true, value_name = "NAME", help_heading = "Certificate")]
    #[arg(conflicts_with = "preferred_profile")]
    pub(crate) profile: Option<String>,
    /// The CA's profile, if it gives it; empty: as the CA has it
    #[arg(long, env = "ACME_PREFERRED_PROFILE", hide_env = true, value_name = "NAME")]
    #[arg(help_heading = "Certificate")]
    pub(crate) preferred_profile: Option<String>,
    /// The common name of the root that the chain should end in, if the CA has such a chain; empty: the
    /// first one
    #[arg(long, env = "ACME_PREFERRED_CHAIN", hide_env = true, value_name = "CN")]
    #[arg(help_heading = "Certificate")]
    pub(crate) preferred_chain: Option<String>,
    /// When it is to end: a moment as in 2027-01-31T12:00:00Z, or a time from now, again at each
    /// renewal, as in 30d or 36h; not every CA takes it; empty: as the CA has it
    #[arg(long, env = "ACME_NOT_AFTER", hide_env = true, value_name = "TIME", help_heading = "Certificate")]
    pub(crate) not_after: Option<String>,
    /// The name of the certificate here [default: its first domain]
    #[arg(long, env = "ACME_NAME", hide_env = true, value_name = "CERT", help_heading = "Certificate")]
    #[arg(alias = "cert-name")]
    pub(crate) name: Option<String>,
    /// Let names of the certificate go that are not given any more
    #[arg(long = "drop", env = "ACME_DROP", hide_env = true, help_heading = "Certificate")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) drop_names: bool,
    /// Obtain it although the one that is there is right, or is of a production CA
    #[arg(long, env = "ACME_FORCE", hide_env = true, help_heading = "Certificate")]
    #[arg(aliases = ["force-renewal", "force-renew"])]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) force: bool,
    /// Ask the CA for a first certificate although a look at the names says that it will refuse
    #[arg(long, env = "ACME_NO_CHECK", hide_env = true, help_heading = "Certificate")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) no_check: bool,
    /// Try everything at the CA's staging directory with a throw-away account, and keep nothing
    #[arg(long, env = "ACME_DRY_RUN", hide_env = true, help_heading = "Certificate")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,

    /// Run this program for each certificate published, with RENEWED_LINEAGE and RENEWED_DOMAINS
    #[arg(long, env = "ACME_DEPLOY_HOOK", hide_env = true, value_name = "CMD", help_heading = "Hooks")]
    pub(crate) deploy_hook: Option<String>,
    /// Run this program once after a run that published something
    #[arg(long, env = "ACME_RELOAD", hide_env = true, value_name = "CMD", help_heading = "Hooks")]
    #[arg(alias = "reloadcmd")]
    pub(crate) reload: Option<String>,
}
