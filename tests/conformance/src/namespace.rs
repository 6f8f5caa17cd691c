//! A part of the system for one test: a network of its own, in which every port of loopback is
//! free, and a hosts file of its own.

use std::env;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// Runs a test in namespaces of its own, with names that lead to 127.0.0.1 there.
///
/// The test is run again by its name, as a program that starts inside; `body` is what it does then.
///
/// # Panics
/// When the system permits no namespaces, and when the test fails inside.
pub fn run(test: &str, names: &[&str], body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let directory = TempDir::new().unwrap_or_else(|error| panic!("no temporary directory: {error}"));
    let hosts = directory.path().join("hosts");
    let text = format!("127.0.0.1 localhost {}\n::1 localhost\n", names.join(" "));
    fs::write(&hosts, text).unwrap_or_else(|error| panic!("no hosts file: {error}"));
    let program = env::current_exe().unwrap_or_default();
    let output = inside(&format!("mount --bind '{}' /etc/hosts && exec \"$@\"", hosts.display()))
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap_or_else(|error| panic!("unshare can't be run: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test} failed inside namespaces of its own, or the system permits none (unshare --mount --net)\n\
         {text}{errors}"
    );
}

/// A shell script inside: the words that are added are its arguments.
#[must_use]
pub fn inside(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--net", "sh", "-c"]);
    command.arg(format!("ip link set lo up && {script}")).arg("sh");
    command
}

const INSIDE: &str = "ACME_CONFORMANCE_INSIDE";
