//! `list`, `show` and `delete`.

use acme_testca::{Action, Config, Fault, Operation, Problem, ProblemFault, TestCa};
use snapbox::str;

use super::world::{World, assert_run};

#[test]
fn no_store_is_no_empty_list() {
    let world = World::new();
    assert_run!(
        world.run("list"),
        str![[r#"
exit 2
--- stderr
error: there is no store in [WORLD]/state
  fault: on this side, not the CA's
  next: name the directory with --dir, or obtain a certificate first

"#]]
    );
}

#[test]
fn an_empty_list_says_how_to_go_on() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_eq!(world.run("delete www.example.test").code(), Some(0));
    assert_run!(
        world.run("list"),
        str![[r#"
exit 0
--- stderr
there are no certificates yet
  next: acmectl issue DOMAIN...

"#]]
    );
}

#[test]
fn the_list_has_a_line_for_each_certificate() {
    let world = World::new();
    assert_eq!(world.run("issue a.test b.test c.test d.test e.test --ca dev").code(), Some(0));
    assert_eq!(world.run("issue f.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("list"),
        str![[r#"
exit 0
--- stdout
CERTIFICATE  STATE  EXPIRES [..] RENEWS [..] CA   NAMES
a.test       ok     [DAY][DAY]dev  a.test b.test c.test +2
f.test       ok     [DAY][DAY]dev  f.test

"#]]
    );
    assert_run!(
        world.run("list --failing"),
        str![[r#"
exit 0
--- stderr
nothing fails

"#]]
    );
    assert_run!(
        world.run("list --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","ca":"dev","certificate":"a.test","due":"[TIME]","failures":0,"hooks_pending":0,"names":["a.test","b.test","c.test","d.test","e.test"],"next_attempt_at":null,"not_after":"[TIME]","not_before":"[TIME]","outcome":"ok","serial":"[SERIAL]"}
{"v":1,"type":"certificate","ca":"dev","certificate":"f.test","due":"[TIME]","failures":0,"hooks_pending":0,"names":["f.test"],"next_attempt_at":null,"not_after":"[TIME]","not_before":"[TIME]","outcome":"ok","serial":"[SERIAL]"}

"#]]
    );
}

#[test]
fn a_certificate_is_shown_with_the_line_that_makes_it_again() {
    let world = World::new();
    let line = "issue www.example.test example.test --ca dev --key-type ecdsa-p384 --name site";
    assert_eq!(world.run(line).code(), Some(0));
    assert_run!(
        world.run("show site"),
        str![[r#"
exit 0
--- stdout
certificate: site
state:       ok
names:       www.example.test example.test
valid from:  [MOMENT]
valid until: [MOMENT]
serial:      [..]
issuer:      CN=acme-testca intermediate [..]
file:        [WORLD]/state/certs/site/current/fullchain.pem
file:        [WORLD]/state/certs/site/current/privkey.pem
file:        [WORLD]/state/certs/site/current/cert.pem
file:        [WORLD]/state/certs/site/current/chain.pem
file:        [WORLD]/state/certs/site/current/combined.pem
ca:          the test CA
challenge:   http-01, answered on port 80
key type:    ecdsa-p384
attempt:     [MOMENT]: obtained
next:        the first acmectl renew after [MOMENT] renews it
             [..]
same again:  acmectl issue www.example.test example.test --ca dev --key-type ecdsa-p384 --name site --dir [WORLD]/state

"#]]
    );
    let again = world.run("issue www.example.test example.test --ca dev --key-type ecdsa-p384 --name site");
    assert_eq!(again.code(), Some(0));
    assert!(again.stderr().contains("kept"), "{}", again.stderr());
}

#[test]
fn a_failing_certificate_says_what_the_ca_said_and_what_happens_next() {
    let world = World::new();
    let problem = Problem::new("caa", 403, "CAA record for bad.example.test prevents issuance");
    let fault = Fault::on(Operation::NewOrder, Action::Problem(ProblemFault::from(problem)));
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()).fault(fault));
    assert_eq!(world.run_at(&ca, &web, "issue bad.example.test").code(), Some(1));
    assert_run!(
        world.run("show bad.example.test"),
        str![[r#"
exit 0
--- stdout
certificate: bad.example.test
state:       FAILING
names:       bad.example.test
asked for:   [MOMENT]
ca:          https://127.0.0.1:[PORT]/directory
ca root:     [WORLD]/root.pem
challenge:   http-01, through files below [WORLD]/www
key type:    ecdsa-p256
attempt:     [MOMENT]: failed (order)
             the CA refused newOrder
             caa: CAA record for bad.example.test prevents issuance
next:        the next acmectl renew after [MOMENT] tries again
             [..]
same again:  acmectl issue bad.example.test --ca https://127.0.0.1:[PORT]/directory --ca-root [WORLD]/root.pem --webroot [WORLD]/www --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("list --failing"),
        str![[r#"
exit 0
--- stdout
CERTIFICATE       STATE    EXPIRES  RENEWS [..]
bad.example.test  FAILING  -        [DAY]https://127.0.0.1:[PORT]/directory  bad.example.test

"#]]
    );
}

#[test]
fn a_hook_that_is_owed_is_shown_with_its_error() {
    let world = World::new();
    let line = "issue www.example.test --ca dev --reload false";
    assert_eq!(world.run(line).code(), Some(5));
    let shown = world.run("show www.example.test").stdout();
    assert!(shown.contains("state:       hook failed"), "{shown}");
    assert!(shown.contains("owed; failed 1 times:"), "{shown}");
    assert!(world.run("list --failing").stdout().contains("hook failed"));
}

#[test]
fn unknown_certificates_are_named() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    for verb in ["show", "delete", "revoke"] {
        let run = world.run(&format!("{verb} other.test"));
        assert_eq!(run.code(), Some(2), "{verb}");
        assert!(run.stderr().contains("there is no certificate 'other.test'"), "{}", run.stderr());
    }
}

#[test]
fn a_deleted_certificate_leaves_nothing_to_renew() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("delete www.example.test"),
        str![[r#"
exit 0
--- stdout
www.example.test: deleted; it is not renewed any more
--- stderr
note: it was not revoked, and is valid until [MOMENT]

"#]]
    );
    assert!(!world.path("state/certs/www.example.test").exists());
    assert_eq!(world.run("renew --force").code(), Some(0));
    assert!(!world.path("state/certs/www.example.test").exists());
}
