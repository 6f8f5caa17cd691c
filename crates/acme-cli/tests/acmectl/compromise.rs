//! Keys that somebody else knows.

use acme_keys::{CertificateKey, CertificateSigningRequest, KeyType};
use acme_testca::{Action, Config, Fault, Operation, StatusFault, TestCa};
use snapbox::str;

use super::world::{World, assert_run};

fn key(world: &World, name: &str) -> String {
    world.read(&format!("state/certs/{name}/current/privkey.pem"))
}

/// Two certificates with one key, and a third with another.
fn shared(world: &World, ca: &TestCa, web: &super::web::WebServer) -> CertificateKey {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let request =
        |name: &str| CertificateSigningRequest::new(&[name.parse().unwrap()], &key).unwrap().to_pem();
    for name in ["a.example.test", "b.example.test"] {
        world.write("request.pem", &request(name));
        assert_eq!(world.run_at(ca, web, &format!("issue --csr request.pem --name {name}")).code(), Some(0));
        // From now on the key is here.
        let store = acme_store::Store::open_existing(world.path("state")).unwrap();
        let id = acme_store::CertificateName::new(name).unwrap();
        let mut publication = store.publication(&id).unwrap().unwrap();
        publication.private_key_pem = Some(key.to_pem());
        let mut settings = store.certificate(&id).unwrap().unwrap().settings;
        settings.csr = None;
        settings.reuse_key = true;
        store.update_settings(&id, &settings).unwrap();
        store.publish(&id, &publication, jiff::Timestamp::now()).unwrap();
    }
    assert_eq!(world.run_at(ca, web, "issue c.example.test").code(), Some(0));
    key
}

#[test]
fn every_certificate_with_the_key_is_replaced_then_revoked() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    shared(&world, &ca, &web);
    let (first, other) = (key(&world, "a.example.test"), key(&world, "c.example.test"));
    assert_eq!(key(&world, "b.example.test"), first);
    let run = world.run_at(&ca, &web, "revoke a.example.test --reason key-compromise");
    assert_eq!(
        run.stdout(),
        "a.example.test: revoked (key-compromise)\nb.example.test: revoked (key-compromise)\n"
    );
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let revoked: Vec<_> = ca.issued().iter().map(|issued| issued.revoked.map(|(_, reason)| reason)).collect();
    assert_eq!(revoked, [Some(1), Some(1), None, None, None]);
    let (a, b) = (key(&world, "a.example.test"), key(&world, "b.example.test"));
    assert!(a != first && b != first && key(&world, "c.example.test") == other);
    // They were replaced before anything was revoked.
    let operations: Vec<_> = ca.requests().iter().map(|request| request.operation).collect();
    let last_issued = operations.iter().rposition(|operation| *operation == Operation::Certificate);
    let first_revoked = operations.iter().position(|operation| *operation == Operation::Revoke);
    assert!(last_issued < first_revoked, "{operations:?}");
    // With --reuse-key it is the new key that is kept.
    assert_eq!(world.run_at(&ca, &web, "renew a.example.test --force --max-wait 0").code(), Some(0));
    assert_eq!(key(&world, "a.example.test"), a);
}

#[test]
fn the_key_is_never_used_again() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    let key = shared(&world, &ca, &web);
    let run = world.run_at(&ca, &web, "revoke b.example.test --reason key-compromise");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let request = CertificateSigningRequest::new(&["d.example.test".parse().unwrap()], &key).unwrap();
    world.write("request.pem", &request.to_pem());
    assert_run!(
        world.run_at(&ca, &web, "issue --csr request.pem"),
        str![[r#"
exit 2
--- stderr
error: the key of the certificate signing request [WORLD]/request.pem is compromised
  fault: on this side, not the CA's
  next: make a new key, and a request with it in the place of that file

"#]]
    );
}

#[test]
fn what_can_not_be_replaced_is_not_revoked_yet() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    shared(&world, &ca, &web);
    let fault = Fault::on(Operation::NewOrder, Action::Status(StatusFault::new(500))).times(10);
    ca.fault(fault.identifier("b.example.test"));
    let run = world.run_at(&ca, &web, "revoke a.example.test --reason key-compromise");
    assert_eq!(run.code(), Some(3), "{}", run.stderr());
    assert!(run.stderr().contains("b.example.test is not revoked yet"), "{}", run.stderr());
    assert_eq!(run.stdout(), "a.example.test: revoked (key-compromise)\n");
    assert_eq!(ca.counts().revoked, 1);
    ca.clear_faults();
    let again = world.run_at(&ca, &web, "revoke b.example.test --reason key-compromise");
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    assert_eq!(ca.counts().revoked, 2);
}

#[test]
fn a_certificate_that_is_let_go_is_revoked_without_a_successor() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    shared(&world, &ca, &web);
    let run = world.run_at(&ca, &web, "revoke a.example.test --reason key-compromise --no-replace");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(ca.counts().revoked, 2);
    let list = world.run("list").stdout();
    let states: Vec<_> = list.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(states, ["revoked", "ok", "ok"]);
}
