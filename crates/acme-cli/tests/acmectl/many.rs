//! Many certificates, one for each line of a file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use acme_testca::{Config, Limit, Operation, RateLimits, TestCa, TestCaBuilder};
use serde_json::Value;
use snapbox::{assert_data_eq, str};

use super::world::{Run, World};

const LINE: &str = "issue --from domains --http-listen 127.0.0.1:0";

fn command(world: &World, ca: &TestCa, line: &str) -> Command {
    world.write("root.pem", ca.root_pem());
    let mut command = world.command(line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
    command
}

fn run(world: &World, ca: &TestCa, line: &str) -> Run {
    world.finish(&mut command(world, ca, line))
}

fn ca() -> TestCaBuilder {
    TestCa::builder().gentle().always_valid()
}

fn requests(ca: &TestCa, operation: Operation) -> usize {
    ca.requests().iter().filter(|request| request.operation == operation).count()
}

/// The outcomes of a run with `--json`, by line.
fn outcomes(run: &Run) -> Vec<String> {
    let events = run.stdout();
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = events.filter(|event| event["type"] == "line");
    lines.map(|event| format!("{} {}", event["line"], event["outcome"].as_str().unwrap())).collect()
}

/// Two that are good, a second one with the names of the first, and some that can't be.
const MIXED: &str = "# of the shop
a.test www.a.test

b.test, www.b.test --key-type ecdsa-p384   # another key
c.test --no-such-option
'd.test
e_mail@test
www.a.test a.test
f.test --dir elsewhere
a.test www.a.test --name a-rsa --key-type rsa-2048
*.g.test
";

#[test]
fn each_line_is_a_certificate_and_none_stops_another() {
    let (world, ca) = (World::new(), ca().start().unwrap());
    world.write("domains", MIXED);
    let run = run(&world, &ca, LINE);
    // How each goes on is the same as for one.
    let told: Vec<_> = run.snapshot().lines().filter(|line| !is_step(line)).map(str::to_owned).collect();
    assert_data_eq!(
        told.join("\n"),
        str![[r#"
exit 4
--- stdout
LINE  CERTIFICATE  OUTCOME
2     a.test       issued
4     b.test       issued
5     -            refused
6     -            refused
7     -            failed
8     a.test       refused
9     -            refused
10    a-rsa        issued
11    -            failed
--- stderr
a.test: asking https://127.0.0.1:[PORT]/directory, http-01 answered at 127.0.0.1:[PORT]
account: https://127.0.0.1:[PORT]/account/[ID]
a.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
b.test: asking https://127.0.0.1:[PORT]/directory, http-01 answered at 127.0.0.1:[PORT]
b.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
error: line 5: unexpected argument '--no-such-option' found
error: line 6: a quote is not closed
error: 'e_mail@test' is an e-mail address, not a name to certify
  fault: on this side, not the CA's
  next: give the address with --email, and the name to certify beside it
  line: 7
error: line 8: it asks for the certificate of line 2, a.test; --name gives it a name of its own
error: line 9: --dir is for all lines: give it on the command line
a-rsa: asking https://127.0.0.1:[PORT]/directory, http-01 answered at 127.0.0.1:[PORT]
a-rsa: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
error: control of *.g.test can't be proved this way: a wildcard needs a DNS challenge
  fault: on this side, not the CA's
  next: let the API of a DNS service prove it, beside what is given for other names:
      acmectl issue '--http-listen=127.0.0.1:0' '*.g.test' --dns PROVIDER
    or: see the services that are known:
      acmectl dns
  line: 11
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state
"#]]
    );
    assert_eq!((requests(&ca, Operation::NewAccount), requests(&ca, Operation::NewOrder)), (1, 3));
    // As many as two names of one order take.
    let connections: BTreeSet<_> = ca.requests().iter().map(|request| request.connection).collect();
    assert_eq!((connections.len(), requests(&ca, Operation::Directory)), (2, 1));
}

fn is_step(line: &str) -> bool {
    let steps =
        ["opening the account", "ordering", "proving control", "asking for", "downloading", "publishing"];
    steps.iter().any(|step| line.contains(&format!(": {step}")))
}

#[test]
fn what_is_right_is_kept() {
    let (world, ca) = (World::new(), ca().start().unwrap());
    world.write("domains", MIXED);
    assert_eq!(run(&world, &ca, LINE).code(), Some(4));
    let again = run(&world, &ca, &format!("{LINE} --json"));
    assert_eq!(again.code(), Some(4));
    let kept = ["2 kept", "4 kept", "10 kept"];
    let rest = ["5 refused", "6 refused", "7 failed", "8 refused", "9 refused", "11 failed"];
    let (is, others): (Vec<_>, Vec<_>) =
        outcomes(&again).into_iter().partition(|line| line.ends_with("kept"));
    assert_eq!((is, others), (kept.map(str::to_owned).to_vec(), rest.map(str::to_owned).to_vec()));
    assert_eq!(requests(&ca, Operation::NewOrder), 3);
    assert!(world.run("show b.test").stdout().contains("ecdsa-p384"));
    world.write("domains", "a.test www.a.test\nb.test,www.b.test\n");
    assert_eq!(run(&world, &ca, LINE).code(), Some(0));
}

#[test]
fn lines_come_from_standard_input_and_may_have_their_own_way() {
    let (world, ca) = (World::new(), ca().start().unwrap());
    let line = "issue --from - --webroot nowhere --challenge '*.a.test=http' --json";
    let mut child = command(&world, &ca, line).stdin(Stdio::piped()).spawn().unwrap();
    let lines = "a.test --tls-alpn-listen 127.0.0.1:0\nb.test\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let run = world.wait(child);
    assert_eq!(run.code(), Some(4), "{}", run.stderr());
    assert_eq!(outcomes(&run), ["1 issued", "2 failed"]);
    let end: Value = serde_json::from_str(run.stdout().lines().last().unwrap()).unwrap();
    assert_eq!(
        (&end["type"], &end["issued"], &end["failed"]),
        (&"run".into(), &1.into(), &1.into()),
        "{end}"
    );
}

#[test]
fn nothing_asked_for_is_done() {
    let world = World::new();
    world.write("domains", "# nothing yet\n\n");
    let run = world.run("issue --from domains --ca dev");
    assert_eq!((run.code(), run.stdout().as_str()), (Some(0), ""), "{}", run.stderr());
    let missing = world.run("issue --from nowhere --ca dev");
    assert_eq!(missing.code(), Some(2), "{}", missing.stderr());
    let both = world.run("issue a.test --from domains --ca dev");
    assert_eq!(both.code(), Some(2), "{}", both.stderr());
}

#[test]
fn all_that_fails_for_good_is_a_failure() {
    let world = World::new();
    world.write("domains", "'a.test\nb_.test --key-type x\n");
    let run = world.run("issue --from domains --ca dev --json");
    assert_eq!((run.code(), outcomes(&run)), (Some(1), vec!["1 refused".into(), "2 failed".into()]));
}

#[test]
fn hostile_file_is_bounded() {
    let (world, ca) = (World::new(), ca().start().unwrap());
    let mut content = b"\0\xff\xfe\x1b[2J\n\x1b[31mred.test\n".to_vec();
    content.extend(vec![b'a'; 1024 * 1024]);
    content.extend(b"\n`id`.test $(id)\n--from other\nissue\n-h\ngood.test\r\n");
    std::fs::write(world.path("domains"), &content).unwrap();
    let run = run(&world, &ca, &format!("{LINE} --json"));
    assert_eq!(run.code(), Some(4), "{}", run.stderr());
    assert_eq!(
        outcomes(&run),
        ["1 refused", "2 failed", "3 refused", "4 failed", "5 refused", "6 issued", "7 refused", "8 issued"]
    );
    assert!(!run.stderr().contains('\u{1b}') && run.stderr().len() < 64 * 1024, "{}", run.stderr());
    assert!(run.stderr().contains("line 3: it is longer than 65536 bytes"), "{}", run.stderr());
    assert!(run.stderr().contains("line 1: it is not UTF-8"), "{}", run.stderr());
    assert_eq!(requests(&ca, Operation::NewOrder), 2);
}

#[test]
fn lines_without_end_are_refused_before_a_ca_is_asked() {
    let (world, ca) = (World::new(), ca().start().unwrap());
    world.write("domains", &"a.test\n".repeat(100_001));
    let run = run(&world, &ca, LINE);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("more than 100000 lines"), "{}", run.stderr());
    assert!(ca.requests().is_empty());
}

#[test]
fn limit_of_the_account_ends_the_asking() {
    let mut config = Config::gentle();
    let mut limits = RateLimits::none();
    limits.new_orders = Some(Limit::new(2, Duration::from_secs(7200)));
    config.rate_limits = Some(limits);
    let (world, ca) = (World::new(), TestCa::builder().config(config).always_valid().start().unwrap());
    let mut lines = String::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        writeln!(lines, "{name}.test").unwrap();
    }
    world.write("domains", &lines);
    let first = run(&world, &ca, &format!("{LINE} --json"));
    assert_eq!(first.code(), Some(4), "{}", first.stderr());
    assert_eq!(
        outcomes(&first),
        ["1 issued", "2 issued", "3 temporary", "4 temporary", "5 not_asked", "6 not_asked"]
    );
    assert_eq!(requests(&ca, Operation::NewOrder), 4);
    // What was refused is left alone for as long as the CA wants it.
    world.write("domains", "c.test\nd.test\n");
    let second = run(&world, &ca, &format!("{LINE} --json"));
    assert_eq!(second.code(), Some(3), "{}", second.stderr());
    assert_eq!(outcomes(&second), ["1 not_asked", "2 not_asked"]);
    assert_eq!(requests(&ca, Operation::NewOrder), 4);
}

#[test]
fn limit_of_one_name_does_not_stop_the_others() {
    let mut config = Config::gentle();
    let mut limits = RateLimits::none();
    limits.certificates_per_domain = Some(Limit::new(1, Duration::from_secs(7200)));
    config.rate_limits = Some(limits);
    let (world, ca) = (World::new(), TestCa::builder().config(config).always_valid().start().unwrap());
    world.write("domains", "a.test\nwww.a.test\nb.test\nwww.b.test\nc.test\n");
    let run = run(&world, &ca, &format!("{LINE} --json"));
    assert_eq!(run.code(), Some(4), "{}", run.stderr());
    assert_eq!(outcomes(&run), ["1 issued", "2 temporary", "3 issued", "4 temporary", "5 issued"]);
}

#[test]
fn interrupt_ends_between_certificates() {
    let (world, (heard, orders)) = (World::new(), mpsc::channel());
    let ca = ca().on_request(move |event| {
        if event.operation == Operation::Finalize {
            // Who waits for it is gone at the second one.
            let _ = heard.send(());
        }
    });
    let ca = ca.start().unwrap();
    world.write("domains", &(0..200).map(|n| format!("n{n}.test\n")).collect::<String>());
    let child = command(&world, &ca, LINE).spawn().unwrap();
    // Each is heard of before it is carried out, and after.
    (0..3).for_each(|_| orders.recv().unwrap());
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let run = world.wait(child);
    assert_eq!(run.code(), Some(130), "{}", run.stderr());
    assert!(run.stdout().contains("issued"), "{}{}", run.stdout(), run.stderr());
    assert!(run.stderr().contains(" of 200 lines"), "{}", run.stderr());
    assert!(ca.issued().len() < 200);
}

#[test]
fn hooks_run_for_what_was_obtained_and_the_reload_once() {
    let (world, ca) = (World::new(), ca().start().unwrap());
    world.script("reload", "echo reloaded >> reloads");
    world.script("deploy", "echo \"$RENEWED_DOMAINS\" >> deployed");
    world.write("domains", "a.test\nb.test --deploy-hook ./deploy\nc.test\n");
    let run = run(&world, &ca, &format!("{LINE} --reload ./reload"));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!((world.read("reloads").as_str(), world.read("deployed").as_str()), ("reloaded\n", "b.test\n"));
}

#[test]
fn dry_run_makes_one_account_for_all_and_keeps_nothing() {
    let world = World::new();
    world.write("domains", "a.test\nb.test\n");
    let run = world.run("issue --from domains --ca dev --dry-run --json");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(outcomes(&run), ["1 tried", "2 tried"]);
    assert!(!world.path("state/acme.db").exists());
}
