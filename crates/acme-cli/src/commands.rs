//! The commands, one file each.

mod account;
mod ca;
mod check;
mod completions;
mod delete;
mod dev_ca;
mod dns;
mod dns_persist;
mod failure;
mod file;
mod issue;
mod list;
mod man;
mod relay;
mod renew;
mod revoke;
mod sheet;
mod show;
mod systemd;

pub(crate) use failure::CommandError;

use crate::args::{Command, ManArgs};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

/// Carries a command out.
pub(crate) fn run(context: &Context, command: Command) -> Result<Status, Error> {
    match command {
        Command::Issue(args) => issue::run(context, *args),
        Command::Renew(args) => renew::run(context, args),
        Command::List(args) => list::run(context, &args),
        Command::Show(args) => show::run(context, args),
        Command::Revoke(args) => revoke::run(context, *args),
        Command::Delete(args) => delete::run(context, args),
        Command::Account(args) => account::run(context, args.command),
        Command::Check(args) => check::run(context, *args),
        Command::Ca(args) => ca::run(context, &args),
        Command::Dns(args) => dns::run(context, &args),
        Command::DnsPersist(args) => dns_persist::run(context, args.command),
        Command::DevCa(args) => dev_ca::run(context, args),
        Command::Relay(args) => relay::run(context, &args),
        Command::Systemd(args) => systemd::run(context, &args),
        Command::Completions(args) => completions::run(context, &args),
        Command::Man(ManArgs {}) => man::run(context),
    }
}
