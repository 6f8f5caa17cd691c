//! The test suites of other libraries, which know Pebble only, with our CA in its place.

use std::os::unix::fs::symlink;

use acme_conformance::command::acmectl;
use acme_conformance::namespace;
use acme_conformance::registry::{Presence, find};
use tempfile::TempDir;

/// Its ports are fixed, so it has a network of its own.
#[test]
fn the_suite_of_instant_acme_passes() {
    let directory = match find("instant-acme") {
        Presence::Installed(directory) => directory,
        Presence::LeftOut(reason) => {
            eprintln!("LEFT OUT: the suite of instant-acme could not be built: {reason}");
            return;
        }
    };
    let programs = TempDir::new().unwrap();
    let (pebble, challenges) = (programs.path().join("pebble"), programs.path().join("pebble-challtestsrv"));
    symlink(acmectl().get_program(), &pebble).unwrap();
    symlink(acmectl().get_program(), &challenges).unwrap();
    let mut command = namespace::inside("exec \"$@\"");
    command.arg(env!("CARGO")).args([
        "test",
        "--offline",
        "--test",
        "pebble",
        "--features",
        "time,x509-parser",
    ]);
    command.arg("--target-dir").arg(directory.join("target")).args(["--", "--ignored"]);
    let output =
        command.current_dir(&directory).env("PEBBLE", pebble).env("CHALLTESTSRV", challenges).output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("test result: ok. 14 passed; 0 failed"), "{text}{errors}");
}
