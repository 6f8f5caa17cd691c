//! Ctrl-C while something is waited for: it ends at once, and everything is taken away.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use acme_store::Store;
use acme_testca::TestCa;
use rustix::process::{Pid, Signal};

use super::check::Resolver;
use super::web::DeadPort;
use super::world::World;

fn interrupt(child: &Child) -> Instant {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    Instant::now()
}

#[test]
fn wait_for_name_servers_ends_and_the_record_is_taken_away() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let ca = TestCa::builder().always_valid().start().unwrap();
    world.write("root.pem", ca.root_pem());
    assert!(Command::new("mkfifo").arg(world.path("pipe")).status().unwrap().success());
    world.script("update", "if [ $1 = present ]; then echo > pipe; else echo $1 >> calls; fi");
    // The servers of the zone never show a record: two minutes are waited for it.
    let line = format!("issue www.site.test --dns exec --agree-tos {}", resolver.options());
    let mut command = world.command(&line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem").env("EXEC_PATH", "./update");
    let child = command.spawn().unwrap();
    world.read("pipe");
    let asked = interrupt(&child);
    let run = world.wait(child);
    assert!(asked.elapsed() < LONGEST, "{:?}", asked.elapsed());
    assert_eq!(run.code(), Some(130), "{}", run.stderr());
    assert_eq!(world.read("calls"), "cleanup\n");
    let store = Store::open_existing(world.path("state")).unwrap();
    assert!(store.presented().unwrap().is_empty(), "nothing is left to be swept");
}

#[test]
fn rehearsal_ends_and_the_file_is_taken_away() {
    let (world, down) = (World::new(), DeadPort::new());
    std::fs::create_dir(world.path("www")).unwrap();
    // Takes the connection, and never answers.
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let reach = web.local_addr().unwrap();
    let url = down.directory_url();
    let line = format!("check www.site.test --ca {url} --webroot www --http-reach {reach}");
    let child = world.command(&line).spawn().unwrap();
    let (_held, _) = web.accept().unwrap();
    assert!(world.path("www/.well-known/acme-challenge").read_dir().unwrap().next().is_some());
    let asked = interrupt(&child);
    let run = world.wait(child);
    assert!(asked.elapsed() < LONGEST, "{:?}", asked.elapsed());
    assert_eq!(run.code(), Some(130), "{}", run.stderr());
    assert_eq!(std::fs::read_dir(world.path("www")).unwrap().count(), 0, "all is taken away");
}

#[test]
fn look_at_dns_ends() {
    let world = World::new();
    let down = DeadPort::new();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (url, resolver) = (down.directory_url(), silent.local_addr().unwrap());
    let line = format!("check a.test b.test c.test d.test --ca {url} --dns pdns --resolver {resolver}");
    let child = world.command(&line).spawn().unwrap();
    silent.recv_from(&mut [0; 512]).unwrap();
    let asked = interrupt(&child);
    let run = world.wait(child);
    assert!(asked.elapsed() < LONGEST, "{:?}", asked.elapsed());
    assert_eq!(run.code(), Some(130), "{}", run.stderr());
}

/// Within a second, and some more on a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(4);
