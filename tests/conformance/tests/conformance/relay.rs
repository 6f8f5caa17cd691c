//! tls-alpn-01 in front of nginx, under load.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use acme_conformance::command::acmectl;
use acme_conformance::load::Load;
use acme_conformance::nginx::Nginx;
use acme_conformance::pebble::{self, Pebble, Settings};
use tempfile::TempDir;

const NAME: &str = "www.example.test";
const CLIENTS: usize = 6;
/// How many requests are to be answered before, between and after what `acmectl` does.
const MORE: u64 = 400;

/// `acmectl relay`, in front of a server.
struct Relay {
    child: Child,
    out: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Relay {
    fn start(server: u16, acme: SocketAddr) -> Self {
        let mut child = acmectl()
            .args(["relay", "--listen", "127.0.0.1:0", "--proxy-protocol", "v2"])
            .args(["--to", &format!("127.0.0.1:{server}"), "--acme-to", &acme.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { child, out, address: line.trim_end().parse().unwrap() }
    }

    fn end(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.out.read_to_string(&mut String::new()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_server_under_load_loses_no_request_while_certificates_are_obtained() {
    // Building it is not what the time limit is for.
    drop(acmectl());
    let own = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let nginx = Nginx::start().unwrap();
    nginx.serve_uploads(&own.cert.pem(), &own.signing_key.serialize_pem()).unwrap();
    // Both commands have to be told a port.
    let acme = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let relay = Relay::start(nginx.https_port(), acme);
    let settings = Settings { tls_port: relay.address.port(), ..Settings::default() };
    let (address, trusted) = (relay.address, own.cert.der().clone());
    pebble::with(&settings, move |pebble| {
        let dir = TempDir::new().unwrap();
        let load = Load::start(CLIENTS, address, NAME, trusted.clone()).unwrap();
        let start = Instant::now();
        load.wait_for(MORE);
        issue(pebble, dir.path(), acme, &[]);
        load.wait_for(MORE);
        issue(pebble, dir.path(), acme, &["--force"]);
        load.wait_for(MORE);
        let figures = load.end();
        let certificates = std::fs::read_dir(dir.path().join("certs").join(NAME)).unwrap();
        let certificates = certificates.flatten().filter(|entry| entry.file_name() != "current").count();
        println!(
            "{} requests on {} connections in {:.1} s while {certificates} certificates were obtained; {} failed",
            figures.answered,
            figures.connections,
            start.elapsed().as_secs_f64(),
            figures.failures.len(),
        );
        assert_eq!(certificates, 2);
        assert_eq!(figures.failures, [] as [String; 0]);
        assert!(figures.answered >= 3 * MORE && figures.connections > MORE / 20);
    });
    relay.end();
}

fn issue(pebble: &Pebble, dir: &Path, acme: SocketAddr, more: &[&str]) {
    let output = acmectl()
        .args(["issue", NAME, "--agree-tos", "--ca", &pebble.directory_url(), "--ca-root"])
        .arg(pebble.root_file())
        .args(["--tls-alpn-listen", &acme.to_string(), "--dir"])
        .arg(dir)
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
