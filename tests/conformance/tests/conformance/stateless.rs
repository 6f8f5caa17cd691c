//! Web servers that answer http-01 with what `acmectl account thumbprint` prints.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use acme_conformance::command::acmectl;
use acme_conformance::pebble::{self, Settings};
use acme_conformance::stateless::{Kind, Server};
use tempfile::TempDir;

#[test]
fn apache_answers() {
    validated_by(Kind::Apache, "apache");
}

#[test]
fn caddy_answers() {
    validated_by(Kind::Caddy, "caddy");
}

#[test]
fn haproxy_answers() {
    validated_by(Kind::Haproxy, "haproxy");
}

#[test]
fn nginx_answers() {
    validated_by(Kind::Nginx, "nginx");
}

fn validated_by(kind: Kind, name: &'static str) {
    // Building it is not what the time limit is for.
    drop(acmectl());
    // Pebble and the server have to be told a port.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    pebble::with(&Settings { http_port: port, ..Settings::default() }, move |pebble| {
        let dir = TempDir::new().unwrap();
        let run = |words: &[&str]| expect(acmectl().args(words).arg("--dir").arg(dir.path()));
        let (url, root) = (pebble.directory_url(), pebble.root_file());
        run(&["account", "register", "--agree-tos", "--ca", &url, "--ca-root", root.to_str().unwrap()]);
        let server =
            Server::start(kind, port, &run(&["account", "thumbprint", "--web-server", name])).unwrap();
        let (reach, root) = (format!("127.0.0.1:{port}"), root.to_str().unwrap());
        let certify = ["issue", "www.example.test", "example.test", "--http-stateless", "--ca", &url];
        run(&[certify.as_slice(), &["--ca-root", root, "--http-reach", &reach]].concat());
        drop(server);
    });
}

/// Runs a call that must succeed, and returns what it printed.
fn expect(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
