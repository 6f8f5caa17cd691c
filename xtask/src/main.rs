//! Tasks of this workspace.
//!
//! - `cargo xtask tidy` checks what the compiler does not: which crate may depend on which, how large a
//!   file may be, who may touch a file or read a clock.
//! - `cargo xtask fuzz [TARGET] [--seconds N]` runs the fuzz targets, five minutes each.
//! - `cargo xtask test [--install] [-- RUNNER-ARGS]` runs everything that has to pass before a change goes in.
//!
//! Nothing here is published, and no crate depends on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the person who runs it")]

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod fuzz;
mod suite;
mod tidy;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the named task; `false` means that it found something wrong.
fn dispatch(arguments: &[String]) -> Result<bool, Box<dyn Error>> {
    let (task, rest) = arguments.split_first().ok_or(USAGE)?;
    match task.as_str() {
        "fuzz" => fuzz::run(&root()?, &fuzz::Options::parse(rest)?),
        "tidy" if rest.is_empty() => tidy::run(&root()?),
        "test" => suite::run(&root()?, &suite::Options::parse(rest)?),
        _ => Err(USAGE.into()),
    }
}

/// The workspace's directory: the one above this crate's.
fn root() -> Result<PathBuf, Box<dyn Error>> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(parent.ok_or("xtask is not inside a workspace")?.to_path_buf())
}

const USAGE: &str = "usage: cargo xtask fuzz [TARGET] [--seconds N] | cargo xtask tidy | \
                     cargo xtask test [--install] [-- RUNNER-ARGS]";
