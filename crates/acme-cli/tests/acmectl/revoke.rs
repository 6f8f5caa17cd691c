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
        world.run("revoke www.example.test --reason superseded"),
        str![[r#"
exit 0
--- stdout
www.example.test: revoked (superseded)
--- stderr
asking https://127.0.0.1:[PORT]/directory
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
www.example.test: revoked (cessation-of-operation)
--- stderr
asking the test CA
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
    assert_eq!(revoked.code(), Some(0), "{}", revoked.stderr());
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
cert.pem: revoked (unspecified)
--- stderr
asking https://127.0.0.1:[PORT]/directory

"#]]
    );
    assert_eq!(ca.counts().revoked, 1);
}

#[test]
fn a_file_is_revoked_with_its_own_key() {
    let (world, other) = (World::new(), World::new());
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test --name site").code(), Some(0));
    for file in ["fullchain.pem", "privkey.pem"] {
        std::fs::copy(world.path(&format!("state/certs/site/current/{file}")), other.path(file)).unwrap();
    }
    assert_eq!(world.run_at(&ca, &web, "issue mail.example.test --name mail").code(), Some(0));
    std::fs::copy(world.path("state/certs/mail/current/privkey.pem"), other.path("other.pem")).unwrap();
    let revoke = |line: &str| other.run_at(&ca, &web, line);
    // There is no store here, and none is made.
    assert_run!(
        revoke("revoke --cert fullchain.pem --reason keyCompromise"),
        str![[r#"
exit 2
--- stderr
asking https://127.0.0.1:[PORT]/directory
error: there is nothing to revoke with: no account at https://127.0.0.1:[PORT]/directory, and no key
  fault: on this side, not the CA's
  next: revoke it with its own key:
      acmectl revoke --cert fullchain.pem --reason keyCompromise --key-file privkey.pem
    or: take over the account that obtained it:
      acmectl account import FILE --ca https://127.0.0.1:[PORT]/directory

"#]]
    );
    assert_run!(
        revoke("revoke --cert fullchain.pem --key-file other.pem"),
        str![[r#"
exit 2
--- stderr
error: the key in other.pem is not the certificate's
  fault: on this side, not the CA's
  next: give the key of that certificate, such as privkey.pem beside it

"#]]
    );
    assert_run!(
        revoke("revoke --cert fullchain.pem --key-file fullchain.pem"),
        str![[r#"
exit 2
--- stderr
error: fullchain.pem has no private key that can be used
  because: private key in PEM was expected, but there is only CERTIFICATE, CERTIFICATE
  fault: on this side, not the CA's
  next: give a private key as PEM (PKCS#8, SEC1 or PKCS#1) that is not encrypted

"#]]
    );
    assert_run!(
        revoke("revoke --cert fullchain.pem --key-file privkey.pem --reason KEYCOMPROMISE"),
        str![[r#"
exit 0
--- stdout
fullchain.pem: revoked (key-compromise)
--- stderr
asking https://127.0.0.1:[PORT]/directory

"#]]
    );
    let reasons: Vec<_> = ca.issued().iter().map(|issued| issued.revoked.map(|(_, reason)| reason)).collect();
    assert_eq!(reasons, [Some(1), None]);
    assert!(!other.path("state").exists());
}

#[test]
fn a_file_that_is_kept_here_is_replaced() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    // Nobody has to say which CA it is of.
    let run = world.run("revoke --cert state/certs/www.example.test/current/fullchain.pem --reason 4 --json");
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","certificate":"www.example.test","outcome":"revoked","reason":"superseded","replaced":true,"serial":"[SERIAL]"}
--- stderr
asking the test CA
the files stay in place until the next acmectl renew replaces them:
      acmectl renew www.example.test

"#]]
    );
    assert!(world.run("list").stdout().contains("revoked, due"));
    assert!(world.run("show www.example.test").stdout().contains("): superseded\n"));
}

#[test]
fn a_certificate_of_another_account_is_revoked_with_its_key() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    let key = world.read("state/certs/www.example.test/current/privkey.pem");
    assert_eq!(world.run_at(&ca, &web, "account register --account other").code(), Some(0));
    world.write("key.pem", &key);
    // A second account may not, and there is no key at hand.
    let cert = "revoke --cert state/certs/www.example.test/current/cert.pem";
    let run = world.run_at(&ca, &web, &format!("{cert} --account other"));
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert!(run.stderr().contains("unauthorized"), "{}", run.stderr());
    let run = world.run_at(&ca, &web, &format!("{cert} --key-file key.pem"));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
}

#[test]
fn words_that_are_no_reason_are_refused() {
    let run = World::new().run("revoke www.example.test --reason boredom");
    assert_eq!(run.code(), Some(2));
    for reason in [
        "unspecified",
        "key-compromise",
        "affiliation-changed",
        "superseded",
        "cessation-of-operation",
        "privilege-withdrawn",
    ] {
        assert!(run.stderr().contains(reason), "{}", run.stderr());
    }
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
error: cert.pem has no certificate that can be read
  because: certificate in PEM was expected, but there is no '-----BEGIN' line
  fault: on this side, not the CA's
  next: give the certificate as PEM, such as cert.pem or fullchain.pem

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
    assert_eq!(world.run("revoke").code(), Some(2));
}
