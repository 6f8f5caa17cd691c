//! `--not-after`.

use acme_keys::CertificateInfo;
use acme_testca::{Config, TestCa};
use snapbox::str;

use super::world::{World, assert_run};

fn leaf(world: &World) -> CertificateInfo {
    CertificateInfo::from_pem(world.read("state/certs/www.example.test/current/cert.pem")).unwrap()
}

#[test]
fn a_time_counts_from_each_issuance() {
    let world = World::new();
    let before = jiff::Timestamp::now();
    assert_eq!(world.run("issue www.example.test --ca dev --not-after 10d").code(), Some(0));
    let days = (leaf(&world).not_after.as_second() - before.as_second()) / 3600;
    assert_eq!(days, 10 * 24);
    let shown = world.run("show www.example.test").stdout();
    assert!(shown.contains("asked to end:  10d\n"), "{shown}");
    assert!(shown.contains("acmectl issue www.example.test --ca dev --not-after 10d"), "{shown}");
    let first = leaf(&world).serial_hex();
    assert_eq!(world.run("renew --force --max-wait 0").code(), Some(0));
    assert_ne!(leaf(&world).serial_hex(), first);
    let days = (leaf(&world).not_after.as_second() - before.as_second()) / 3600;
    assert_eq!(days, 10 * 24);
    // Taken back, the CA decides.
    let mut command = world.command("issue www.example.test --force");
    command.env("ACME_NOT_AFTER", "");
    let run = world.finish(&mut command);
    assert!(run.stderr().contains("changed: not_after from 10d to nothing\n"), "{}", run.stderr());
    let lifetime = leaf(&world).not_after.as_second() - leaf(&world).not_before.as_second();
    assert!(lifetime >= 89 * 86_400, "{lifetime}");
}

#[test]
fn a_moment_is_taken_as_it_is() {
    let world = World::new();
    let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 5 * 86_400).unwrap();
    assert_eq!(world.run(&format!("issue www.example.test --ca dev --not-after {at}")).code(), Some(0));
    assert_eq!(leaf(&world).not_after, at);
}

#[test]
fn ends_that_are_none() {
    let world = World::new();
    assert_run!(
        world.run("issue www.example.test --ca dev --not-after soon"),
        str![[r#"
exit 2
--- stderr
error: 'soon' is neither a moment nor a time
  fault: on this side, not the CA's
  next: give --not-after a moment as in [TIME], or a time as in 30d or 36h

"#]]
    );
    assert_run!(
        world.run("issue www.example.test --ca dev --not-after 2020-01-01T00:00:00Z"),
        str![[r#"
exit 2
--- stderr
error: the certificate would end in the past, at [TIME]
  fault: on this side, not the CA's
  next: give --not-after a later moment, or a time such as 30d, which counts from each renewal

"#]]
    );
    assert_eq!(world.run("list").stdout(), "");
}

#[test]
fn a_ca_that_takes_none() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::boulder()));
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test --not-after 10d"),
        str![[r#"
exit 1
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
error: www.example.test: the CA did not take an order that is to end at a certain time
  type: urn:ietf:params:acme:error:malformed (HTTP 400)
  detail: RFC 8555 section 7.4: this CA takes neither "notBefore" nor "notAfter"
  fault: on this side, not the CA's
  next: leave --not-after away, or take it back with --not-after '': then it is for the CA to say
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}
