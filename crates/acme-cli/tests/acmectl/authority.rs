//! The CA on a bad day.

use std::time::Duration;

use acme_testca::{Action, Config, Fault, Identifier, Operation, Problem, ProblemFault, StatusFault, TestCa};

use super::web::DeadPort;
use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn terms_to_agree_to() {
    let world = World::new();
    let mut config = Config::default();
    config.terms_of_service = Some("https://ca.example/terms".to_owned());
    let (ca, web) = world.authority(TestCa::builder().config(config));
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test"),
        str![[r#"
exit 2
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
error: www.example.test: the CA's terms of service have to be agreed to: https://ca.example/terms
  fault: on this side, not the CA's
  next: read https://ca.example/terms, and if you agree:
      acmectl issue www.example.test --agree-tos

"#]]
    );
    assert_eq!(ca.counts().accounts, 0);
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test --agree-tos").code(), Some(0));
    assert_eq!(world.run_at(&ca, &web, "issue more.example.test").code(), Some(0), "once is enough");
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn ca_that_is_down() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    let mut command = world.command_at(&ca, &web, "issue www.example.test");
    let down = DeadPort::new();
    command.env("ACME_CA", down.directory_url());
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 3
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
error: www.example.test: no response from the CA (directory)
  because: the connection could not be made
  because: Connection refused (os error 111)
  fault: the network's
  next: check that the CA is up, and that this machine may connect to it; then try again
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}

#[test]
fn ca_that_is_not_trusted() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    let other = TestCa::builder().seed(1).start().unwrap();
    let mut command = world.command_at(&ca, &web, "issue www.example.test");
    world.write("root.pem", other.root_pem());
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 1
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
error: www.example.test: no response from the CA (directory)
  because: the HTTPS certificate of the CA is not trusted
  because: invalid peer certificate: UnknownIssuer
  fault: on this side, not the CA's
  next: if the CA is your own, give its root with --ca-root FILE; if not, somebody is between you and it
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}

