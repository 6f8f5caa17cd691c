//! The test CA for scripts written for Pebble and its challenge server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal};
use snapbox::str;

use super::world::{World, assert_run};

/// The command under another name.
fn called(world: &World, name: &str, words: &[&str]) -> Command {
    let path = world.path(name);
    if !path.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_acmectl"), &path).unwrap();
    }
    let line = world.command("");
    let mut command = Command::new(path);
    command.args(words).current_dir(line.get_current_dir().unwrap());
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    command
}

/// What it prints up to a line that ends in an address, and the address.
fn lines_up_to(child: &mut Child, words: &str) -> (Vec<String>, String) {
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok) {
        lines.push(line.clone());
        if let Some((_, address)) = line.split_once(words) {
            return (lines, address.to_owned());
        }
    }
    panic!("it ended without '{words}': {lines:?}");
}

fn end(world: &World, child: Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(world.wait(child).code(), Some(0));
}

#[test]
fn called_pebble_it_says_what_scripts_wait_for() {
    let world = World::new();
    let config = r#"{"pebble": {"listenAddress": "127.0.0.1:0", "managementListenAddress": "127.0.0.1:0"}}"#;
    world.write("pebble.json", config);
    let mut child = called(&world, "pebble", &["-config", "pebble.json", "-strict"]).spawn().unwrap();
    let (lines, url) = lines_up_to(&mut child, "ACME directory available at: ");
    assert!(url.starts_with("https://127.0.0.1:") && url.ends_with("/dir"), "{url}");
    let address = url.trim_start_matches("https://").trim_end_matches("/dir");
    assert!(lines.iter().any(|line| line.ends_with(&format!("Listening on: {address}"))), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with("/roots/0")), "{lines:?}");
    TcpStream::connect(address).unwrap();
    end(&world, child);
}

#[test]
fn called_pebble_challtestsrv_it_takes_what_it_has_to_answer() {
    let world = World::new();
    let words =
        ["-management", "127.0.0.1:0", "-http01", "127.0.0.1:0", "-https01", "", "-tlsalpn01=", "-dns01", ""];
    let mut child = called(&world, "pebble-challtestsrv", &words).spawn().unwrap();
    let (lines, management) = lines_up_to(&mut child, "Starting management server on ");
    let web = lines.iter().find_map(|line| line.split_once("Starting HTTP-01 server on ")).unwrap().1;
    let body = r#"{"token": "a", "content": "b"}"#;
    let length = body.len();
    let told = exchange(&management, &format!("POST /add-http01 HTTP/1.1\r\nContent-Length: {length}"), body);
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    let page = exchange(web, "GET /.well-known/acme-challenge/a HTTP/1.1", "");
    assert!(page.ends_with("\r\n\r\nb"), "{page}");
    end(&world, child);
}

fn exchange(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn by_its_own_name_it_takes_the_same_flags() {
    let world = World::new();
    assert_run!(
        world.run("dev-ca --pebble -config nowhere.json"),
        str![[r#"
exit 2
--- stderr
error: nowhere.json can't be read
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: check the path nowhere.json

"#]]
    );
    assert_run!(
        world.run("dev-ca --challtestsrv -tea"),
        str![[r#"
exit 2
--- stderr
error: flag provided but not defined: -tea
  fault: on this side, not the CA's
  next: the flags are those of pebble and pebble-challtestsrv, and come after all others

"#]]
    );
    let run = world.run("dev-ca --challtestsrv -management 192.0.2.1:0");
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
}
