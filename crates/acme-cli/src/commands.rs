//! The commands, one file each.

mod issue;
mod renew;

use crate::args::Command;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

/// Carries a command out.
pub(crate) fn run(context: &Context, command: Command) -> Result<Status, Error> {
    match command {
        Command::Issue(args) => issue::run(context, *args),
        Command::Renew(args) => renew::run(context, args),
    }
}
