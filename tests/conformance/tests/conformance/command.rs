//! The command against Pebble, and in front of nginx.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use acme_conformance::command::acmectl;
use acme_conformance::namespace;
use acme_conformance::nginx::Nginx;
use acme_conformance::pebble::{self, Pebble, Settings};
use acme_conformance::web::Web;
use acme_lib::CertificateInfo;
use tempfile::TempDir;

const NAME: &str = "www.example.test";

#[test]
fn a_certificate_is_issued_kept_renewed_and_revoked() {
    // Building it is not what the time limit is for.
    drop(acmectl());
    let web_root = TempDir::new().unwrap();
    let web = Web::start(web_root.path()).unwrap();
    let root = web_root.path().to_path_buf();
    pebble::with(&Settings { http_port: web.port(), ..Settings::default() }, move |pebble| {
        let dir = TempDir::new().unwrap();
        let issue = |more: &[&str]| issue(pebble, dir.path(), &root, more);
        expect(&issue(&[]), 0);
        let first = serial(dir.path());
        expect(&issue(&[]), 0);
        assert_eq!(serial(dir.path()), first, "a right certificate is kept");
        expect(&issue(&["--force"]), 0);
        let second = serial(dir.path());
        assert_ne!(second, first);
        expect(&run(dir.path(), &["renew", "--max-wait", "0"]), 0);
        assert_eq!(serial(dir.path()), second, "nothing is due");
        expect(&run(dir.path(), &["renew", "--max-wait", "0", "--force"]), 0);
        assert_ne!(serial(dir.path()), second);
        expect(&run(dir.path(), &["revoke", NAME]), 0);
        expect(&run(dir.path(), &["delete", NAME]), 0);
        assert!(!dir.path().join("certs").join(NAME).exists());
    });
}

#[test]
fn bound_account_proves_a_name_and_an_address_by_tls_alpn() {
    drop(acmectl());
    // The command has to be told a port that Pebble knows.
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let settings =
        Settings { tls_port: listen.port(), external_accounts: vec![("kid-1", key)], ..Settings::default() };
    pebble::with(&settings, move |pebble| {
        let dir = TempDir::new().unwrap();
        let mut command = acmectl();
        command
            .args(["issue", NAME, "127.0.0.1", "--agree-tos", "--ca", &pebble.directory_url(), "--ca-root"])
            .arg(pebble.root_file())
            .args(["--eab-kid", "kid-1", "--tls-alpn-listen", &listen.to_string(), "--dir"])
            .arg(dir.path())
            .env("ACME_EAB_HMAC_KEY", key);
        expect(&command.output().unwrap(), 0);
        let first = serial(dir.path());
        expect(&run(dir.path(), &["renew", "--max-wait", "0", "--force"]), 0);
        assert_ne!(serial(dir.path()), first);
        expect(&run(dir.path(), &["revoke", NAME]), 0);
    });
}

#[test]
fn nginx_shows_the_new_certificate_after_the_reload_hook() {
    drop(acmectl());
    let nginx = Nginx::start().unwrap();
    let settings = Settings { http_port: nginx.http_port(), ..Settings::default() };
    let nginx = std::sync::Arc::new(nginx);
    pebble::with(&settings, move |pebble| {
        let dir = TempDir::new().unwrap();
        let reload = nginx.reload_line();
        expect(&issue(pebble, dir.path(), &nginx.web_root(), &["--reload", &reload]), 0);
        nginx.serve_tls(&dir.path().join("certs").join(NAME).join("current")).unwrap();
        nginx.wait_for_serial(&serial(dir.path())).unwrap();

        expect(&run(dir.path(), &["renew", "--max-wait", "0", "--force"]), 0);
        nginx.wait_for_serial(&serial(dir.path())).unwrap();
    });
}

#[test]
fn a_hook_that_failed_runs_again_with_the_next_renew() {
    // Building it is not what the time limit is for.
    drop(acmectl());
    let web_root = TempDir::new().unwrap();
    let web = Web::start(web_root.path()).unwrap();
    let root = web_root.path().to_path_buf();
    pebble::with(&Settings { http_port: web.port(), ..Settings::default() }, move |pebble| {
        let dir = TempDir::new().unwrap();
        let ready = dir.path().join("ready");
        let hook = format!("ls {}", ready.display());
        expect(&issue(pebble, dir.path(), &root, &["--reload", &hook]), 5);
        let issued = serial(dir.path());
        expect(&run(dir.path(), &["renew", "--max-wait", "0"]), 5);
        std::fs::write(&ready, "").unwrap();
        expect(&run(dir.path(), &["renew", "--max-wait", "0"]), 0);
        assert_eq!(serial(dir.path()), issued, "only the hook was owed");
    });
}

#[test]
fn who_listens_at_loopback_alone_is_in_nobodys_way() {
    // Building it is nothing to do without a network.
    drop(acmectl());
    namespace::run("command::who_listens_at_loopback_alone_is_in_nobodys_way", &[NAME], || {
        let add = ["address", "add", "192.0.2.7/32", "dev", "lo"];
        assert!(Command::new("ip").args(add).status().unwrap().success());
        let _other = TcpListener::bind("127.0.0.1:80").unwrap();
        // Nothing is asked of a CA: whether the port can be had shows before.
        let issue = || {
            let mut command = acmectl();
            command.args(["issue", NAME, "--http", "--ca", "https://127.0.0.1:1/directory"]);
            command.arg("--dir").arg(TempDir::new().unwrap().path()).output().unwrap()
        };
        let output = issue();
        expect(&output, 3);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("http-01 answered at 192.0.2.7:80\n"), "{told}");
        let _in_the_way = TcpListener::bind("192.0.2.7:80").unwrap();
        let output = issue();
        expect(&output, 2);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(":80 is in use"), "{told}");
    });
}

fn issue(pebble: &Pebble, dir: &Path, web_root: &Path, more: &[&str]) -> Output {
    let mut command = acmectl();
    command
        .args(["issue", NAME, "example.test", "--agree-tos", "--ca", &pebble.directory_url()])
        .arg("--ca-root")
        .arg(pebble.root_file())
        .arg("--webroot")
        .arg(web_root)
        .arg("--http-reach")
        .arg(format!("127.0.0.1:{}", pebble.http_port()))
        .arg("--dir")
        .arg(dir)
        .args(more);
    command.output().unwrap()
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    acmectl().args(arguments).arg("--dir").arg(dir).output().unwrap()
}

fn expect(output: &Output, status: i32) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{errors}");
}

fn serial(dir: &Path) -> String {
    let chain = std::fs::read(dir.join("certs").join(NAME).join("current/fullchain.pem")).unwrap();
    CertificateInfo::from_pem(chain).unwrap().serial_hex()
}
