//! A directory of its own for each test, and the command in it.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use acme_testca::{TestCa, TestCaBuilder};
use snapbox::filter::Filter as _;

use super::web::WebServer;

/// A directory, and what the command sees of the world.
pub(super) struct World {
    dir: tempfile::TempDir,
}

/// A run of the command.
pub(super) struct Run {
    pub(super) output: Output,
    dir: PathBuf,
}

impl World {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A program that a hook may run.
    pub(super) fn script(&self, name: &str, body: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, &format!("#!/bin/sh\n{body}\n"));
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The command with its words, `--dir state` among them.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_acmectl"));
        command
            .args(line.split_whitespace().map(|word| word.trim_matches('\'')))
            .env_clear()
            .env("ACME_DIR", "state")
            .env("HOME", self.dir.path())
            // Whether systemd runs here is no matter of a test.
            .env("ACME_SYSTEMCTL", "")
            // Nobody there: a test that wants DNS has a resolver of its own.
            .env("ACME_RESOLVER", "127.0.0.1:1")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A command that finds a socket as systemd passes it on, at descriptor 3.
    pub(super) fn passed_on(&self, command: &Command, socket: &TcpListener, name: &str) -> Command {
        let mut launcher = Command::new("sh");
        launcher
            .args(["-c", "LISTEN_PID=$$ exec \"$@\" 3<&0 </dev/null", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", name)
            .current_dir(self.dir.path())
            .stdin(OwnedFd::from(socket.try_clone().unwrap()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        launcher
    }

    /// Runs the command to its end.
    pub(super) fn run(&self, line: &str) -> Run {
        let mut command = self.command(line);
        self.finish(&mut command)
    }

    /// Runs the command against a CA, whose validations reach a web server.
    pub(super) fn run_at(&self, ca: &TestCa, web: &WebServer, line: &str) -> Run {
        let mut command = self.command_at(ca, web, line);
        self.finish(&mut command)
    }

    pub(super) fn command_at(&self, ca: &TestCa, web: &WebServer, line: &str) -> Command {
        self.write("root.pem", ca.root_pem());
        let mut command = self.command(line);
        command
            .env("ACME_CA", ca.directory_url())
            .env("ACME_CA_ROOT", "root.pem")
            .env("ACME_WEBROOT", web.root())
            .env("ACME_HTTP_REACH", web.address().to_string());
        command
    }

    pub(super) fn finish(&self, command: &mut Command) -> Run {
        let output = command.output().unwrap();
        Run { output, dir: self.dir.path().canonicalize().unwrap() }
    }

    pub(super) fn wait(&self, child: Child) -> Run {
        let output = child.wait_with_output().unwrap();
        Run { output, dir: self.dir.path().canonicalize().unwrap() }
    }

    /// A web server for a new directory, and a CA that looks there for challenge responses.
    pub(super) fn authority(&self, builder: TestCaBuilder) -> (TestCa, WebServer) {
        let web = WebServer::start(&self.path("www"));
        let ca = builder.http_port(web.address().port()).start().unwrap();
        (ca, web)
    }
}

impl Run {
    pub(super) fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    pub(super) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    pub(super) fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// Everything that is seen of the run, without what differs from one to the next.
    pub(super) fn snapshot(&self) -> String {
        let mut text = String::new();
        let code = self.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
        writeln!(text, "exit {code}").unwrap();
        for (name, stream) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            if !stream.is_empty() {
                writeln!(text, "--- {name}").unwrap();
                text.push_str(&stream);
            }
        }
        let redacted = redactions(&self.dir).redact(&text);
        // An inline snapshot has no line that ends in spaces.
        snapbox::filter::FilterNewlines.filter(redacted.into()).to_string()
    }
}

/// Asserts what is seen of a run.
macro_rules! assert_run {
    ($run:expr, $expected:expr) => {
        snapbox::assert_data_eq!($run.snapshot(), $expected)
    };
}
pub(super) use assert_run;

fn redactions(dir: &Path) -> snapbox::Redactions {
    let regex = |text: &str| regex::Regex::new(text).unwrap();
    let mut redactions = snapbox::Redactions::new();
    redactions.insert("[WORLD]", dir.to_path_buf()).unwrap();
    redactions.insert("[ACMECTL]", PathBuf::from(env!("CARGO_BIN_EXE_acmectl"))).unwrap();
    let patterns = [
        ("[MOMENT]", r"(?<redacted>\d{4}-\d\d-\d\d \d\d:\d\d UTC \(((in )?\d+ \w+( ago)?|now)\))"),
        ("[DAY]", r"(?<redacted>\d{4}-\d\d-\d\d \(((in )?\d+ \w+( ago)?|now)\) *)"),
        ("[TIME]", r"(?<redacted>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"),
        ("[PORT]", r"(127\.0\.0\.1|localhost|\[::\]|::1\]|0\.0\.0\.0):(?<redacted>\d{2,5})"),
        ("[PID]", r"process (?<redacted>\d+)"),
        ("[ID]", r"(account|order|chall)/(?<redacted>[\w-]+)"),
        ("[TOKEN]", r"acme-challenge/(?<redacted>[\w-]{20,})"),
        ("[SERIAL]", "\"serial\":\"(?<redacted>[0-9A-F]+)\""),
        ("[ISSUER]", "\"issuer\":\"(?<redacted>(\\\\.|[^\"])+)\""),
    ];
    for (placeholder, pattern) in patterns {
        redactions.insert(placeholder, regex(pattern)).unwrap();
    }
    redactions
}