#[test]
fn ca_behind_a_broken_load_balancer() {
    let world = World::new();
    let fault = Fault::on(Operation::NewOrder, Action::Status(StatusFault::new(503))).always();
    let (ca, web) = world.authority(TestCa::builder().fault(fault));
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test"),
        str![[r#"
exit 3
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
error: www.example.test: the CA refused newOrder
  status: HTTP 503
  fault: the CA's
  next: the CA is in trouble; try again later
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}

#[test]
fn rate_limit() {
    let world = World::new();
    let problem =
        ProblemFault::from(Problem::new("rateLimited", 429, "too many certificates already issued"))
            .retry_after("7200")
            .help("https://ca.example/rate-limits");
    let fault = Fault::on(Operation::NewOrder, Action::Problem(problem));
    let (ca, web) = world.authority(TestCa::builder().fault(fault));
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test"),
        str![[r#"
exit 3
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
error: www.example.test: the CA refused newOrder
  type: urn:ietf:params:acme:error:rateLimited (HTTP 429)
  detail: too many certificates already issued
  help: https://ca.example/rate-limits
  retry: the CA asks for 2 hours
  fault: the CA's
  next: wait as the CA says; with --dry-run attempts do not count against its limits
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
    // The CA is left alone until then.
    let requests = ca.requests().len();
    assert_run!(
        world.run("renew --max-wait 0"),
        str![[r#"
exit 0
--- stderr
www.example.test: due, and left alone until [MOMENT]; acmectl renew www.example.test tries now

"#]]
    );
    assert_eq!(ca.requests().len(), requests);
}

#[test]
fn problem_with_subproblems() {
    let world = World::new();
    let about =
        |name: &str, detail| Problem::new("rejectedIdentifier", 403, detail).about(Identifier::dns(name));
    let problem = Problem::new("rejectedIdentifier", 403, "some of the names are on a list")
        .with_subproblems(vec![
            about("bad.example.test", "it is blocked"),
            about("worse.example.test", "it is blocked too"),
        ]);
    let fault = Fault::on(Operation::NewOrder, Action::Problem(problem.into())).times(2);
    let (ca, web) = world.authority(TestCa::builder().fault(fault));
    let line = "issue www.example.test bad.example.test worse.example.test";
    assert_run!(
        world.run_at(&ca, &web, line),
        str![[r#"
exit 1
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
error: www.example.test: the CA refused newOrder
  type: urn:ietf:params:acme:error:rejectedIdentifier (HTTP 403)
  detail: some of the names are on a list
  name: bad.example.test: rejectedIdentifier: it is blocked
  name: worse.example.test: rejectedIdentifier: it is blocked too
  fault: on this side, not the CA's
  next: leave the name out, or use a CA that certifies it
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
    let json = world.run_at(&ca, &web, &format!("{line} --json"));
    assert_run!(
        json,
        str![[r#"
exit 1
--- stdout
{"v":1,"type":"error","causes":[],"certificate":"www.example.test","fault":"you","help":[],"message":"the CA refused newOrder","next":["leave the name out, or use a CA that certifies it"],"next_attempt_at":"[TIME]","outcome":"failed","problem":{"detail":"some of the names are on a list","status":403,"subproblems":[{"detail":"it is blocked","identifier":{"type":"dns","value":"bad.example.test"},"status":403,"type":"urn:ietf:params:acme:error:rejectedIdentifier"},{"detail":"it is blocked too","identifier":{"type":"dns","value":"worse.example.test"},"status":403,"type":"urn:ietf:params:acme:error:rejectedIdentifier"}],"type":"urn:ietf:params:acme:error:rejectedIdentifier"}}
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
www.example.test: ordering
error: www.example.test: the CA refused newOrder
  type: urn:ietf:params:acme:error:rejectedIdentifier (HTTP 403)
  detail: some of the names are on a list
  name: bad.example.test: rejectedIdentifier: it is blocked
  name: worse.example.test: rejectedIdentifier: it is blocked too
  fault: on this side, not the CA's
  next: leave the name out, or use a CA that certifies it
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}

#[test]
fn order_that_turns_out_invalid_for_one_name() {
    let world = World::new();
    let problem = Problem::new("dns", 400, "no address for bad.example.test");
    let fault = Fault::on(Operation::Challenge, Action::InvalidateAuthorization(problem))
        .identifier("bad.example.test");
    let mut config = Config::gentle();
    config.always_valid = true;
    let (ca, web) = world.authority(TestCa::builder().config(config).fault(fault));
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test bad.example.test"),
        str![[r#"
exit 1
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
error: www.example.test: http-01 for bad.example.test failed
  type: urn:ietf:params:acme:error:dns (HTTP 400)
  detail: no address for bad.example.test
  fault: on this side, not the CA's
  next: make http://bad.example.test/.well-known/acme-challenge/ reach this machine on port 80 from everywhere: DNS (A and AAAA), firewall, proxy
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}

#[test]
fn account_that_the_ca_has_forgotten_is_made_again() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    std::fs::remove_dir_all(world.path("state/dev-ca")).unwrap();
    assert_eq!(world.run("issue www.example.test --force").code(), Some(0));
}

#[test]
fn the_next_run_goes_on_with_the_order() {
    let world = World::new();
    let fault = Fault::on(Operation::Finalize, Action::Status(StatusFault::new(500))).times(3);
    let (ca, web) = world.authority(TestCa::builder().gentle().fault(fault));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(3));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    assert_eq!(ca.counts().orders, 1);
}

#[test]
fn certificate_of_a_short_life_is_due_after_half_of_it() {
    let world = World::new();
    let mut config = Config::default();
    config.certificate_lifetime = Duration::from_secs(6 * 24 * 3600);
    config.renewal_info = false;
    let (ca, web) = world.authority(TestCa::builder().config(config));
    let run = world.run_at(&ca, &web, "issue www.example.test --json");
    let line = run.stdout().lines().next().unwrap().to_owned();
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    let at = |member: &str| event[member].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let share = (at("due") - at("not_before")) as f64 / (at("not_after") - at("not_before")) as f64;
    assert!((0.469..=0.501).contains(&share), "{share}");
}
