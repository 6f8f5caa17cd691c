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
a.test       ok     [DAY]in [..] days  dev  a.test b.test c.test +2
f.test       ok     [DAY]in [..] days  dev  f.test

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
{"v":1,"type":"certificate","ca":"dev","certificate":"a.test","directory":"[WORLD]/state/certs/a.test/current","due":"[TIME]","explanation_url":null,"failing_since":null,"failures":0,"hooks_pending":0,"names":["a.test","b.test","c.test","d.test","e.test"],"next_attempt_at":null,"not_after":"[TIME]","not_before":"[TIME]","outcome":"ok","renewal_window":{"end":"[TIME]","start":"[TIME]"},"revoked_at":null,"serial":"[SERIAL]"}
{"v":1,"type":"certificate","ca":"dev","certificate":"f.test","directory":"[WORLD]/state/certs/f.test/current","due":"[TIME]","explanation_url":null,"failing_since":null,"failures":0,"hooks_pending":0,"names":["f.test"],"next_attempt_at":null,"not_after":"[TIME]","not_before":"[TIME]","outcome":"ok","renewal_window":{"end":"[TIME]","start":"[TIME]"},"revoked_at":null,"serial":"[SERIAL]"}

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
certificate:  site
state:        ok
names:        www.example.test
              example.test
serial:       [..]
issuer:       CN=acme-testca intermediate [..]
valid from:   [MOMENT]
valid until:  [MOMENT]
renewal due:  [MOMENT]
              drawn between [..] and [..], as the CA wants it
files:        [WORLD]/state/certs/site/current/fullchain.pem
              [WORLD]/state/certs/site/current/privkey.pem
              [WORLD]/state/certs/site/current/cert.pem
              [WORLD]/state/certs/site/current/chain.pem
              [WORLD]/state/certs/site/current/combined.pem
CA:           the test CA (dev)
account:      https://127.0.0.1:[PORT]/account/[ID]
challenge:    http-01, answered on a free port of this machine
key:          ecdsa-p384, a new one at each renewal
attempts:     [MOMENT]: obtained
next:         the first acmectl renew after [MOMENT] renews it
              [..] acmectl renew
same again:   acmectl issue www.example.test example.test --ca dev --key-type ecdsa-p384 --name site --dir [WORLD]/state

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
certificate:  bad.example.test
state:        FAILING since [..]
names:        bad.example.test
asked for:    [MOMENT]
CA:           https://127.0.0.1:[PORT]/directory
              trusted through [WORLD]/root.pem
account:      https://127.0.0.1:[PORT]/account/[ID]
challenge:    http-01, through files below [WORLD]/www
key:          ecdsa-p256, a new one at each renewal
attempts:     [MOMENT]: failed at the step order
                the CA refused newOrder
                type: urn:ietf:params:acme:error:caa (HTTP 403)
                detail: CAA record for bad.example.test prevents issuance
                fault: on this side, not the CA's
next:         acmectl renew tries again, not before [MOMENT]
              [..] acmectl renew
same again:   acmectl issue bad.example.test --ca https://127.0.0.1:[PORT]/directory --ca-root [WORLD]/root.pem --webroot [WORLD]/www --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("list --failing"),
        str![[r#"
exit 0
--- stdout
CERTIFICATE       STATE                     EXPIRES  RENEWS [..]
bad.example.test  FAILING since [..]  -        in [..] seconds  127.0.0.1:[PORT]  bad.example.test

"#]]
    );
}

#[test]
fn a_narrow_list_has_no_more_than_it_must() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().gentle());
    ca.resolve("bad.example.test=").unwrap();
    assert_eq!(world.run_at(&ca, &web, "issue bad.example.test").code(), Some(1));
    let list = world.finish(world.command("list").env("COLUMNS", "40")).stdout();
    assert!(list.lines().last().unwrap().starts_with("bad.example.test  FAILING  -        in "), "{list}");
}

#[test]
fn the_names_take_the_room_that_there_is() {
    let world = World::new();
    assert_eq!(
        world.run("issue a.test b.test c.test d.test --ca dev --name www.example.test").code(),
        Some(0)
    );
    for (columns, names) in [
        ("200", "a.test b.test c.test +1"),
        ("84", "a.test b.test +2"),
        ("80", "a.test +3"),
        ("72", "4"),
        ("10", "4"),
    ] {
        let list = world.finish(world.command("list").env("COLUMNS", columns)).stdout();
        let row = list.lines().last().unwrap();
        assert!(row.ends_with(&format!("  dev  {names}")), "{columns}: {row}");
    }
}

