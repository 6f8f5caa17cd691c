//! One certificate in one call.

use acme_lib::{Account, DirectoryUrl, Http01, IssueRequest};
use acme_testca::TestCa;

#[test]
fn a_certificate_is_issued_by_the_paved_path() {
    let mut solver = Http01::bind("127.0.0.1:0").expect("a port");
    let ca = TestCa::builder().http_port(solver.local_addr().port()).start().expect("a CA");
    let account = Account::builder(DirectoryUrl::Other(ca.directory_url()))
        .agree_to_terms()
        .root_pem(ca.root_pem())
        .open()
        .expect("an account");
    let request = IssueRequest::new(["example.test", "www.example.test"]);
    let certificate = account.issue(&request, &mut solver).expect("a certificate");
    assert_eq!(certificate.info().names.len(), 2);
    for record in ca.requests() {
        println!("{record:?}");
    }
}
