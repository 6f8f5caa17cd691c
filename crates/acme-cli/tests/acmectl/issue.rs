//! Obtaining, keeping and changing certificates.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use acme_testca::TestCa;

use super::web::DeadPort;
use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn first_certificate_of_the_test_ca() {
    let world = World::new();
    assert_run!(
        world.run("issue www.example.test --ca dev"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    let current = world.path("state/certs/www.example.test/current");
    let verified = Command::new("openssl")
        .args(["verify", "-CAfile"])
        .arg(world.path("state/dev-ca/root.pem"))
        .arg("-untrusted")
        .arg(current.join("chain.pem"))
        .arg(current.join("cert.pem"))
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    let mode = |name: &str| world.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("state/acme.db"), 0o600);
    assert_eq!(mode("state/dev-ca/state.json"), 0o600);
    assert_eq!(mode("state/certs/www.example.test/current/privkey.pem"), 0o600);
    assert_eq!(mode("state/certs/www.example.test/current/fullchain.pem"), 0o644);
}

#[test]
fn right_certificate_is_kept() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("issue example.test www.example.test"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: kept; it is right, and due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("issue www.example.test example.test --ca dev --json --quiet"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","certificate":"www.example.test","changes":[],"directory":"[WORLD]/state/certs/www.example.test/current","due":"[TIME]","names":["www.example.test","example.test"],"outcome":"kept"}
{"v":1,"type":"renewer","renewed_by":null}

"#]]
    );
}

#[test]
fn force_obtains_it_anyway() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("issue www.example.test --force --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","ca":"dev","certificate":"www.example.test","changes":[],"directory":"[WORLD]/state/certs/www.example.test/current","due":"[TIME]","generation":2,"issuer":"[ISSUER]","names":["www.example.test"],"not_after":"[TIME]","not_before":"[TIME]","outcome":"issued","serial":"[SERIAL]"}
{"v":1,"type":"renewer","renewed_by":null}
--- stderr
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
www.example.test: ordering
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert!(world.path("state/certs/www.example.test/0002").exists());
}

#[test]
fn quiet_says_nothing() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev -q"),
        str![[r#"
exit 0

"#]]
    );
}

