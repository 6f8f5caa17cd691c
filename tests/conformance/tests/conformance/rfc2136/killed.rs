//! The command, killed while its records stand.

use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use acme_conformance::command::acmectl;
use acme_conformance::primary::{NameServer, Program};
use acme_testca::{Event, Moment, TestCa};
use tempfile::TempDir;

use super::{each_server, start};

each_server!(records_that_stand_are_taken_away_by_the_next_start);

const NAME: &str = "_acme-challenge.example.test";
/// How long the command may take until its records stand.
const TIME_LIMIT: Duration = Duration::from_secs(60);

fn issue(ca: &TestCa, server: &NameServer, dir: &TempDir, names: &[&str]) -> Command {
    let root = dir.path().join("root.pem");
    std::fs::write(&root, ca.root_pem()).unwrap();
    let address = server.address();
    let mut command = acmectl();
    command
        .arg("issue")
        .args(names)
        .args(["--dns", "rfc2136", "--agree-tos", "--ca", ca.directory_url(), "--ca-root"])
        .arg(root)
        .args(["--resolver", &address.to_string(), "--dns-port", &address.port().to_string(), "--dir"])
        .arg(dir.path().join("state"))
        .env("RFC2136_NAMESERVER", address.to_string())
        .env("RFC2136_TSIG_FILE", server.key_file())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn records_that_stand_are_taken_away_by_the_next_start(program: Program) {
    drop(acmectl());
    let server = start(program);
    let dir = TempDir::new().unwrap();
    let (reached, is_reached) = mpsc::channel();
    let (gone, is_gone) = mpsc::channel::<()>();
    let trap = Mutex::new(Some((reached, is_gone)));
    let hook = move |event: &Event| {
        let is_told = format!("{:?}", event.operation) == "Challenge" && event.moment == Moment::Before;
        let trap = if is_told { trap.lock().unwrap().take() } else { None };
        if let Some((reached, is_gone)) = trap {
            reached.send(()).unwrap();
            let _ = is_gone.recv();
        }
    };
    let ca = TestCa::builder().gentle().dns(server.address()).on_request(hook).start().unwrap();
    let mut child = issue(&ca, &server, &dir, &["example.test", "*.example.test"]).spawn().unwrap();
    is_reached.recv_timeout(TIME_LIMIT).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(gone);
    let standing = server.texts(NAME).unwrap();
    assert_eq!(standing.len(), 3, "{standing:?}");

    // A start for another certificate takes them away, and its own.
    assert!(issue(&ca, &server, &dir, &["www.example.test"]).status().unwrap().success());
    assert_eq!(server.texts(NAME).unwrap(), ["of somebody else"]);
    assert!(server.texts("_acme-challenge.www.example.test").unwrap().is_empty());
}
