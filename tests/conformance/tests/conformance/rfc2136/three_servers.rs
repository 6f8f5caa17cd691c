//! A zone with three servers, of which one is dead and one hears of changes late.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use acme_conformance::command::acmectl;
use acme_conformance::late::LateNotify;
use acme_conformance::pebble::{self, Pebble, Settings};
use acme_conformance::primary::{NameServer, Program, SECRET, Setup, free_port};
use tempfile::TempDir;

use super::{ZONE, each_server};

each_server!(the_command_waits_for_the_late_one_and_passes_over_the_dead_one);

const RECORDS: &str = "@ NS ns1\n@ NS ns2\n@ NS ns3\nns1 A 127.0.0.1\nns2 A 127.0.0.2\nns3 A 127.0.0.3";
const NAME: &str = "_acme-challenge.example.test";
/// How late the late one hears of changes.
const LATE_BY: Duration = Duration::from_secs(3);

/// A primary, a secondary, and what is between them.
struct Laboratory {
    primary: NameServer,
    secondary: NameServer,
    _news: LateNotify,
}

impl Laboratory {
    fn start(program: Program) -> Self {
        let port = free_port(3).unwrap();
        let at = |last| (Ipv4Addr::new(127, 0, 0, last), port).into();
        let news = LateNotify::start(at(3), LATE_BY).unwrap();
        let setup = Setup { zone: ZONE, records: RECORDS, address: at(1), notify: Some(news.address()) };
        let primary = NameServer::primary(program, &setup).unwrap();
        let secondary = NameServer::secondary(ZONE, at(3), at(1)).unwrap();
        Self { primary, secondary, _news: news }
    }

    fn issue(&self, pebble: &Pebble, dir: &TempDir) -> Command {
        let mut command = self.command("issue", dir);
        command
            .args(["example.test", "*.example.test", "--dns", "rfc2136", "--agree-tos"])
            .args(["--ca", &pebble.directory_url(), "--ca-root"])
            .arg(pebble.root_file())
            .env("RFC2136_TSIG_FILE", self.primary.key_file());
        command
    }

    fn command(&self, verb: &str, dir: &TempDir) -> Command {
        let address = self.primary.address();
        let mut command = acmectl();
        command
            .arg(verb)
            .args(["--resolver", &address.to_string(), "--dns-port", &address.port().to_string(), "--dir"])
            .arg(dir.path())
            .env("RFC2136_NAMESERVER", address.to_string());
        command
    }
}

fn the_command_waits_for_the_late_one_and_passes_over_the_dead_one(program: Program) {
    drop(acmectl());
    let laboratory = Arc::new(Laboratory::start(program));
    // The CA asks the late one: had the command not waited, there would be no certificate.
    let dns = Some(laboratory.secondary.address());
    let settings = Settings { dns, authorization_reuse: Some(0), ..Settings::default() };
    pebble::with(&settings, move |pebble| {
        let dir = TempDir::new().unwrap();
        let output = laboratory.issue(pebble, &dir).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{told}");
        let table: Vec<&str> =
            told.lines().skip_while(|line| !line.starts_with("the servers of")).take(4).collect();
        let [head, first, dead, late] = table[..] else { panic!("{told}") };
        let seconds = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{told}"));
        let waited =
            head.strip_prefix("the servers of example.test after ").and_then(|end| end.strip_suffix(" s:"));
        assert!(seconds(waited.unwrap()) >= 1.0, "{told}");
        assert_eq!(first, "  ns1.example.test (127.0.0.1) shows the records");
        assert_eq!(dead, "  ns2.example.test (127.0.0.2) gives no answer");
        let late = late.strip_prefix("  ns3.example.test (127.0.0.3) shows the records, ");
        let late = late.and_then(|end| end.strip_suffix(" s late"));
        assert!(seconds(late.unwrap_or_else(|| panic!("{told}"))) >= 1.0, "{told}");
        let names = acme_lib::CertificateInfo::from_pem(
            std::fs::read(dir.path().join("certs/example.test/current/fullchain.pem")).unwrap(),
        );
        assert_eq!(names.unwrap().names.len(), 2);
        assert!(laboratory.primary.texts(NAME).unwrap().is_empty());
        assert!(told.contains("renewals need these variables again: RFC2136_NAMESERVER"), "{told}");
        assert!(told.contains("renewals read RFC2136_TSIG from "), "{told}");
        renews_without_telling_the_secret(&laboratory, &dir);
    });
}

/// The path of the key's file is remembered, and nothing of what is in it is.
fn renews_without_telling_the_secret(laboratory: &Laboratory, dir: &TempDir) {
    let mut renew = laboratory.command("renew", dir);
    let output = renew.args(["--force", "--max-wait", "0", "-v", "-v", "-v"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(laboratory.primary.texts(NAME).unwrap().is_empty());
    assert!(told.contains("TRACE"), "{told}");
    assert!(told.contains("ns3.example.test (127.0.0.3) shows the records"), "{told}");
    let database = std::fs::read(dir.path().join("acme.db")).unwrap();
    for octets in [told.as_bytes(), &database] {
        assert!(!octets.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
}