#[test]
fn settings_are_remembered_and_changes_told() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev --key-type rsa-2048").code(), Some(0));
    assert_run!(
        world.run("issue www.example.test"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: kept; it is right, and due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("issue www.example.test --key-type ecdsa-p384 --reload true"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
changed: key_type from rsa-2048 to ecdsa-p384
changed: reload from nothing to true
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
www.example.test: ordering
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
hook: true
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    let key = world.read("state/certs/www.example.test/current/privkey.pem");
    let key = acme_keys::CertificateKey::from_pem(key).unwrap();
    assert_eq!(key.key_type(), acme_keys::KeyType::EcdsaP384);
}

#[test]
fn settings_that_lead_to_nothing_are_not_kept() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    let down = DeadPort::new();
    let line = format!("issue www.example.test --ca {} --http-listen 127.0.0.1:0", down.directory_url());
    assert_eq!(world.run(&line).code(), Some(3));
    assert_eq!(world.run("renew www.example.test --force --max-wait 0").code(), Some(0));
}

#[test]
fn names_that_would_be_lost() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test old.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("issue www.example.test new.example.test"),
        str![[r#"
exit 2
--- stderr
error: the certificate www.example.test would lose old.example.test
  fault: on this side, not the CA's
  next: keep them:
      acmectl issue www.example.test new.example.test old.example.test
    or: let them go:
      acmectl issue www.example.test new.example.test --drop
    or: obtain a second certificate beside it:
      acmectl issue www.example.test new.example.test --name www.example.test-2

"#]]
    );
    assert_run!(
        world.run("issue www.example.test new.example.test --name second --ca dev"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/second/current/fullchain.pem
[WORLD]/state/certs/second/current/privkey.pem
--- stderr
second: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
second: opening the account
second: ordering
second: proving control of the names
second: asking for the certificate
second: downloading it
second: publishing it
second: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("issue www.example.test new.example.test --name www.example.test --drop"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
changed: names from www.example.test, old.example.test to www.example.test, new.example.test
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
}

#[test]
fn names_can_be_added() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("issue www.example.test new.example.test"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
changed: names from www.example.test to www.example.test, new.example.test
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
}

#[test]
fn production_is_not_replaced_by_a_test() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    assert_run!(
        world.run("issue www.example.test --ca dev --http"),
        str![[r#"
exit 2
--- stderr
error: the certificate www.example.test is of https://127.0.0.1:[PORT]/directory, and would be replaced by one of the test CA, which nobody trusts
  fault: on this side, not the CA's
  next: give the certificate for tests a name of its own:
      acmectl issue www.example.test --ca dev --http --name www.example.test-test
    or: if it is not in use, replace it:
      acmectl issue www.example.test --ca dev --http --force

"#]]
    );
    assert_eq!(world.run("issue www.example.test --ca dev --http --force").code(), Some(0));
}

#[test]
fn dry_run_keeps_nothing() {
    let world = World::new();
    assert_run!(
        world.run("issue www.example.test --ca dev --dry-run"),
        str![[r#"
exit 0
--- stdout
the dry run succeeded; nothing was kept
--- stderr
dry run: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
dry run: opening the account
dry run: ordering
dry run: proving control of the names
dry run: asking for the certificate
dry run: downloading it

"#]]
    );
    assert!(!world.path("state").exists());
}

#[test]
fn dry_run_needs_a_staging_directory() {
    assert_run!(
        World::new().run("issue www.example.com --ca https://ca.example/dir --dry-run"),
        str![[r#"
exit 2
--- stderr
error: https://ca.example/dir has no staging directory, so that nothing can be tried without it counting
  fault: on this side, not the CA's
  next: try it with another CA:
      acmectl issue www.example.com --dry-run --ca letsencrypt

"#]]
    );
}

#[test]
fn key_types() {
    let world = World::new();
    for key_type in acme_keys::KeyType::ALL {
        let line = format!("issue {key_type}.example.test --ca dev --key-type {key_type}");
        assert_eq!(world.run(&line).code(), Some(0), "{key_type}");
        let key = world.read(&format!("state/certs/{key_type}.example.test/current/privkey.pem"));
        assert_eq!(acme_keys::CertificateKey::from_pem(key).unwrap().key_type(), key_type);
    }
}

#[test]
fn log_file_has_no_secrets() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev --log-file log -vv").code(), Some(0));
    let log = world.read("log");
    assert!(log.contains("issued"), "{log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[test]
fn request_of_ones_own() {
    let world = World::new();
    let key = acme_keys::CertificateKey::generate(acme_keys::KeyType::EcdsaP256).unwrap();
    let names = ["www.example.test".parse().unwrap(), "example.test".parse().unwrap()];
    let request = acme_keys::CertificateSigningRequest::new(&names, &key).unwrap();
    world.write("request.pem", &request.to_pem());
    assert_run!(
        world.run("issue --csr request.pem --ca dev"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
--- stderr
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("issue --csr request.pem other.example.test"),
        str![[r#"
exit 2
--- stderr
error: the certificate signing request [WORLD]/request.pem is not for the names that are given
  fault: on this side, not the CA's
  next: give no names, or those of the request: www.example.test example.test

"#]]
    );
    assert_eq!(world.run("renew --force --max-wait 0").code(), Some(0));
    let leaf = world.read("state/certs/www.example.test/current/cert.pem");
    assert_eq!(acme_keys::CertificateInfo::from_pem(leaf).unwrap().public_key_der, key.public_key_der());
    assert!(!world.path("state/certs/www.example.test/current/privkey.pem").exists());
    assert_run!(
        world.run("issue www.example.test example.test --new-key"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
changed: csr from [WORLD]/request.pem to nothing
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert!(world.path("state/certs/www.example.test/current/privkey.pem").exists());
}

#[test]
fn key_is_used_again_if_that_is_wanted() {
    let world = World::new();
    let key = "state/certs/www.example.test/current/privkey.pem";
    assert_eq!(world.run("issue www.example.test --ca dev --reuse-key").code(), Some(0));
    let first = world.read(key);
    assert_eq!(world.run("renew --force --max-wait 0").code(), Some(0));
    assert_eq!(world.read(key), first);
    assert_eq!(world.run("issue www.example.test --force --key-type rsa-2048").code(), Some(0));
    let second = world.read(key);
    assert_ne!(second, first);
    assert_eq!(world.run("issue www.example.test --force --new-key").code(), Some(0));
    assert_ne!(world.read(key), second);
}
