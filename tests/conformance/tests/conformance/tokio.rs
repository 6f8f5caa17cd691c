//! The asynchronous library's one call against Pebble.

use acme_conformance::pebble::{self, Settings};
use acme_tokio::{Account, DirectoryUrl, Http01, IssueRequest, RevocationReason};
use tokio::runtime::Builder;

#[test]
fn a_certificate_is_issued_and_revoked_on_tokio() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let solver = runtime.block_on(Http01::bind("127.0.0.1:0")).unwrap();
    let settings = Settings { http_port: solver.local_addr().port(), nonce_reject: Some(20) };
    let handle = runtime.handle().clone();
    pebble::with(&settings, move |pebble| {
        let mut solver = solver.clone();
        handle.block_on(async {
            let account = Account::builder(DirectoryUrl::Other(&pebble.directory_url()))
                .agree_to_terms()
                .root_pem(pebble.root_pem().unwrap())
                .open()
                .await
                .unwrap();
            let request = IssueRequest::new(["www.example.test", "mail.example.test"]);
            let certificate = account.issue(&request, &mut solver).await.unwrap();
            assert_eq!(certificate.info().names.len(), 2);
            account.revoke_certificate(&certificate, RevocationReason::Superseded).await.unwrap();
        });
    });
}