#[test]
fn programs_see_all_of_it() {
    let world = World::new();
    let line = "issue www.example.test --ca dev --email admin@example.test --reload false";
    assert_eq!(world.run(line).code(), Some(5));
    assert_run!(
        world.run("show --cert-name www.example.test --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","account":"https://127.0.0.1:[PORT]/account/[ID]","account_label":"","asked_not_after":null,"attempts":[{"at":"[TIME]","errors":[],"fault":null,"help":[],"identifier":null,"next_allowed_at":null,"other_problems":[],"outcome":"succeeded","problem":null,"retry_after_seconds":null,"step":"publish"}],"ca":"dev","ca_root":null,"certificate":"www.example.test","certified_names":["www.example.test"],"challenge":{"method":"http"},"challenges":{},"created":"[TIME]","csr":null,"deploy_hook":null,"directory":"[WORLD]/state/certs/www.example.test/current","directory_url":"dev","due":"[TIME]","explanation_url":null,"failing_since":null,"failures":0,"generation":1,"hooks_pending":1,"issuer":"[ISSUER]","key_type":"ecdsa-p256","line":"acmectl issue www.example.test --ca dev --email admin@example.test --reload false --dir [WORLD]/state","names":["www.example.test"],"next":"the next acmectl renew runs the hook again","next_attempt_at":null,"not_after":"[TIME]","not_before":"[TIME]","outcome":"hook_failed","pending_hooks":[{"failures":1,"hook":"reload","last_error":"'false' failed: exit status 1"}],"preferred_chain":null,"preferred_profile":null,"profile":null,"reload":"false","renewal_window":{"end":"[TIME]","start":"[TIME]"},"reuse_key":false,"revocation_reason":null,"revoked_at":null,"serial":"[SERIAL]"}

"#]]
    );
}

#[test]
fn files_that_can_not_be_written_are_missing() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    std::fs::remove_dir_all(world.path("state/certs")).unwrap();
    world.write("state/certs", "in the way");
    assert!(world.run("list --failing").stdout().contains("  FILES MISSING  "));
    assert_run!(
        world.run("list --failing --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","ca":"dev","certificate":"www.example.test","directory":"[WORLD]/state/certs/www.example.test/current","due":"[TIME]","explanation_url":null,"failing_since":null,"failures":0,"hooks_pending":0,"names":["www.example.test"],"next_attempt_at":null,"not_after":"[TIME]","not_before":"[TIME]","outcome":"files_missing","renewal_window":{"end":"[TIME]","start":"[TIME]"},"revoked_at":null,"serial":"[SERIAL]"}
--- stderr
warning: the files of www.example.test can't be completed: [WORLD]/state/certs is in the way: a directory has to be there

"#]]
    );
    let shown = world.run("show www.example.test").stdout();
    assert!(shown.contains("next:         each command tries to write its files again"), "{shown}");
}

#[test]
fn a_failure_has_all_names_that_the_ca_names() {
    let world = World::new();
    let of = |name: &str, detail: &str| {
        let mut problem = Problem::new("rejectedIdentifier", 403, detail);
        problem.identifier = Some(Box::new(acme_testca::Identifier::dns(name)));
        problem
    };
    let mut fault = ProblemFault::from(Problem::new("rejectedIdentifier", 403, "two names are refused"));
    fault.subproblems = vec![of("a.example.test", "not a"), of("b.example.test", "not b")];
    fault.retry_after = Some("120".to_owned());
    fault.help = vec!["https://ca.example/help".to_owned()];
    let fault = Fault::on(Operation::NewOrder, Action::Problem(fault));
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()).fault(fault));
    assert_eq!(world.run_at(&ca, &web, "issue a.example.test b.example.test").code(), Some(1));
    let shown = world.run("show a.example.test").stdout();
    let (_, attempts) = shown.split_once("attempts:     ").unwrap();
    let attempts = attempts.split("next:").next().unwrap().split_once(": ").unwrap().1;
    snapbox::assert_data_eq!(
        attempts,
        str![[r#"
failed at the step order
                the CA refused newOrder
                type: urn:ietf:params:acme:error:rejectedIdentifier (HTTP 403)
                detail: two names are refused
                name: a.example.test: rejectedIdentifier: not a
                name: b.example.test: rejectedIdentifier: not b
                help: https://ca.example/help
                retry: the CA asks for 2 minutes
                fault: on this side, not the CA's

"#]]
    );
}

#[test]
fn a_hook_that_is_owed_is_shown_with_its_error() {
    let world = World::new();
    let line = "issue www.example.test --ca dev --reload false";
    assert_eq!(world.run(line).code(), Some(5));
    let shown = world.run("show www.example.test").stdout();
    assert!(shown.contains("state:        hook failed"), "{shown}");
    assert!(shown.contains("it failed, once: 'false' failed: exit status 1"), "{shown}");
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
[WORLD]/state/certs/www.example.test: removed, keys included
--- stderr
note: it was not revoked, and is valid until [MOMENT];
      where a server still has a copy of it, that can be revoked:
      acmectl revoke --cert FILE --ca dev

"#]]
    );
    assert!(!world.path("state/certs/www.example.test").exists());
    assert_eq!(world.run("renew --force").code(), Some(0));
    assert!(!world.path("state/certs/www.example.test").exists());
}
