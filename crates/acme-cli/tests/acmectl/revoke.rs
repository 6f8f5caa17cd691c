//! `revoke`.

use acme_testca::{Config, TestCa};
use snapbox::str;

use super::world::{World, assert_run};

#[test]
fn a_revoked_certificate_is_replaced_by_the_next_renew() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    let first = world.read("state/certs/www.example.test/current/cert.pem");
    assert_run!(
        world.run("revoke www.example.test --reason key-compromise"),
        str![[r#"
exit 0
--- stdout
www.example.test: revoked
--- stderr
the files stay in place until the next acmectl renew replaces them:
      acmectl renew www.example.test

"#]]
    );
    assert_eq!(ca.counts().revoked, 1);
    assert!(world.run("list").stdout().contains("revoked, due"));
    let mut renew = world.command("renew --max-wait 0");
    renew.env("ACME_HTTP_REACH", web.address().to_string());
    assert_eq!(world.finish(&mut renew).code(), Some(0));
    assert_ne!(world.read("state/certs/www.example.test/current/cert.pem"), first);
    assert!(world.run("list").stdout().contains(" ok "));
}

#[test]
fn revoking_twice_is_no_failure() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_eq!(world.run("revoke www.example.test").code(), Some(0));
    assert_eq!(world.run("revoke www.example.test").code(), Some(0));
}

#[test]
fn a_certificate_that_is_let_go_is_not_renewed() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("revoke www.example.test --no-replace --reason cessationOfOperation"),
        str![[r#"
exit 0
--- stdout
www.example.test: revoked
--- stderr
its files stay, and it is not renewed any more; to remove them:
      acmectl delete www.example.test

"#]]
    );
    let renewed = world.run("renew www.example.test");
    assert_eq!(renewed.code(), Some(0));
    assert!(renewed.stderr().contains("not renewed any more"), "{}", renewed.stderr());
}

#[test]
fn a_key_that_is_compromised_is_not_kept() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev --reuse-key").code(), Some(0));
    let key = world.read("state/certs/www.example.test/current/privkey.pem");
    let revoked = world.run("revoke www.example.test --reason key-compromise");
    assert!(revoked.stderr().contains("the next certificate has a new one"), "{}", revoked.stderr());
    assert_eq!(world.run("renew --max-wait 0").code(), Some(0));
    assert_ne!(world.read("state/certs/www.example.test/current/privkey.pem"), key);
}

#[test]
fn a_file_is_revoked_with_the_account_that_issued_it() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    std::fs::copy(world.path("state/certs/www.example.test/current/cert.pem"), world.path("cert.pem"))
        .unwrap();
    assert_eq!(world.run("delete www.example.test").code(), Some(0));
    assert_run!(
        world.run_at(&ca, &web, "revoke --cert cert.pem"),
        str![[r#"
exit 0
--- stdout
cert.pem: revoked

"#]]
    );
    assert_eq!(ca.counts().revoked, 1);
}

#[test]
fn a_file_that_is_no_certificate_is_refused() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    world.write("cert.pem", "hello");
    assert_run!(
        world.run("revoke --cert cert.pem --ca dev"),
        str![[r#"
exit 2
--- stderr
error: cert.pem can't be used
  because: certificate in PEM was expected, but there is no '-----BEGIN' line
  fault: on this side, not the CA's
  next: check the path cert.pem

"#]]
    );
}

#[test]
fn a_certificate_that_was_never_obtained_can_not_be_revoked() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    drop(web);
    assert_eq!(
        world.run(&format!("issue www.example.test --ca {} --ca-root root.pem", ca.directory_url())).code(),
        Some(2)
    );
    assert_eq!(world.run("revoke www.example.test").code(), Some(2));
}
