//! Proving control: what is wrong on this side is found before a CA is asked.

use std::net::TcpListener;

use acme_testca::TestCa;

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn port_that_is_taken() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = world.run(&format!("issue www.example.test --ca dev --http-listen {address}"));
    assert!(run.stderr().contains(&format!("(process {})", std::process::id())), "{}", run.stderr());
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    let text = run.snapshot().replace(&std::process::id().to_string(), "[PID]");
    let text = text.replace(program.trim_end(), "[PROGRAM]");
    snapbox::assert_data_eq!(
        text,
        str![[r#"
exit 2
--- stderr
error: 127.0.0.1:[PORT] is in use by [PROGRAM] (process [PID])
  fault: on this side, not the CA's
  next: let the server that is there answer, through the directory it serves as /:
      acmectl issue www.example.test --ca dev --webroot /var/www/html
    or: answer at another port, to which a proxy passes /.well-known/acme-challenge/ on:
      acmectl issue www.example.test --ca dev --http-listen 127.0.0.1:[PORT]
    or: stop that server while this runs:
      kill [PID]    # [PROGRAM]

"#]]
    );
}

#[test]
fn tls_port_that_is_taken() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = world.run(&format!("issue www.example.test --ca dev --tls-alpn-listen {address}"));
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    let text = run.snapshot().replace(&std::process::id().to_string(), "[PID]");
    let text = text.replace(program.trim_end(), "[PROGRAM]");
    snapbox::assert_data_eq!(
        text,
        str![[r#"
exit 2
--- stderr
error: 127.0.0.1:[PORT] is in use by [PROGRAM] (process [PID])
  fault: on this side, not the CA's
  next: answer beside that server, moved to another port, with a relay in its place:
      acmectl relay --to 127.0.0.1:[PORT]
      acmectl issue www.example.test --ca dev --tls-alpn-listen 127.0.0.1:[PORT]
    or: stop that server while this runs:
      kill [PID]    # [PROGRAM]

"#]]
    );
}

#[test]
fn tls_alpn_with_the_test_ca() {
    let world = World::new();
    let run = world.run("issue www.example.test 127.0.0.1 --ca dev --tls-alpn");
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking the test CA, tls-alpn-01 answered at 127.0.0.1:[PORT]
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
    assert!(world.run("show www.example.test").stdout().contains("tls-alpn-01"));
    assert!(world.run("renew --max-wait 0 --force www.example.test").output.status.success());
}

#[test]
fn two_ways_to_answer_the_same_challenges_exclude_each_other() {
    for line in [
        "issue a.test --http --webroot .",
        "issue a.test --http-listen 127.0.0.1:0 --webroot .",
        "issue a.test --tls-alpn --tls-alpn-listen 127.0.0.1:0",
    ] {
        let run = World::new().run(line);
        assert_eq!(run.output.status.code(), Some(2), "{line}");
        assert!(run.stderr().contains("cannot be used with"), "{line}: {}", run.stderr());
    }
    assert_run!(
        World::new().run("issue a.test --challenge a.test=http --challenge a.test=webroot:/srv"),
        str![[r#"
exit 2
--- stderr
error: http and webroot:/srv answer the same challenges of a.test
  fault: on this side, not the CA's
  next: give one of them

"#]]
    );
}

#[test]
fn address_of_another_machine() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev --http-listen 192.0.2.1:80"),
        str![[r#"
exit 2
--- stderr
error: 192.0.2.1:80 is not an address of this machine
  fault: on this side, not the CA's
  next: give an address of this machine to --http-listen

"#]]
    );
}

#[test]
fn webroot_that_is_missing() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev --webroot nowhere"),
        str![[r#"
exit 2
--- stderr
error: the webroot can't be used
  because: '[WORLD]/nowhere' does not exist
  fault: on this side, not the CA's
  next: give the directory that the web server serves as /

"#]]
    );
}

#[test]
fn webroot_that_is_a_file() {
    let world = World::new();
    world.write("file", "");
    assert_run!(
        world.run("issue www.example.test --ca dev --webroot file"),
        str![[r#"
exit 2
--- stderr
error: the webroot can't be used
  because: '[WORLD]/file' is not a directory
  fault: on this side, not the CA's
  next: give the directory that the web server serves as /

"#]]
    );
}

#[test]
fn webroot_that_takes_no_files() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev --webroot /proc"),
        str![[r#"
exit 2
--- stderr
error: the webroot can't be used
  because: '/proc' is not writable
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: run as a user who may write there

"#]]
    );
}

#[test]
fn webroot_that_is_served() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_eq!(std::fs::read_dir(web.root()).unwrap().count(), 0, "all is taken away");
}

#[test]
fn webroot_that_is_not_served() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    std::fs::create_dir(world.path("other")).unwrap();
    let mut command = world.command_at(&ca, &web, "issue www.example.test");
    command.env("ACME_WEBROOT", "other");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 1
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/other
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
warning: seen from here, www.example.test at 127.0.0.1:[PORT] (test) answers 404 'nothing here' instead of the challenge response; the CA may see the same
error: www.example.test: http-01 for www.example.test failed
  type: urn:ietf:params:acme:error:incorrectResponse (HTTP 403)
  detail: http-01: http://www.example.test/.well-known/acme-challenge/[TOKEN] answered with status 404
  fault: on this side, not the CA's
  next: make http://www.example.test/.well-known/acme-challenge/ reach this machine on port 80 from everywhere: DNS (A and AAAA), firewall, proxy
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
    assert_eq!(std::fs::read_dir(world.path("other")).unwrap().count(), 0, "all is taken away");
}
