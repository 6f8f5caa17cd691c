//! What can be said on the command line. Only clap is here; [`crate::settings`] makes sense of it.

mod account;
mod binding;
mod ca;
mod check;
mod completions;
mod delete;
mod dev_ca;
mod dns;
mod dns_persist;
mod issue;
mod list;
mod man;
mod method;
mod relay;
mod renew;
mod responder;
mod revoke;
mod show;
mod systemd;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Parser, Subcommand};

pub(crate) use account::{
    AccountArgs, AccountChoice, AccountCommand, AccountPlace, DeactivateArgs, ExportArgs, ImportArgs,
    RegisterArgs, ThumbprintArgs, UpdateArgs, WebServer,
};
pub(crate) use binding::BindingArgs;
pub(crate) use ca::CaArgs;
pub(crate) use check::CheckArgs;
pub(crate) use completions::CompletionsArgs;
pub(crate) use delete::DeleteArgs;
pub(crate) use dev_ca::DevCaArgs;
pub(crate) use dns::DnsArgs;
pub(crate) use dns_persist::{DnsPersistArgs, DnsPersistCommand, PersistChoice, RecordArgs};
pub(crate) use issue::IssueArgs;
pub(crate) use list::ListArgs;
pub(crate) use man::ManArgs;
pub(crate) use method::{METHODS, MethodArg, MethodArgs};
pub(crate) use relay::RelayArgs;
pub(crate) use renew::RenewArgs;
pub(crate) use responder::ResponderArgs;
pub(crate) use revoke::{Reason, RevokeArgs};
pub(crate) use show::ShowArgs;
pub(crate) use systemd::SystemdArgs;

/// Obtain, renew and explain certificates from any ACME certificate authority.
#[derive(Debug, Parser)]
#[command(name = "acmectl", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Issue(Box<IssueArgs>),
    Renew(RenewArgs),
    List(ListArgs),
    Show(ShowArgs),
    Revoke(Box<RevokeArgs>),
    Delete(DeleteArgs),
    Account(AccountArgs),
    Check(Box<CheckArgs>),
    Ca(CaArgs),
    Dns(DnsArgs),
    DnsPersist(DnsPersistArgs),
    DevCa(DevCaArgs),
    Relay(RelayArgs),
    Systemd(SystemdArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// Tells whether it has nothing to do with the directory where everything is kept.
    pub(crate) fn keeps_nothing(&self) -> bool {
        matches!(
            self,
            Self::Ca(_)
                | Self::Completions(_)
                | Self::DevCa(_)
                | Self::Dns(_)
                | Self::Man(_)
                | Self::Relay(_)
        )
    }
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Where everything is kept [default: /var/lib/acmectl for root, else $XDG_STATE_HOME/acmectl]
    #[arg(long, global = true, env = "ACME_DIR", hide_env = true, value_name = "DIR")]
    #[arg(aliases = ["config-dir", "path"])]
    pub(crate) dir: Option<PathBuf>,
    /// Print JSON Lines on standard output
    #[arg(long, global = true, env = "ACME_JSON", hide_env = true)]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
    /// Print failures only
    #[arg(short, long, global = true, env = "ACME_QUIET", hide_env = true, conflicts_with = "verbose")]
    #[arg(value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// Log to standard error what happens; twice: each request
    #[arg(short, long, global = true, env = "ACME_VERBOSE", hide_env = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Append a log to a file
    #[arg(long, global = true, env = "ACME_LOG_FILE", hide_env = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Accepted for scripts: nothing here ever asks a question
    #[arg(short = 'n', long, global = true, hide = true)]
    pub(crate) non_interactive: bool,
    /// How many seconds a hook may take [default: 300 for what proves control, else 60]
    #[arg(long, global = true, env = "ACME_HOOK_TIMEOUT", hide = true, value_name = "SECONDS")]
    pub(crate) hook_timeout: Option<u64>,
    /// Where port 80 of the names leads to as seen from here: what the self-check and the CA dev use
    #[arg(long, global = true, env = "ACME_HTTP_REACH", hide = true, value_name = "ADDR:PORT")]
    pub(crate) http_reach: Option<std::net::SocketAddr>,
    /// Where port 443 of the names leads to as seen from here: what the self-check uses
    #[arg(long, global = true, env = "ACME_TLS_REACH", hide = true, value_name = "ADDR:PORT")]
    pub(crate) tls_reach: Option<std::net::SocketAddr>,
    /// Resolvers to ask in place of the system's: addresses, and URLs of resolvers over HTTPS
    #[arg(
        long,
        global = true,
        env = "ACME_RESOLVER",
        hide = true,
        value_name = "ADDR|URL",
        value_delimiter = ','
    )]
    pub(crate) resolver: Vec<String>,
    /// The port of authoritative DNS servers
    #[arg(long, global = true, env = "ACME_DNS_PORT", hide = true, value_name = "PORT")]
    pub(crate) dns_port: Option<u16>,
    /// What to call in place of systemctl, whether systemd runs or not; empty: it does not run
    #[arg(long, global = true, env = "ACME_SYSTEMCTL", hide = true, value_name = "PROGRAM")]
    pub(crate) systemctl: Option<std::ffi::OsString>,
}

const AFTER_HELP: &str = "\
Every option can also be given as a variable: --agree-tos as ACME_AGREE_TOS=1, --dir as ACME_DIR=DIR.

Exit status: 0 done, kept or nothing due; 1 refused or failed for good; 2 usage or configuration;
3 temporary; 4 some succeeded and some did not; 5 obtained, but a hook failed; 130 interrupted.

Try it without a CA, a network or root rights: acmectl issue www.example.test --ca dev --dir demo";
