//! Runs everything that has to pass: formatting, lints, tests, documentation, tidy.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use counts::Counts;
pub(crate) use phases::Cargo;

mod counts;
mod peers;
mod phases;
mod registry;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    install: bool,
    /// Handed to the test runner as they are.
    runner: Vec<String>,
}

impl Options {
    /// Reads `[--install] [-- RUNNER-ARGS]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let (ours, runner) = match arguments.iter().position(|argument| argument == "--") {
            Some(at) => (&arguments[..at], &arguments[at + 1..]),
            None => (arguments, [].as_slice()),
        };
        let unknown = ours.iter().find(|argument| *argument != "--install");
        match unknown {
            Some(argument) => {
                Err(format!("unknown argument {argument}; runner arguments come after --").into())
            }
            None => Ok(Self { install: !ours.is_empty(), runner: runner.to_vec() }),
        }
    }
}

/// Runs every phase, also after one has failed; the last line is the sum of all tests.
pub(crate) fn run(root: &Path, options: &Options) -> Result<bool, Box<dyn Error>> {
    peers::require(options.install)?;
    let left_out = registry::require(root, options.install)?;
    let cargo = Cargo::new(root);
    let mut counts = Counts::default();
    let mut results = Vec::new();
    for phase in phases::all(&cargo, &options.runner) {
        println!("\n== {}", phase.name);
        let start = Instant::now();
        let passed = cargo.run(&phase, &mut counts)?;
        results.push((phase.name, passed, start.elapsed()));
    }
    println!("\n== tidy");
    let start = Instant::now();
    let passed = crate::tidy::run(root)?;
    results.push(("tidy", passed, start.elapsed()));

    println!();
    for (name, passed, time) in &results {
        println!("{name:<10} {:>7.1} s  {}", time.as_secs_f64(), if *passed { "ok" } else { "FAILED" });
    }
    for client in &left_out {
        println!("LEFT OUT: {client}");
    }
    println!("{counts}");
    Ok(results.iter().all(|(_, passed, _)| *passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<Options> {
        Options::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn runner_arguments_come_after_two_dashes() {
        assert_eq!(parse(&[]), Some(Options::default()));
        let runner = vec!["--install".to_owned()];
        assert_eq!(parse(&["--", "--install"]), Some(Options { install: false, runner }));
        assert_eq!(parse(&["--install", "--"]), Some(Options { install: true, runner: Vec::new() }));
        assert_eq!(parse(&["nonce"]), None);
    }
}
