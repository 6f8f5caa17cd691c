//! The commands, one file each.

mod delete;
mod issue;
mod list;
mod renew;
mod revoke;
mod show;

use crate::args::Command;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

/// Carries a command out.
pub(crate) fn run(context: &Context, command: Command) -> Result<Status, Error> {
    match command {
        Command::Issue(args) => issue::run(context, *args),
        Command::Renew(args) => renew::run(context, args),
        Command::List(args) => list::run(context, &args),
        Command::Show(args) => show::run(context, &args),
        Command::Revoke(args) => revoke::run(context, *args),
        Command::Delete(args) => delete::run(context, &args),
    }
}
