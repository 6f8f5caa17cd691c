//! The example of acme-lib's own description against Pebble.

use std::fs;
use std::path::Path;
use std::process::Command;

use acme_conformance::pebble::{self, Settings};
use acme_conformance::web::Web;
use acme_lib::persist::{FilePersist, Persist as _, PersistKey, PersistKind};
use acme_lib::{Certificate, Identifier};
use tempfile::TempDir;

#[test]
fn the_example_gets_a_certificate() {
    run(None, &["www.example.test"]);
}

#[test]
fn the_example_gets_a_certificate_when_most_nonces_are_refused() {
    run(Some(80), &["www.example.test"]);
}

#[test]
fn the_example_ends_with_several_names_and_stores_under_the_primary_one() {
    // Pebble sorts the names of an order: the primary one comes last.
    run(None, &["www.example.test", "mail.example.test", "a.example.test"]);
}

fn run(nonce_reject: Option<u8>, names: &'static [&'static str]) {
    let web_root = TempDir::new().unwrap();
    fs::create_dir_all(web_root.path().join(".well-known/acme-challenge")).unwrap();
    let web = Web::start(web_root.path()).unwrap();
    let settings = Settings { http_port: web.port(), nonce_reject, ..Settings::default() };
    let web_root = web_root.path().to_path_buf();
    pebble::with(&settings, move |pebble| {
        let store = TempDir::new().unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_readme"))
            .arg(pebble.directory_url())
            .arg(&web_root)
            .args(names)
            .current_dir(store.path())
            .env("SSL_CERT_FILE", pebble.root_file())
            .status()
            .unwrap();
        assert!(status.success());
        let certificate = stored(store.path(), names[0]);
        let mut expected: Vec<Identifier> = names.iter().map(|name| name.parse().unwrap()).collect();
        let mut got = certificate.info().names.clone();
        expected.sort();
        got.sort();
        assert_eq!(got, expected);
    });
}

fn stored(directory: &Path, name: &str) -> Certificate {
    let persist = FilePersist::new(directory);
    let text = |kind| {
        let value = persist.get(&PersistKey::new("admin@example.com", kind, name)).unwrap().unwrap();
        String::from_utf8(value).unwrap()
    };
    Certificate::from_pem(text(PersistKind::PrivateKey), text(PersistKind::Certificate)).unwrap()
}
