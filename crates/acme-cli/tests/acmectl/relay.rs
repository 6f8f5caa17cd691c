//! `relay`: in front of a server that stays where it is.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout};
use std::thread::{self, JoinHandle};

use acme_testca::TestCa;
use rustix::process::{Pid, Signal};

use super::world::{Run, World, assert_run};
use snapbox::str;

/// A relay that is ready.
struct Relay {
    child: Child,
    out: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Relay {
    fn start(world: &World, options: &str) -> Self {
        let mut child = world.command(&format!("relay --listen 127.0.0.1:0 {options}")).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim_end();
        let address =
            address.split("\"listen\":[\"").nth(1).map_or(address, |rest| &rest[..rest.find('"').unwrap()]);
        Self { child, address: address.parse().unwrap(), out }
    }

    /// Asks it to end.
    fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
    }

    /// Waits for its end, and returns the rest of what it printed.
    fn wait(mut self, world: &World) -> (String, Run) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, world.wait(self.child))
    }
}

/// A server that says a word and sends back what it gets, connection after connection.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                stream.write_all(b"hello").unwrap();
                let mut reader = stream.try_clone().unwrap();
                // Whoever hung up is not interested any more.
                let _ =
                    std::io::copy(&mut reader, &mut stream).and_then(|_| stream.shutdown(Shutdown::Write));
            });
        }
    });
    address
}

/// Talks to the server behind a relay, and returns what it said.
fn talk(address: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"no TLS at all").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_certificate_is_obtained_while_the_server_goes_on() {
    let world = World::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let answers = socket.local_addr().unwrap();
    let relay = Relay::start(&world, &format!("--to {} --acme-to {answers} --json", echo()));
    let ca = TestCa::builder().tls_port(relay.address.port()).start().unwrap();
    world.write("root.pem", ca.root_pem());
    let line = format!(
        "issue www.example.test --ca {} --ca-root root.pem --tls-alpn-listen {answers}",
        ca.directory_url()
    );

    let command = world.command(&line);
    let child = world.passed_on(&command, &socket, "").spawn().unwrap();
    let talking: JoinHandle<Vec<Vec<u8>>> = {
        let address = relay.address;
        thread::spawn(move || (0..20).map(|_| talk(address)).collect())
    };
    let run = world.wait(child);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(talking.join().unwrap().iter().all(|answer| answer == b"hellono TLS at all"));

    // Nobody answers where the relay looks now.
    drop(socket);
    let elsewhere =
        line.replace("www.example.test", "b.example.test").replace(&answers.to_string(), "127.0.0.1:0");
    let refused = world.run(&elsewhere);
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr());
    relay.terminate();
    let (rest, run) = relay.wait(&world);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(rest.contains("\"outcome\":\"ended\"") && rest.contains("\"refused\":0"), "{rest}");
    assert!(rest.contains("\"cut_off\":0"), "{rest}");
}

#[test]
fn the_end_waits_for_connections() {
    let world = World::new();
    let relay = Relay::start(&world, &format!("--to {}", echo()));
    let mut stream = TcpStream::connect(relay.address).unwrap();
    stream.write_all(b"no TLS").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    relay.terminate();
    while TcpStream::connect(relay.address).is_ok() {
        thread::yield_now();
    }
    stream.write_all(b", and more").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "no TLS, and more");
    let (rest, run) = relay.wait(&world);
    assert_eq!(rest, "");
    assert_eq!(run.code(), Some(0));
    let said = run.stderr();
    assert!(said.contains("\nlistening no more; connections may come to their end\n"), "{said}");
    assert!(
        said.contains("\nconnections: 1 passed on, ") && said.contains(", 0 cut off at the end"),
        "{said}"
    );
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let world = World::new();
    let relay = Relay::start(&world, &format!("--to {} --grace 0", echo()));
    let mut stream = TcpStream::connect(relay.address).unwrap();
    stream.write_all(b"no TLS").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    relay.terminate();
    let (_, run) = relay.wait(&world);
    assert_eq!(run.code(), Some(0));
    assert!(run.stderr().contains(", 1 cut off at the end"), "{}", run.stderr());
}

#[test]
fn the_server_sees_addresses_if_it_wants_to() {
    let world = World::new();
    for (version, header) in [("v1", &b"PROXY TCP4 127.0.0.1 "[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11")]
    {
        let relay = Relay::start(&world, &format!("--to {} --proxy-protocol {version}", echo()));
        assert!(talk(relay.address)[5..].starts_with(header));
        relay.terminate();
        assert_eq!(relay.wait(&world).1.code(), Some(0));
    }
}

#[test]
fn a_socket_that_was_passed_on_is_used() {
    let world = World::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let command = world.command(&format!("relay --listen {address} --to {}", echo()));
    let child = world.passed_on(&command, &socket, "relay").spawn().unwrap();
    drop(socket);
    assert_eq!(talk(address), b"hellono TLS at all");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let run = world.wait(child);
    assert_eq!((run.code(), run.stdout()), (Some(0), format!("{address}\n")));
}

#[test]
fn a_relay_to_itself() {
    assert_run!(
        World::new().run("relay --to 127.0.0.1:443"),
        str![[r#"
exit 2
--- stderr
error: connections to 127.0.0.1:[PORT] would come back to where they are from
  fault: on this side, not the CA's
  next: give another address than that of --listen, where the server is:
      acmectl relay --to 127.0.0.1:[PORT]

"#]]
    );
}

#[test]
fn port_that_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = World::new().run(&format!("relay --listen {address} --to 127.0.0.1:8443"));
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    snapbox::assert_data_eq!(
        run.snapshot().replace(program.trim_end(), "[PROGRAM]"),
        str![[r#"
exit 2
--- stderr
error: 127.0.0.1:[PORT] is in use by [PROGRAM] (process [PID])
  fault: on this side, not the CA's
  next: move that server to another port, such as 127.0.0.1:[PORT], and give that as --to

"#]]
    );
}
