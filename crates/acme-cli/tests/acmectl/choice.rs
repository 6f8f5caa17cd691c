//! Which way proves which name.

use std::net::TcpListener;
use std::process::Command;

use acme_testca::{Config, Operation, TestCa};
use serde_json::Value;
use snapbox::{assert_data_eq, str};

use super::pdns_api::{KEY, PdnsApi};
use super::world::{World, assert_run};

/// The command against a CA, and a DNS service that takes its key.
fn command(world: &World, ca: &TestCa, api: &PdnsApi, line: &str) -> Command {
    world.write("root.pem", ca.root_pem());
    let mut command = world.command(line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
    command.env("PDNS_API_URL", api.url()).env("PDNS_API_KEY", KEY);
    command
}

#[test]
fn each_name_is_proved_its_way_in_one_order_and_it_is_remembered() {
    let world = World::new();
    let ca = TestCa::builder().always_valid().start().unwrap();
    let api = PdnsApi::start();
    let names = "www.other.test example.test '*.example.test' api.other.test";
    let line = format!(
        "issue {names} --http-listen 127.0.0.1:0 --challenge '*.example.test=dns:pdns' \
         --challenge example.test=dns:pdns --challenge api.other.test=tls-alpn:127.0.0.1:0"
    );
    assert_run!(
        world.finish(&mut command(&world, &ca, &api, &line)),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.other.test/current/fullchain.pem
[WORLD]/state/certs/www.other.test/current/privkey.pem
--- stderr
  renewals need these variables again: PDNS_API_KEY, PDNS_API_URL
  the path of a file with one, under its name and _FILE, is remembered instead
warning: no resolver answered the question for NS of example.test: whether the records can be seen everywhere is not looked at
www.other.test: asking https://127.0.0.1:[PORT]/directory
  www.other.test: http-01 answered at 127.0.0.1:[PORT]
  example.test, *.example.test: dns-01 through PowerDNS
  api.other.test: tls-alpn-01 answered at 127.0.0.1:[PORT]
www.other.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.other.test: ordering
www.other.test: proving control of the names
www.other.test: asking for the certificate
www.other.test: downloading it
www.other.test: publishing it
www.other.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_eq!(api.sizes(), [2, 0], "both records at once, and taken away");
    assert_eq!(orders(&ca), 1);
    let shown = world.run("show www.other.test").snapshot();
    let from = shown.find("challenge:").unwrap();
    let shown = shown[from..].lines().filter(|line| !line.contains("attempts") && !line.contains("next:"));
    assert_data_eq!(
        shown.collect::<Vec<_>>().join("\n"),
        str![[r#"
challenge:    http-01, answered at 127.0.0.1:0
              for *.example.test: dns-01, through PowerDNS
              for api.other.test: tls-alpn-01, answered at 127.0.0.1:0
              for example.test: dns-01, through PowerDNS
key:          ecdsa-p256, a new one at each renewal
              nothing here runs acmectl renew
same again:   acmectl issue www.other.test example.test '*.example.test' api.other.test --ca https://127.0.0.1:[PORT]/directory --ca-root [WORLD]/root.pem --http-listen 127.0.0.1:0 --challenge '*.example.test=dns:pdns' --challenge 'api.other.test=tls-alpn:127.0.0.1:0' --challenge 'example.test=dns:pdns' --dir [WORLD]/state
"#]]
    );

    // A way for all names takes the others back, and that is told.
    let line = "issue www.other.test example.test api.other.test --drop --http-listen 127.0.0.1:0";
    let run = world.finish(&mut command(&world, &ca, &api, line));
    let changes: Vec<_> =
        run.stderr().lines().filter(|line| line.contains("challenge")).map(str::to_owned).collect();
    let changed = [
        "changed: challenges.*.example.test from dns:pdns to nothing",
        "changed: challenges.api.other.test from tls-alpn:127.0.0.1:0 to nothing",
        "changed: challenges.example.test from dns:pdns to nothing",
    ];
    assert_eq!(changes, changed, "{}", run.stderr());
}

#[test]
fn a_mixed_order_is_validated_for_real() {
    let world = World::new();
    let names = "www.c.test a.test '*.a.test' b.test";
    let line = format!(
        "issue {names} --ca dev --http --challenge a.test=dns:builtin --challenge '*.a.test=dns:builtin' \
         --challenge b.test=tls-alpn --dns-listen 127.0.0.1:0"
    );
    let run = world.run(&line);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let ways: Vec<_> =
        run.stderr().lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect();
    for (names, way) in [("www.c.test", "http-01"), ("a.test, *.a.test", "dns-01"), ("b.test", "tls-alpn-01")]
    {
        let is_said = |line: &String| line.trim().starts_with(&format!("{names}: {way} "));
        assert!(ways.iter().any(is_said), "{names}: {ways:?}");
    }
    let renewal = world.run("renew www.c.test --force --max-wait 0");
    assert_eq!(renewal.code(), Some(0), "{}", renewal.stderr());
}

#[test]
fn what_the_ca_does_not_offer_is_passed_over() {
    let world = World::new();
    let mut config = Config::default();
    config.withheld_challenges = vec!["http-01".into(), "tls-alpn-01".into()];
    let ca = TestCa::builder().config(config).always_valid().start().unwrap();
    let api = PdnsApi::start();
    let line = "issue example.test --http-listen 127.0.0.1:0 --dns pdns";
    let run = world.finish(&mut command(&world, &ca, &api, line));
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/example.test/current/fullchain.pem
[WORLD]/state/certs/example.test/current/privkey.pem
--- stderr
  renewals need these variables again: PDNS_API_KEY, PDNS_API_URL
  the path of a file with one, under its name and _FILE, is remembered instead
warning: no resolver answered the question for NS of example.test: whether the records can be seen everywhere is not looked at
example.test: asking https://127.0.0.1:[PORT]/directory, http-01 answered at 127.0.0.1:[PORT], or else dns-01 through PowerDNS
example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
example.test: ordering
example.test: proving control of the names
  example.test: by dns-01, since the CA offers no http-01
example.test: asking for the certificate
example.test: downloading it
example.test: publishing it
example.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_eq!(orders(&ca), 1);
}

#[test]
fn a_way_that_is_refused_is_followed_by_the_next_and_never_tried_again() {
    let world = World::new();
    // Nobody answers http-01 where this CA looks, and somebody does for tls-alpn-01.
    let port = free_port();
    let ca = TestCa::builder().gentle().http_port(free_port()).tls_port(port).start().unwrap();
    let api = PdnsApi::start();
    let line = format!("issue a.test b.test --http-listen 127.0.0.1:0 --tls-alpn-listen 127.0.0.1:{port}");
    let run = world.finish(&mut command(&world, &ca, &api, &line));
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/a.test/current/fullchain.pem
[WORLD]/state/certs/a.test/current/privkey.pem
--- stderr
a.test: asking https://127.0.0.1:[PORT]/directory, http-01 answered at 127.0.0.1:[PORT], or else tls-alpn-01 answered at 127.0.0.1:[PORT]
a.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
a.test: ordering
a.test: proving control of the names
warning: a.test: http-01 for a.test failed (connection: http-01: http://a.test/.well-known/acme-challenge/[TOKEN]: cannot connect to [127.0.0.1:[PORT], [::1]:[PORT]]: Connection refused (os error 111)); tls-alpn-01 is tried now
warning: a.test: http-01 for b.test failed (connection: http-01: http://b.test/.well-known/acme-challenge/[TOKEN]: cannot connect to [127.0.0.1:[PORT], [::1]:[PORT]]: Connection refused (os error 111)); tls-alpn-01 is tried now
a.test: ordering
a.test: proving control of the names
a.test: asking for the certificate
a.test: downloading it
a.test: publishing it
a.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_eq!(orders(&ca), 2);
}

#[test]
fn when_all_ways_are_refused_it_ends() {
    let world = World::new();
    let ca = TestCa::builder().gentle().http_port(free_port()).tls_port(free_port()).start().unwrap();
    let api = PdnsApi::start();
    let line = "issue a.test --tls-alpn-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --json";
    let run = world.finish(&mut command(&world, &ca, &api, line));
    assert_eq!((run.code(), orders(&ca)), (Some(1), 2), "{}", run.stderr());
    assert!(run.stderr().contains("http-01 for a.test failed"), "{}", run.stderr());
    let detour: Value = serde_json::from_str(run.stdout().lines().next().unwrap()).unwrap();
    let members = ["type", "certificate", "identifier", "failed", "next"]
        .map(|member| detour[member].as_str().unwrap());
    assert_eq!(members, ["detour", "a.test", "a.test", "tls-alpn-01", "http-01"]);
}

#[test]
fn a_service_that_fails_is_followed_by_the_next_way() {
    let world = World::new();
    let ca = TestCa::builder().always_valid().start().unwrap();
    let api = PdnsApi::start();
    let line = "issue example.test *.example.test --dns pdns --http-listen 127.0.0.1:0";
    let mut command = command(&world, &ca, &api, line);
    command.env("PDNS_API_KEY", "wrong");
    let run = world.finish(&mut command);
    // The wildcard has no other way; the CA was told nothing that would have ended the order.
    assert_eq!((run.code(), orders(&ca)), (Some(1), 1), "{}", run.stderr());
    assert!(
        run.stderr().contains("error: example.test: the dns-01 response for *.example.test"),
        "{}",
        run.stderr()
    );
    let mut command =
        self::command(&world, &ca, &api, "issue example.test --dns pdns --http-listen 127.0.0.1:0");
    command.env("PDNS_API_KEY", "wrong");
    let run = world.finish(&mut command);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("; http-01 is tried now"), "{}", run.stderr());
}

#[test]
fn what_failed_is_said_where_the_ca_offers_nothing_else() {
    let world = World::new();
    let mut config = Config::gentle();
    config.withheld_challenges = vec!["tls-alpn-01".into()];
    let ca = TestCa::builder().config(config).http_port(free_port()).start().unwrap();
    let api = PdnsApi::start();
    let line = "issue a.test --http-listen 127.0.0.1:0 --tls-alpn-listen 127.0.0.1:0";
    let run = world.finish(&mut command(&world, &ca, &api, line));
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert!(run.stderr().contains("error: a.test: http-01 for a.test failed"), "{}", run.stderr());
    assert!(!run.stderr().contains("none of these is set up"), "{}", run.stderr());
}

#[test]
fn a_way_that_can_not_be_had_is_done_without() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let ca = TestCa::builder().always_valid().start().unwrap();
    let api = PdnsApi::start();
    let line = format!("issue example.test --http-listen {} --dns pdns", taken.local_addr().unwrap());
    let run = world.finish(&mut command(&world, &ca, &api, &line));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains(" is done without: 127.0.0.1:"), "{}", run.stderr());
    // Another name has no other way.
    let line = format!("{line} --force --challenge example.test=http:{}", taken.local_addr().unwrap());
    let run = world.finish(&mut command(&world, &ca, &api, &line));
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
}

#[test]
fn what_can_not_be_a_pattern_or_a_way_is_refused() {
    let world = World::new();
    for (given, said) in [
        ("example.test", "says for no name how control of it is proved"),
        ("example.test=smtp", "'smtp' is no way to prove control"),
        ("example.test=dns", "'dns' is no way to prove control"),
        ("example.test=dns:nobody", "'nobody' is no DNS service"),
        ("example.test=http:80", "'80' is no address to listen at"),
        ("*.*.test=http", "'*.*.test' can't be certified"),
        ("*.example.test=http", "a wildcard needs a DNS challenge"),
    ] {
        let run = world.run(&format!("issue example.test *.example.test --ca dev --challenge {given}"));
        assert_eq!(run.code(), Some(2), "{given}: {}", run.stderr());
        assert!(run.stderr().contains(said), "{given}: {}", run.stderr());
    }
}

#[test]
fn what_is_said_beats_variables() {
    let world = World::new();
    let mut command = world.command("issue a.test --ca dev --tls-alpn");
    command
        .env("ACME_WEBROOT", "nowhere")
        .env("ACME_DNS", "nobody")
        .env("ACME_CHALLENGE", "a.test=webroot:nowhere");
    let run = world.finish(&mut command);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("asking the test CA, tls-alpn-01 answered at"), "{}", run.stderr());
}

fn orders(ca: &TestCa) -> usize {
    ca.requests().iter().filter(|request| request.operation == Operation::NewOrder).count()
}

/// A port at which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn what_the_renewal_will_not_find_is_said() {
    let world = World::new();
    let ca = TestCa::builder().always_valid().start().unwrap();
    let api = PdnsApi::start();
    world.write("key", KEY);
    world.script("deploy", "rm key deploy");
    let line = "issue example.test --dns pdns --deploy-hook ./deploy";
    let mut command = command(&world, &ca, &api, line);
    command.env_remove("PDNS_API_KEY").env("PDNS_API_KEY_FILE", "key");
    let run = world.finish(&mut command);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("will not find PDNS_API_KEY again: "), "{}", run.stderr());
    assert!(run.stderr().contains("the renewal can't run '"), "{}", run.stderr());
}
