//! Sockets that listen already when the command starts.

use std::net::TcpListener;

use acme_testca::TestCa;

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn a_socket_that_was_passed_on_answers() {
    let world = World::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let command = world.command(&format!("issue www.example.test --ca dev --http-listen {address}"));
    assert_run!(
        world.finish(&mut world.passed_on(&command, &socket, "")),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT], passed on to this process
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
    // Each certificate that is renewed has the port in turn.
    let more = world.command(&format!("issue b.example.test --ca dev --http-listen {address}"));
    let more = world.finish(&mut world.passed_on(&more, &socket, "acmectl.socket"));
    assert_eq!(more.code(), Some(0), "{}", more.stderr());
    let renew = world.command("renew --force --max-wait 0");
    let renewed = world.finish(&mut world.passed_on(&renew, &socket, ""));
    assert_eq!(renewed.code(), Some(0), "{}", renewed.stderr());
    assert_eq!(renewed.stderr().matches("passed on to this process").count(), 2, "{}", renewed.stderr());
}

#[test]
fn a_socket_with_a_name_answers_at_any_port() {
    for (name, option) in [("http", "--http"), ("tls-alpn", "--tls-alpn")] {
        let world = World::new();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let ca = TestCa::builder().http_port(port).tls_port(port).start().unwrap();
        world.write("root.pem", ca.root_pem());
        let line = format!("issue www.example.test {option} --ca-root root.pem --ca {}", ca.directory_url());
        let mut command = world.command(&line);
        command.env("ACME_HTTP_REACH", format!("127.0.0.1:{port}"));
        let run = world.finish(&mut world.passed_on(&command, &socket, name));
        assert_eq!(run.code(), Some(0), "{}", run.stderr());
        let at = format!("01 answered at 127.0.0.1:{port}, passed on to this process");
        assert!(run.stderr().contains(&at), "{}", run.stderr());
    }
}

#[test]
fn what_is_not_meant_is_left_alone() {
    let world = World::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let command = world.command(&format!("issue www.example.test --ca dev --http-listen {address}"));
    let in_use = |run: super::world::Run| {
        assert_eq!(run.code(), Some(2), "{}", run.stderr());
        assert!(run.stderr().contains("is in use"), "{}", run.stderr());
    };
    // For another purpose.
    in_use(world.finish(&mut world.passed_on(&command, &socket, "tls-alpn")));
    // Of another process.
    let mut others = world.command(&format!("issue www.example.test --ca dev --http-listen {address}"));
    in_use(world.finish(others.env("LISTEN_FDS", "1").env("LISTEN_PID", "1")));
    in_use(world.finish(others.env("LISTEN_FDS", "4000000000").env_remove("LISTEN_PID")));
    // A pipe in the place of a socket.
    let mut no_socket = world.passed_on(&command, &socket, "http");
    in_use(world.finish(no_socket.stdin(std::process::Stdio::null())));
}
