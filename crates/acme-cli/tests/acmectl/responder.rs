//! dns-01 and dns-account-01 by the DNS server in the command.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use acme_testca::{Config, TestCa};
use hickory_proto::op::Message;
use snapbox::str;

use super::check::Resolver;
use super::world::{Run, World, assert_run};

/// A port of loopback that was free for TCP and UDP a moment ago.
fn free_address() -> SocketAddr {
    let taken = |_| {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        UdpSocket::bind(address).ok().map(|_| address)
    };
    (0..100).find_map(taken).unwrap()
}

fn run_at(world: &World, ca: &TestCa, line: &str) -> Run {
    world.write("root.pem", ca.root_pem());
    let mut command = world.command(line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
    world.finish(&mut command)
}

/// A CA that offers dns-account-01 or not, and asks a DNS server.
fn ca(server: SocketAddr, dns_account: bool) -> TestCa {
    let mut config = Config::gentle();
    config.dns_account = dns_account;
    TestCa::builder().config(config).dns(server).start().unwrap()
}

/// Passes questions on to a DNS server, and remembers for which names they were.
struct Relay {
    address: SocketAddr,
    names: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (names, is_over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let (asked, ends) = (Arc::clone(&names), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let question = Message::from_vec(&buffer[..length]).unwrap();
                asked.lock().unwrap().push(question.queries[0].name().to_ascii());
                let onward = UdpSocket::bind("127.0.0.1:0").unwrap();
                onward.send_to(&buffer[..length], server).unwrap();
                let (length, _) = onward.recv_from(&mut buffer).unwrap();
                socket.send_to(&buffer[..length], from).unwrap();
            }
        });
        Self { address, names, is_over, thread: Some(thread) }
    }

    /// The names that were asked for since the last call.
    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().drain(..).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

#[test]
fn nothing_else_is_needed_with_the_test_ca_in_the_process() {
    let world = World::new();
    let run = world.run("issue example.test *.example.test --dns builtin --ca dev");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("dns-01 answered at 127.0.0.1:"), "{}", run.stderr());
    let again = world.run("renew example.test --force --max-wait 0");
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    let shown = world.run("show example.test");
    assert!(shown.stdout().contains("dns-01, through the DNS server in this program"), "{}", shown.stdout());
    assert!(shown.stdout().contains("--dns builtin"), "{}", shown.stdout());
    let swept = world.run("renew --max-wait 0");
    assert_eq!(swept.code(), Some(0), "{}", swept.stderr());
}

#[test]
fn names_of_the_account_are_preferred_where_that_is_wanted() {
    let (world, address) = (World::new(), free_address());
    let relay = Relay::start(address);
    let ca = ca(relay.address, true);
    let line = format!("issue example.test *.example.test --dns builtin --dns-listen {address} --agree-tos");
    let run = run_at(&world, &ca, &line);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("whether the records can be seen everywhere is not looked at"));
    assert_eq!(relay.names(), ["_acme-challenge.example.test."; 2]);
    let run = run_at(&world, &ca, "issue example.test *.example.test --dns-account --force");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let names = relay.names();
    assert_eq!(names.len(), 2);
    assert!(names[0].starts_with('_') && names[0].ends_with("._acme-challenge.example.test."), "{names:?}");
    let run = run_at(&world, &ca, "renew --force --max-wait 0");
    assert_eq!((run.code(), relay.names()), (Some(0), names));
    let shown = world.run("show example.test");
    let line = format!("--dns builtin --dns-listen {address} ");
    assert!(
        shown.stdout().contains(&line) && shown.stdout().contains(" --dns-account "),
        "{}",
        shown.stdout()
    );
}

#[test]
fn ca_that_offers_no_names_of_accounts_is_proved_the_usual_way() {
    let (world, address) = (World::new(), free_address());
    let relay = Relay::start(address);
    let ca = ca(relay.address, false);
    let line = format!("issue example.test --dns builtin --dns-listen {address} --dns-account --agree-tos");
    let run = run_at(&world, &ca, &line);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(relay.names(), ["_acme-challenge.example.test."]);
}

#[test]
fn records_to_delegate_by_are_printed() {
    let world = World::new();
    assert_run!(
        world.run("dns builtin example.com *.example.com www.example.org --dns-name ns1.example.net"),
        str![[r#"
exit 0
--- stdout
_acme-challenge.example.com. 3600 IN NS ns1.example.net.
_acme-challenge.www.example.org. 3600 IN NS ns1.example.net.
--- stderr
  the DNS server in this program: it needs no credentials, and these records once; issue with --dns builtin:

"#]]
    );
    assert_run!(
        world.run("dns builtin example.com --dns-name ns1.example.net --dns-zone acme.example.net. --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"record","name":"acme.example.net.","type":"NS","value":"ns1.example.net."}
{"v":1,"type":"record","name":"_acme-challenge.example.com.","type":"CNAME","value":"example.com.acme.example.net."}
--- stderr
  the DNS server in this program: it needs no credentials, and these records once; issue with --dns builtin:

"#]]
    );
    let made_up = world.run("dns builtin www.example.co.uk");
    assert!(made_up.stdout().contains("acme-dns.example.co.uk. 3600 IN A"), "{}", made_up.stdout());
    assert!(
        made_up.stdout().contains("_acme-challenge.www.example.co.uk. 3600 IN NS acme-dns.example.co.uk.")
    );
    let of_zone = world.run("dns builtin www.example.org --dns-zone acme.example.net");
    assert!(of_zone.stdout().contains("acme.example.net. 3600 IN NS acme-dns.example.net."));
}

#[test]
fn port_that_is_taken_and_names_that_can_not_be_are_explained() {
    let (world, ca) = (World::new(), ca(free_address(), false));
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let run =
        run_at(&world, &ca, &format!("issue example.test --dns builtin --dns-listen {address} --agree-tos"));
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains(&format!("{address} is in use")), "{}", run.stderr());
    assert!(run.stderr().contains("--dns-listen 127.0.0.1:5353"), "{}", run.stderr());
    let line =
        "issue example.test --dns builtin --dns-listen 127.0.0.1:0 --dns-zone a.test --dns-name ns.a.test";
    assert_run!(
        run_at(&world, &ca, line),
        str![[r#"
exit 2
--- stderr
error: the DNS server can't go by these names
  because: the server's name ns.a.test. is in the zone a.test., which it serves itself
  fault: on this side, not the CA's
  next: give --dns-name the name of this machine, which is outside of the zone of --dns-zone

"#]]
    );
    assert!(ca.requests().is_empty());
}

#[test]
fn names_that_are_not_delegated_are_refused_with_the_records_to_add() {
    let (world, ca, resolver) = (World::new(), ca(free_address(), false), Resolver::start(None));
    let line = format!(
        "issue www.site.test --dns builtin --dns-listen 127.0.0.1:0 --dns-name ns.example.net --agree-tos {}",
        resolver.options()
    );
    let run = run_at(&world, &ca, &line);
    assert_run!(
        run,
        str![[r#"
exit 2
--- stderr
error: _acme-challenge.www.site.test is not delegated to this program: it is in the zone site.test
  fault: on this side, not the CA's
  next: add these records where the domain is served, once:
      _acme-challenge.www.site.test. 3600 IN NS ns.example.net.

"#]]
    );
    assert!(ca.requests().is_empty());
}
