//! The arguments of `account`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Subcommand, ValueEnum};

use super::BindingArgs;

/// The accounts at CAs
#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// List the accounts
    List,
    /// Show an account: its URL, its contacts, the thumbprint of its key, the CAA record for it
    Show(AccountChoice),
    /// Print the thumbprint of an account's key, or how a web server answers http-01 with it
    Thumbprint(ThumbprintArgs),
    /// Make an account at a CA, or find the one that there is
    Register(RegisterArgs),
    /// Change the contact that the CA has of an account
    Update(UpdateArgs),
    /// Give an account another key
    Rollover(AccountChoice),
    /// End an account at the CA, for good
    Deactivate(DeactivateArgs),
    /// Take over an account by its key
    Import(ImportArgs),
    /// Print the private key of an account, PEM
    Export(ExportArgs),
}

/// Which account.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountChoice {
    /// The CA, by name or the URL of its directory; not needed if there is one account
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// Which account at the CA, if there are several
    #[arg(long, env = "ACME_ACCOUNT", hide_env = true, value_name = "LABEL")]
    pub(crate) account: Option<String>,
}

/// A CA, and the name of an account there.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountPlace {
    /// The CA: letsencrypt, letsencrypt-staging, google, zerossl, dev (a test CA in this process),
    /// another that `acmectl ca` lists, or the URL of a directory [default: letsencrypt]
    #[arg(long, env = "ACME_CA", hide_env = true, value_name = "NAME|URL", alias = "server")]
    pub(crate) ca: Option<String>,
    /// The root to trust for the connection to the CA, instead of the system's
    #[arg(long, env = "ACME_CA_ROOT", hide_env = true, value_name = "PEM")]
    pub(crate) ca_root: Option<PathBuf>,
    /// A name of your own, to have several accounts at the CA
    #[arg(long, env = "ACME_ACCOUNT", hide_env = true, value_name = "LABEL")]
    pub(crate) account: Option<String>,
}

/// The arguments of `account register`.
#[derive(Debug, clap::Args)]
pub(crate) struct RegisterArgs {
    #[command(flatten)]
    pub(crate) place: AccountPlace,
    /// The e-mail address of the account
    #[arg(long, env = "ACME_EMAIL", hide_env = true, value_name = "ADDRESS", short_alias = 'm')]
    pub(crate) email: Option<String>,
    /// Agree to the CA's terms of service; needed once, and only where there are some
    #[arg(long, env = "ACME_AGREE_TOS", hide_env = true, alias = "accept-tos")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) agree_tos: bool,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
}

/// The arguments of `account update`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("contact").args(["email", "no_email"]).required(true)))]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(crate) choice: AccountChoice,
    /// The e-mail address of the account from now on
    #[arg(long, env = "ACME_EMAIL", hide_env = true, value_name = "ADDRESS", short_alias = 'm')]
    pub(crate) email: Option<String>,
    /// None any more
    #[arg(long, env = "ACME_NO_EMAIL", hide_env = true, conflicts_with = "email")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) no_email: bool,
}

/// Print the thumbprint of an account's key, or how a web server answers http-01 with it
///
/// A web server that answers http-01 with TOKEN.THUMBPRINT for every token needs nothing else, and
/// acmectl issue --http-stateless puts nothing in place. It has to be told anew when the account gets
/// another key.
#[derive(Debug, clap::Args)]
pub(crate) struct ThumbprintArgs {
    #[command(flatten)]
    pub(crate) choice: AccountChoice,
    /// Print a piece of this web server's configuration
    #[arg(long, env = "ACME_WEB_SERVER", hide_env = true, value_name = "SERVER")]
    pub(crate) web_server: Option<WebServer>,
}

/// A web server whose configuration is known.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WebServer {
    Apache,
    Caddy,
    Haproxy,
    Nginx,
}

/// The arguments of `account deactivate`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeactivateArgs {
    /// The CA, by name or the URL of its directory
    #[arg(long, value_name = "NAME|URL", required = true, alias = "server")]
    pub(crate) ca: String,
    /// Which account at the CA; needed if it has a label
    #[arg(long, value_name = "LABEL")]
    pub(crate) account: Option<String>,
    /// Yes, although no CA brings a deactivated account back
    #[arg(long)]
    pub(crate) for_good: bool,
}

/// The arguments of `account import`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The account's private key: PEM, or certbot's private_key.json
    #[arg(value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    #[command(flatten)]
    pub(crate) place: AccountPlace,
}

/// The arguments of `account export`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) choice: AccountChoice,
    /// Write it to a new file that only you can read, instead of standard output
    #[arg(long, env = "ACME_OUT", hide_env = true, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
