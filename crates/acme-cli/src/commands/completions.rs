//! `completions`: what makes a shell complete this command's lines.

use clap::CommandFactory as _;

use crate::args::{Args, CompletionsArgs};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;

pub(crate) fn run(context: &Context, args: &CompletionsArgs) -> Result<Status, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), PROGRAM, &mut script);
    context.output.document(&String::from_utf8_lossy(&script))?;
    Ok(Status::Done)
}

const PROGRAM: &str = "acmectl";
