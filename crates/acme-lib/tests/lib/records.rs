//! Proofs by TXT records, which the CA looks up for real.

use acme_lib::{Account, ChallengeType, Http01, IssueRequest};
use acme_testca::{Config, DnsPersist, Operation, TestCa};

use crate::name_server::{NameServer, RecordWriter};
use crate::world;

fn start(server: &NameServer, change: impl FnOnce(&mut Config)) -> TestCa {
    let mut config = Config::gentle();
    change(&mut config);
    TestCa::builder().config(config).dns(server.address).start().unwrap()
}

fn issue(account: &Account, server: &NameServer, kind: ChallengeType, names: &[&str]) {
    let request = IssueRequest::new(names.iter().copied());
    let mut solver = RecordWriter { server: server.clone(), kind };
    account.issue(&request, &mut solver).unwrap();
}

#[test]
fn a_record_proves_a_name_and_its_wildcard() {
    let server = NameServer::start();
    let ca = start(&server, |_| {});
    let account = world::builder(&ca).open().unwrap();
    issue(&account, &server, ChallengeType::Dns01, &["a.test", "*.a.test"]);
    assert_eq!(ca.issued().len(), 1);
    assert!(server.names().is_empty());
}

#[test]
fn an_account_has_a_record_of_its_own() {
    let server = NameServer::start();
    let ca = start(&server, |config| config.dns_account = true);
    let account = world::builder(&ca).open().unwrap();
    issue(&account, &server, ChallengeType::DnsAccount01, &["a.test", "*.b.test"]);
    assert_eq!(ca.issued().len(), 1);
    assert!(server.names().is_empty());
}

#[test]
fn a_record_of_the_parent_proves_what_is_below() {
    let server = NameServer::start();
    let ca = start(&server, |config| config.subdomain_authorizations = true);
    let account = world::builder(&ca).open().unwrap();
    let request = IssueRequest::new(["a.parent.test", "b.c.parent.test"]).ancestor_domain("parent.test");
    let mut solver = RecordWriter { server: server.clone(), kind: ChallengeType::Dns01 };
    account.issue(&request, &mut solver).unwrap();
    assert_eq!(ca.issued()[0].names.len(), 2);
    assert_eq!(world::count(&ca, Operation::Challenge), 1);
}

#[test]
fn a_record_that_stays_serves_again_in_every_revision() {
    for revision in [DnsPersist::Draft00, DnsPersist::Draft01, DnsPersist::Draft02] {
        let server = NameServer::start();
        let ca = start(&server, |config| config.dns_persist = Some(revision));
        let account = world::builder(&ca).open().unwrap();
        issue(&account, &server, ChallengeType::DnsPersist01, &["*.a.test", "b.test"]);
        assert_eq!(server.names(), ["_validation-persist.a.test", "_validation-persist.b.test"]);
        let wildcard = server.records.lock().unwrap()["_validation-persist.a.test"].clone();
        assert!(wildcard[0].ends_with("; policy=wildcard"), "{wildcard:?}");

        // A second certificate needs nobody who writes.
        let answers = world::count(&ca, Operation::Challenge);
        let mut nobody = Reader;
        account.issue(&IssueRequest::new(["*.a.test"]), &mut nobody).unwrap();
        assert_eq!(world::count(&ca, Operation::Challenge), answers + 1);
        assert_eq!(ca.issued().len(), 2);
    }
}

#[test]
fn an_address_is_proved_at_the_address() {
    let mut solver = Http01::bind("127.0.0.1:0").unwrap();
    let mut config = Config::gentle();
    config.ip_identifiers = true;
    let builder = TestCa::builder().config(config).http_port(solver.local_addr().port());
    let ca = builder.start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let certificate = account.issue(&IssueRequest::new(["127.0.0.1"]), &mut solver).unwrap();
    assert_eq!(certificate.info().names, ["127.0.0.1".parse().unwrap()]);
    assert_eq!(certificate.info().subject, "");
}

/// Somebody who writes nothing, since it is there.
struct Reader;

impl acme_lib::Solver for Reader {
    fn challenge_types(&self, _: &acme_lib::Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::DnsPersist01]
    }

    fn present(
        &mut self,
        challenges: &[acme_lib::proto::Challenge],
    ) -> Vec<Result<(), acme_lib::proto::SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(
        &mut self,
        challenges: &[acme_lib::proto::Challenge],
    ) -> Vec<Result<(), acme_lib::proto::SolverError>> {
        assert!(challenges.is_empty());
        Vec::new()
    }
}
