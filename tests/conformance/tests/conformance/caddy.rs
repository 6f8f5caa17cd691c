//! Both libraries and the command against Caddy's CA.

use acme_conformance::caddy::{self, Caddy};
use acme_conformance::command::acmectl;
use acme_conformance::namespace;
use acme_lib::{Account, DirectoryUrl, Http01, IssueRequest, RevocationReason};
use tempfile::TempDir;

const NAMES: [&str; 2] = ["www.example.test", "example.test"];
const KNOWN: [&str; 3] = [caddy::NAME, NAMES[0], NAMES[1]];

#[test]
fn the_library_gets_and_revokes_a_certificate() {
    namespace::run("caddy::the_library_gets_and_revokes_a_certificate", &KNOWN, || {
        let caddy = Caddy::start().unwrap();
        let account = Account::builder(DirectoryUrl::Other(&caddy.directory_url()))
            .agree_to_terms()
            .root_pem(caddy.root_pem().unwrap())
            .open()
            .unwrap();
        let mut solver = Http01::bind("127.0.0.1:80").unwrap();
        let certificate = account.issue(&IssueRequest::new(NAMES), &mut solver).unwrap();
        assert_eq!(certificate.info().names.len(), NAMES.len());
        account.revoke_certificate(&certificate, RevocationReason::Superseded).unwrap();
    });
}

#[test]
fn the_asynchronous_library_gets_and_revokes_a_certificate() {
    namespace::run("caddy::the_asynchronous_library_gets_and_revokes_a_certificate", &KNOWN, || {
        let caddy = Caddy::start().unwrap();
        let url = caddy.directory_url();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let account = acme_tokio::Account::builder(DirectoryUrl::Other(&url))
                .agree_to_terms()
                .root_pem(caddy.root_pem().unwrap())
                .open()
                .await
                .unwrap();
            let mut solver = acme_tokio::Http01::bind("127.0.0.1:80").await.unwrap();
            let request = IssueRequest::new(NAMES);
            let certificate = account.issue(&request, &mut solver).await.unwrap();
            assert_eq!(certificate.info().names.len(), NAMES.len());
            let reason = RevocationReason::Superseded;
            account.revoke_certificate(&certificate, reason).await.unwrap();
        });
    });
}

#[test]
fn the_command_gets_renews_and_revokes_a_certificate() {
    // Building it is nothing to do without a network.
    drop(acmectl());
    namespace::run("caddy::the_command_gets_renews_and_revokes_a_certificate", &KNOWN, || {
        let caddy = Caddy::start().unwrap();
        let dir = TempDir::new().unwrap();
        let url = caddy.directory_url();
        let issue =
            ["issue", NAMES[0], NAMES[1], "--agree-tos", "--http-listen", "127.0.0.1:80", "--ca", &url];
        let root = caddy.root_file();
        let root = ["--ca-root", root.to_str().unwrap()];
        for line in [
            [issue.as_slice(), &root].concat(),
            vec!["renew", "--force", "--max-wait", "0"],
            vec!["revoke", NAMES[0]],
        ] {
            let output = acmectl().args(&line).arg("--dir").arg(dir.path()).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{line:?}: {errors}");
        }
        assert!(dir.path().join("certs").join(NAMES[0]).join("0002/fullchain.pem").exists());
    });
}
