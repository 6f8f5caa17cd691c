use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use super::counts::Counts;

/// One run of cargo.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    arguments: Vec<String>,
    environment: &'static [(&'static str, &'static str)],
}

impl Phase {
    fn new(name: &'static str, arguments: &str) -> Self {
        Self { name, arguments: arguments.split_whitespace().map(str::to_owned).collect(), environment: &[] }
    }
}

/// The phases in order. Warnings are denied for our crates only, and not by a flag that would build all
/// dependencies once more.
pub(crate) fn all(cargo: &Cargo, runner: &[String]) -> Vec<Phase> {
    let mut tests = match cargo.has_nextest() {
        true => Phase::new("test", "nextest run --workspace --locked --no-fail-fast"),
        false => Phase::new("test", "test --workspace --locked --no-fail-fast --tests --examples"),
    };
    tests.arguments.extend_from_slice(runner);
    let documentation = Phase { environment: &[("RUSTDOCFLAGS", "-D warnings")], ..Phase::new("doc", DOC) };
    vec![
        Phase::new("fmt", "fmt --all --check"),
        Phase::new("clippy", "clippy --workspace --all-targets --locked -- -D warnings"),
        tests,
        Phase::new("doc tests", "test --doc --workspace --locked --no-fail-fast"),
        documentation,
    ]
}

/// The cargo that runs us, at the workspace's root.
pub(crate) struct Cargo {
    program: OsString,
    root: PathBuf,
}

impl Cargo {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            program: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            root: root.to_path_buf(),
        }
    }

    /// Runs a phase, shows what it prints, and adds up the tests it counts.
    pub(crate) fn run(&self, phase: &Phase, counts: &mut Counts) -> Result<bool, Box<dyn Error>> {
        let mut command = self.command();
        command.args(&phase.arguments).envs(phase.environment.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no output to read")?;
        let err = child.stderr.take().ok_or("no output to read")?;
        counts.add(show_both(out, err, io::stdout(), io::stderr())?);
        Ok(child.wait()?.success())
    }

    fn has_nextest(&self) -> bool {
        let output = self.command().args(["nextest", "--version"]).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// Without the variables that cargo set for us: build scripts would see them change, and run again.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            if OURS.iter().any(|prefix| shown.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
    }
}

/// Copies both streams at once: a pipe that nobody empties stops who writes to it.
fn show_both(
    out: impl Read + Send,
    err: impl Read,
    to_out: impl Write + Send,
    to_err: impl Write,
) -> Result<Counts, Box<dyn Error>> {
    thread::scope(|scope| {
        let out = scope.spawn(|| show(out, to_out));
        let mut counts = show(err, to_err)?;
        counts.add(out.join().map_err(|_| "a reader panicked")??);
        Ok(counts)
    })
}

/// Copies lines as they come, and counts the tests they report.
fn show(from: impl Read, mut to: impl Write) -> io::Result<Counts> {
    let mut counts = Counts::default();
    for line in BufReader::new(from).split(b'\n') {
        let line = line?;
        to.write_all(&line)?;
        to.write_all(b"\n")?;
        counts.read(&String::from_utf8_lossy(&line));
    }
    Ok(counts)
}

const DOC: &str = "doc --workspace --no-deps --locked";

const OURS: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_that_resolves_is_locked() {
        let phases = all(&Cargo::new(Path::new(".")), &["nonce".to_owned()]);
        for phase in phases.iter().filter(|phase| phase.name != "fmt") {
            assert!(phase.arguments.iter().any(|argument| argument == "--locked"), "{}", phase.name);
        }
        assert_eq!(phases[2].arguments.last().unwrap(), "nonce");
    }

    #[test]
    fn streams_are_emptied_side_by_side() {
        // More than a pipe holds, on the one stream before the other ends.
        let script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (mut shown_out, mut shown_err) = (Vec::new(), Vec::new());
        show_both(out, err, &mut shown_out, &mut shown_err).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!((shown_out.as_slice(), shown_err.len()), (b"end\n".as_slice(), 20_000 * 11));
    }

    #[test]
    fn lines_are_shown_and_counted() {
        let mut shown = Vec::new();
        let counts =
            show("a\ntest result: ok. 3 passed; 0 failed; 0 ignored\n".as_bytes(), &mut shown).unwrap();
        assert!(shown.starts_with(b"a\ntest result"));
        assert_eq!(counts.to_string(), "3 passed, 0 failed");
    }
}
