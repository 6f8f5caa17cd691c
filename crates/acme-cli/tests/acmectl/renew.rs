//! Renewing what is due.

use std::time::Duration;

use acme_testca::{Action, Config, Fault, Operation, StatusFault, TestCa, TestCaBuilder};

use super::world::{World, assert_run};
use snapbox::str;

/// A CA whose certificates are due at once, and end so many minutes from now.
fn short_lived(minutes: u64) -> TestCaBuilder {
    let mut config = Config::gentle();
    config.certificate_lifetime = Duration::from_secs((60 + minutes) * 60);
    TestCa::builder().config(config)
}

#[test]
fn nothing_is_due() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("renew"),
        str![[r#"
exit 0
--- stderr
nothing is due

"#]]
    );
    assert_run!(
        world.run("renew www.example.test"),
        str![[r#"
exit 0
--- stderr
www.example.test: kept; it is due [MOMENT]

"#]]
    );
}

#[test]
fn unknown_certificate() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("renew other.example.test"),
        str![[r#"
exit 2
--- stderr
error: there is no certificate 'other.example.test'
  fault: on this side, not the CA's
  next: check the name; acmectl list has them all

"#]]
    );
}

#[test]
fn what_is_due_is_renewed_with_its_settings() {
    let world = World::new();
    let (ca, web) = world.authority(short_lived(50));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test --key-type ecdsa-p384").code(), Some(0));
    let mut command = world.command("renew --max-wait 0");
    command.env("ACME_HTTP_REACH", web.address().to_string());
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 0
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]

"#]]
    );
    assert_eq!(ca.counts().certificates, 2);
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn forced_renewal_of_all() {
    let world = World::new();
    assert_eq!(world.run("issue a.example.test --ca dev").code(), Some(0));
    assert_eq!(world.run("issue b.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("renew --force --max-wait 0 --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","ca":"dev","certificate":"a.example.test","changes":[],"directory":"[WORLD]/state/certs/a.example.test/current","due":"[TIME]","generation":2,"issuer":"[ISSUER]","names":["a.example.test"],"not_after":"[TIME]","not_before":"[TIME]","outcome":"issued","serial":"[SERIAL]"}
{"v":1,"type":"certificate","ca":"dev","certificate":"b.example.test","changes":[],"directory":"[WORLD]/state/certs/b.example.test/current","due":"[TIME]","generation":2,"issuer":"[ISSUER]","names":["b.example.test"],"not_after":"[TIME]","not_before":"[TIME]","outcome":"issued","serial":"[SERIAL]"}
{"v":1,"type":"run","exit":0,"failed":0,"outcome":"done","renewed":2}
--- stderr
a.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
a.example.test: opening the account
a.example.test: ordering
a.example.test: asking for the certificate
a.example.test: downloading it
a.example.test: publishing it
a.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
b.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
b.example.test: opening the account
b.example.test: ordering
b.example.test: proving control of the names
b.example.test: asking for the certificate
b.example.test: downloading it
b.example.test: publishing it
b.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]

"#]]
    );
}

#[test]
fn temporary_failure_is_one_for_good_when_it_is_late() {
    for (minutes, code) in [(50, 3), (5, 1)] {
        let world = World::new();
        let fault = Fault::on(Operation::NewOrder, Action::Status(StatusFault::new(503))).nth(2).always();
        let (ca, web) = world.authority(short_lived(minutes).fault(fault));
        assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
        assert_eq!(world.run("renew --max-wait 0").code(), Some(code), "{minutes}");
        // Left alone for a minute; not if it is named.
        assert_eq!(world.run("renew --max-wait 0").code(), Some(0));
        assert_eq!(world.run("renew www.example.test --max-wait 0").code(), Some(code), "{minutes}");
    }
}

#[test]
fn some_succeed_and_some_do_not() {
    let world = World::new();
    let fault = Fault::on(Operation::NewOrder, Action::Status(StatusFault::new(503)))
        .identifier("b.example.test")
        .nth(2)
        .always();
    let (ca, web) = world.authority(short_lived(50).fault(fault));
    assert_eq!(world.run_at(&ca, &web, "issue a.example.test").code(), Some(0));
    assert_eq!(world.run_at(&ca, &web, "issue b.example.test").code(), Some(0));
    let mut command = world.command("renew --max-wait 0");
    command.env("ACME_HTTP_REACH", web.address().to_string());
    let run = world.finish(&mut command);
    assert_eq!(run.code(), Some(4), "{}", run.stderr());
    assert!(run.stderr().contains("error: b.example.test: the CA refused newOrder"), "{}", run.stderr());
    assert_eq!(ca.counts().certificates, 3);
}

#[test]
fn failure_on_this_side_is_recorded_and_tried_again_at_once() {
    let world = World::new();
    let (ca, web) = world.authority(short_lived(50));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    std::fs::rename(web.root(), world.path("away")).unwrap();
    assert_run!(
        world.run("renew --max-wait 0"),
        str![[r#"
exit 1
--- stderr
error: www.example.test: the webroot can't be used
  because: '[WORLD]/www' does not exist
  fault: on this side, not the CA's
  next: give the directory that the web server serves as /

"#]]
    );
    std::fs::rename(world.path("away"), web.root()).unwrap();
    assert_eq!(world.run("renew --max-wait 0").code(), Some(0));
}
