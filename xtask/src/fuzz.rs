//! Runs the fuzz targets, one after the other, on whatever toolchain builds the rest.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::suite::Cargo;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// All where there is none.
    target: Option<String>,
    seconds: u32,
}

impl Options {
    /// Reads `[TARGET] [--seconds N]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut options = Self { target: None, seconds: SECONDS };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                options.seconds = arguments.next().ok_or("--seconds needs a number")?.parse()?;
            } else if argument.starts_with('-') || options.target.is_some() {
                return Err(format!("unknown argument {argument}").into());
            } else {
                options.target = Some(argument.clone());
            }
        }
        Ok(options)
    }
}

/// Runs every target, also after one has found something; `false` means that one has.
pub(crate) fn run(root: &Path, options: &Options) -> Result<bool, Box<dyn Error>> {
    let names = names(root, options)?;
    let fuzz = Fuzz { cargo: Cargo::new(root), host: host(root)?, directory: root.join("fuzz") };
    println!("{:<16} {:>12} {:>8}", "target", "executions", "per s");
    let mut all_well = true;
    for name in &names {
        let found = fuzz.run(name, options.seconds)?;
        println!("{name:<16} {:>12} {:>8}  {}", found.executions, found.per_second, found.verdict);
        all_well &= found.verdict == Verdict::Well;
    }
    Ok(all_well)
}

fn names(root: &Path, options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let name = entry?.file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        if options.target.as_ref().is_none_or(|wanted| *wanted == name) {
            names.push(name);
        }
    }
    names.sort();
    if names.is_empty() { Err("there is no such target in fuzz/fuzz_targets".into()) } else { Ok(names) }
}

/// With a target named, the flags are not for build scripts, which have no engine to link to.
fn host(root: &Path) -> Result<String, Box<dyn Error>> {
    let output = Cargo::new(root).command().arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("cargo does not say what it runs on")?.to_owned())
}

struct Fuzz {
    cargo: Cargo,
    host: String,
    directory: PathBuf,
}

impl Fuzz {
    fn run(&self, name: &str, seconds: u32) -> Result<Found, Box<dyn Error>> {
        let work = self.directory.join("target/work").join(name);
        // What it finds on the way goes to the first corpus, not into the repository.
        let corpus = work.join("corpus");
        fs::create_dir_all(&corpus)?;
        let log = work.join("log");
        let output = File::create(&log)?;
        let status = self
            .cargo
            .command()
            .current_dir(&self.directory)
            .args(["run", "--release", "--locked", "--target", &self.host, "--bin", name, "--"])
            .args([format!("-max_total_time={seconds}"), format!("-artifact_prefix={}/", work.display())])
            .args(ENGINE)
            .args([corpus, self.directory.join("corpus").join(name)])
            .env("RUSTFLAGS", COVERAGE.join(" "))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status()?;
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let verdict = if status.success() { Verdict::Well } else { Verdict::Failed(log) };
        Ok(Found {
            executions: statistic(&text, "number_of_executed_units"),
            per_second: statistic(&text, "average_exec_per_sec"),
            verdict,
        })
    }
}

/// What a run came to.
struct Found {
    executions: String,
    per_second: String,
    verdict: Verdict,
}

#[derive(PartialEq, Eq)]
enum Verdict {
    Well,
    /// It found something, or could not be built; the log says what.
    Failed(PathBuf),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Well => f.write_str("ok"),
            Self::Failed(log) => write!(f, "FAILED, see {}", log.display()),
        }
    }
}

fn statistic(log: &str, name: &str) -> String {
    let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
    line.map_or("-", |value| value.trim_start_matches(':').trim()).to_owned()
}

const SECONDS: u32 = 300;

const ENGINE: [&str; 4] = ["-max_len=8192", "-timeout=25", "-rss_limit_mb=2048", "-print_final_stats=1"];

/// What `cargo fuzz` passes without a sanitizer: there is no unsafe code to watch. None of it needs a
/// nightly compiler.
const COVERAGE: [&str; 7] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<Options> {
        Options::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn target_and_time_may_be_left_out() {
        assert_eq!(parse(&[]), Some(Options { target: None, seconds: SECONDS }));
        let link = Options { target: Some("link".to_owned()), seconds: 7 };
        assert_eq!(parse(&["--seconds", "7", "link"]), Some(link));
        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["--jobs"], &["link", "nonce"]] {
            assert_eq!(parse(wrong), None);
        }
    }

    #[test]
    fn statistics_are_read() {
        let log = "x\nstat::number_of_executed_units: 12\nstat::average_exec_per_sec:     3\n";
        assert_eq!(statistic(log, "number_of_executed_units"), "12");
        assert_eq!(statistic(log, "average_exec_per_sec"), "3");
        assert_eq!(statistic("error: no such bin", "average_exec_per_sec"), "-");
    }
}
