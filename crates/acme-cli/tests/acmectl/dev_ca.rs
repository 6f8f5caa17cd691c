//! `dev-ca`: the test CA for other programs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use acme_lib::{Account, DirectoryUrl};
use rustix::process::{Pid, Signal};
use snapbox::str;

use super::world::{World, assert_run};

fn command(world: &World, options: &str, words: &[&str]) -> Command {
    let mut command = world.command(&format!("dev-ca {options} --"));
    command.args(words);
    command
}

#[test]
fn it_says_when_it_is_ready_and_ends_when_it_is_told() {
    let world = World::new();
    for signal in [Signal::INT, Signal::TERM] {
        let line =
            "dev-ca --listen 127.0.0.1:0 --root-out root.pem --http-port 5002 --resolve *=127.0.0.1 --seed 7";
        let mut child = world.command(line).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        let directory = DirectoryUrl::Other(url.trim_end());
        Account::builder(directory).root_pem(world.read("root.pem")).open().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        assert!(child.wait().unwrap().success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
    // It keeps nothing.
    assert!(!world.path("state").exists());
}

#[test]
fn a_program_finds_it_and_its_status_is_ours() {
    let world = World::new();
    let script = "grep -q 'BEGIN CERTIFICATE' \"$ACME_CA_ROOT\" && env | sort | \
                  grep -E '^(ACME_CA|ACME_CA_ROOT|ACME_D.*|ACME_H.*|ACME_T.*|.*CERT.*|.*BUNDLE|LEGO_.*)='; exit 7";
    let run = world.finish(&mut command(
        &world,
        "--root-out root.pem --http-port 5003 --tls-port 5004",
        &["sh", "-c", script],
    ));
    assert_run!(
        run,
        str![[r#"
exit 7
--- stdout
ACME_CA=https://127.0.0.1:[PORT]/directory
ACME_CA_ROOT=[WORLD]/root.pem
ACME_DIR=state
ACME_DIRECTORY=https://127.0.0.1:[PORT]/directory
ACME_DIRECTORY_URL=https://127.0.0.1:[PORT]/directory
ACME_HTTP_PORT=5003
ACME_HTTP_REACH=127.0.0.1:[PORT]
ACME_TLS_PORT=5004
CA_BUNDLE=[WORLD]/root.pem
CURL_CA_BUNDLE=[WORLD]/root.pem
LEGO_CA_CERTIFICATES=[WORLD]/root.pem
LEGO_SERVER=https://127.0.0.1:[PORT]/directory
NODE_EXTRA_CA_CERTS=[WORLD]/root.pem
REQUESTS_CA_BUNDLE=[WORLD]/root.pem
SSL_CERT_FILE=[WORLD]/root.pem
--- stderr
the test CA is ready: https://127.0.0.1:[PORT]/directory

"#]]
    );
    let killed = world.finish(&mut command(&world, "--quiet", &["sh", "-c", "kill -KILL $$"]));
    assert_run!(
        killed,
        str![[r#"
exit 137

"#]]
    );
}

#[test]
fn programs_side_by_side_have_ports_of_their_own() {
    let world = World::new();
    let words = ["sh", "-c", "echo $ACME_HTTP_PORT $ACME_TLS_PORT; read -r _ || exit 0"];
    let lines = [(); 2].map(|()| {
        let mut child = command(&world, "", &words).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line)
    });
    let mut ports: Vec<u16> = lines
        .iter()
        .flat_map(|(_, line)| line.split_whitespace())
        .map(|port| port.parse().unwrap())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    for (mut child, _) in lines {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(ports.len(), 4, "{ports:?}");
}

#[test]
fn the_root_goes_with_the_program() {
    let world = World::new();
    let script = "cp \"$ACME_CA_ROOT\" copy.pem; echo \"$ACME_CA_ROOT\"";
    let run = world.finish(command(&world, "--gentle", &["sh", "-c", script]).env("TMPDIR", world.path("")));
    assert_eq!(run.code(), Some(0));
    assert!(world.read("copy.pem").starts_with("-----BEGIN CERTIFICATE-----"));
    let root = run.stdout();
    assert!(root.starts_with(world.path("").to_str().unwrap()), "{root}");
    assert!(!std::path::Path::new(root.trim_end()).parent().unwrap().exists());
}

#[test]
fn acmectl_obtains_a_certificate_from_it() {
    let world = World::new();
    let web = super::web::WebServer::start(&world.path("www"));
    let acmectl = env!("CARGO_BIN_EXE_acmectl");
    let options = format!("--http-port {} --script faults.toml", web.address().port());
    // What it is told to do is survived.
    world.write("faults.toml", "[[fault]]\non = \"finalize\"\naction = \"lose_response\"\n");
    let words = [acmectl, "issue", "www.example.test", "--webroot", web.root().to_str().unwrap()];
    let run = world.finish(&mut command(&world, &options, &words));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(world.path("state/certs/www.example.test/current/fullchain.pem").exists());
    let failed = [acmectl, "issue", "nowhere.example.test", "--webroot", web.root().to_str().unwrap()];
    let run =
        world.finish(&mut command(&world, &format!("{options} --resolve nowhere.example.test="), &failed));
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
}

#[test]
fn a_signal_is_passed_on() {
    let world = World::new();
    // A shell looks for signals between two commands only, so none of them may last.
    let script = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = command(&world, "", &["sh", "-c", script]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    line.clear();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "told\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn ctrl_c_is_a_matter_of_the_program() {
    let world = World::new();
    let script = "trap 'echo told; n=1$n; [ \"$n\" = 11 ] && exit 4' INT; echo ready; \
                  while :; do sleep 0.01; done";
    // A shell sets no trap for a signal that it was started with ignored, as in the background.
    let mut line = command(&world, "", &["env", "--default-signal=INT", "sh", "-c", script]);
    let mut child = line.env("TMPDIR", world.path("tmp")).spawn();
    assert!(child.as_mut().unwrap().wait().unwrap().code() == Some(2), "there is no such directory yet");
    std::fs::create_dir(world.path("tmp")).unwrap();
    let mut child = line.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(out.next().unwrap().unwrap(), "ready");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    for _ in 0..2 {
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        assert_eq!(out.next().unwrap().unwrap(), "told");
    }
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert_eq!(world.path("tmp").read_dir().unwrap().count(), 0);
}

#[test]
fn a_root_that_is_nowhere_is_told() {
    let world = World::new();
    let mut child = world.command("dev-ca --listen 127.0.0.1:0").spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    let note = err.next().unwrap().unwrap();
    assert_eq!(note, "note: clients must trust its root, which --root-out FILE writes");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let run = world.wait(child);
    assert_eq!(run.code(), Some(0));
    assert!(run.stdout().starts_with("https://127.0.0.1:"), "{}", run.stdout());
}

#[test]
fn a_dns_server_elsewhere_is_refused() {
    let world = World::new();
    let run = world.run("dev-ca --listen 127.0.0.1:0 --dns 192.0.2.1:53");
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("192.0.2.1 is not a loopback address"), "{}", run.stderr());
}

#[test]
fn what_can_not_be_is_refused() {
    let world = World::new();
    assert_run!(
        world.run("dev-ca --listen 0.0.0.0:0"),
        str![[r#"
exit 2
--- stderr
error: 0.0.0.0 is not a loopback address, and the test CA goes nowhere else
  fault: on this side, not the CA's
  next: give an address of this machine alone, such as 127.0.0.1:[PORT]

"#]]
    );
    assert_run!(
        world.run("dev-ca --listen 127.0.0.1:0 --resolve www.example.test"),
        str![[r#"
exit 2
--- stderr
error: "www.example.test" is not a resolve rule: write PATTERN=ADDRESS, as in *=127.0.0.1
  fault: on this side, not the CA's
  next: quote the star, since a shell may read it; NAME= is for a name that does not exist

"#]]
    );
    assert_run!(
        world.run("dev-ca --listen 127.0.0.1:0 --resolve *=192.0.2.1"),
        str![[r#"
exit 2
--- stderr
error: 192.0.2.1 is not a loopback address, and the test CA goes nowhere else
  fault: on this side, not the CA's
  next: give an address of this machine alone, such as 127.0.0.1:[PORT]

"#]]
    );
    assert_run!(
        world.run("dev-ca --listen 127.0.0.1:0 --script absent.toml"),
        str![[r#"
exit 2
--- stderr
error: absent.toml can't be used
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: check the path absent.toml

"#]]
    );
    world.write("faults.toml", "[[fault]]\non = \"tea\"\n");
    let run = world.run("dev-ca --listen 127.0.0.1:0 --script faults.toml");
    assert_eq!(run.code(), Some(2));
    assert!(run.stderr().contains("line 2, column 6"), "{}", run.stderr());
    assert_run!(
        world.finish(&mut command(&world, "", &["./absent"])),
        str![[r#"
exit 2
--- stderr
the test CA is ready: https://127.0.0.1:[PORT]/directory
error: './absent' could not be run
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: check the spelling, and the path

"#]]
    );
}

#[test]
fn a_port_in_use_is_named() {
    let (world, other) = (World::new(), acme_testca::TestCa::start().unwrap());
    assert_run!(
        world.run(&format!("dev-ca --listen {}", other.address())),
        str![[r#"
exit 1
--- stderr
error: the test CA can't listen at 127.0.0.1:[PORT]
  because: Address already in use (os error 98)
  fault: on this side, not the CA's
  next: another program may have the port; give another one to --listen, or 127.0.0.1:0 for a free one

"#]]
    );
}
