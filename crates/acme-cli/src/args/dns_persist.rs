//! The arguments of `dns-persist`.

use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::FalseyValueParser;

/// Print and verify the standing records of dns-persist-01
#[derive(Debug, clap::Args)]
pub(crate) struct DnsPersistArgs {
    #[command(subcommand)]
    pub(crate) command: DnsPersistCommand,
}

/// What can be done with the records.
#[derive(Debug, Subcommand)]
pub(crate) enum DnsPersistCommand {
    /// Print the records to add where the domains are served
    Record(RecordArgs),
    /// Look at the records at every server of the domains, as the CA will
    Verify(PersistChoice),
}

/// Which record.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) choice: PersistChoice,
    /// Until when it is to be good: a moment as in 2027-01-31T12:00:00Z, or a time from now, as in 300d
    #[arg(long, env = "ACME_PERSIST_UNTIL", hide_env = true, value_name = "TIME")]
    pub(crate) persist_until: Option<String>,
}

/// For which domains, CA and account.
#[derive(Debug, clap::Args)]
pub(crate) struct PersistChoice {
    /// The domains; *.example.com is for wildcards, too
    #[arg(value_name = "DOMAIN", required = true)]
    pub(crate) domains: Vec<String>,
    /// For the wildcards of all domains, too
    #[arg(long, env = "ACME_WILDCARD", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) wildcard: bool,
    /// The CA, by name or the URL of its directory [default: that of the certificate here that has the
    /// first domain, else letsencrypt]
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// The root to trust for the connection to the CA, instead of the system's
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,
    /// Which account at the CA, if there are several
    #[arg(long, env = "ACME_ACCOUNT", hide_env = true, value_name = "LABEL")]
    pub(crate) account: Option<String>,
    /// What stands for the account [default: what the account here is called]
    #[arg(long, env = "ACME_ACCOUNT_URI", hide_env = true, value_name = "URI")]
    pub(crate) account_uri: Option<String>,
    /// What stands for the CA [default: as the CA says, or as is known]
    #[arg(long, env = "ACME_ISSUER", hide_env = true, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
}
