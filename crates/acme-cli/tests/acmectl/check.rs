//! `check`: what would go wrong, before a CA is asked.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use acme_testca::{Config, TestCa, TestCaBuilder};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CAA, NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use snapbox::str;

use super::world::{World, assert_run};

/// A resolver on loopback for the zone `site.test`, of which it is the only server, too.
pub(super) struct Resolver {
    address: String,
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// `caa` is what the zone says of CAs; names that start with `no` do not exist.
    pub(super) fn start(caa: Option<CAA>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let question = Message::from_vec(&buffer[..length]).unwrap();
                socket.send_to(&answer(&question, caa.as_ref()).to_vec().unwrap(), from).unwrap();
            }
        });
        Self { address: address.to_string(), port: address.port(), is_over, thread: Some(thread) }
    }

    pub(super) fn options(&self) -> String {
        format!("--resolver {} --dns-port {}", self.address, self.port)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], &self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

fn answer(question: &Message, caa: Option<&CAA>) -> Message {
    let query = &question.queries[0];
    let is_public = query.name().to_ascii().ends_with("site.org.");
    let (name, zone) = (query.name(), name(if is_public { "site.org" } else { "site.test" }));
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query.clone());
    answer.metadata.authoritative = true;
    let soa = SOA::new(self::name("ns.site.test"), zone.clone(), 1, 60, 60, 60, 60);
    answer.add_authority(Record::from_rdata(zone.clone(), 60, RData::SOA(soa)));
    if name.to_ascii().starts_with("no") {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    let exists = answer.metadata.response_code == ResponseCode::NoError;
    let kind = query.query_type();
    let data = if kind == RecordType::A && exists {
        Some(RData::A(A::new(127, 0, 0, 1)))
    } else if kind == RecordType::NS && *name == zone {
        Some(RData::NS(NS(self::name("ns.site.test"))))
    } else if kind == RecordType::CAA && *name == zone {
        caa.cloned().map(RData::CAA)
    } else {
        None
    };
    if let Some(data) = data {
        answer.add_answer(Record::from_rdata(name.clone(), 60, data));
    }
    answer
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

/// A CA that has a name in CAA records.
fn named() -> TestCaBuilder {
    let mut config = Config::gentle();
    config.caa_identities = vec!["ca.test".to_owned()];
    TestCa::builder().config(config)
}

fn caa(text: &str) -> CAA {
    CAA::new_issue(false, Some(name(text)), Vec::new())
}

#[test]
fn nothing_is_found_where_all_is_well() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let (ca, web) = world.authority(TestCa::builder());
    let line = format!("check www.site.test {}", resolver.options());
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 0
--- stdout
www.site.test by http-01 at https://127.0.0.1:[PORT]/directory: nothing found

"#]]
    );
    let mut command =
        world.command_at(&ca, &web, &format!("check '*.site.test' --dns pdns {}", resolver.options()));
    command.env_remove("ACME_WEBROOT");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 0
--- stdout
*.site.test by dns-01 at https://127.0.0.1:[PORT]/directory: nothing found

"#]]
    );
}

#[test]
fn records_that_forbid_are_shown_with_the_line_to_add() {
    let (world, resolver) = (World::new(), Resolver::start(Some(caa("other.test"))));
    let (ca, web) = world.authority(named());
    let line = format!("check www.site.test nothing.site.test {}", resolver.options());
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stdout
www.site.test by http-01 at https://127.0.0.1:[PORT]/directory
  error    caa-forbids: site.test has CAA issue "other.test."
           why: a CA that the CAA records do not name may not issue (RFC 8659)
           next: add the record: site.test. CAA 0 issue "ca.test"
nothing.site.test by http-01 at https://127.0.0.1:[PORT]/directory
  error    no-name: nothing.site.test does not exist
           why: the CA can't find the name
           next: add an A or AAAA record for nothing.site.test, or check the spelling

"#]]
    );
}

#[test]
fn programs_get_a_line_for_each_finding_and_each_name() {
    let (world, resolver) = (World::new(), Resolver::start(Some(caa("other.test"))));
    let (ca, web) = world.authority(named());
    let line = format!("check www.site.test --json {}", resolver.options());
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stdout
{"v":1,"type":"finding","fault":"caa-forbids","identifier":"www.site.test","reason":"a CA that the CAA records do not name may not issue (RFC 8659)","remedy":"add the record: site.test. CAA 0 issue /"ca.test/"","seen":"site.test has CAA issue /"other.test./"","severity":"error"}
{"v":1,"type":"check","identifier":"www.site.test","method":"http-01","outcome":"error"}

"#]]
    );
}

#[test]
fn server_that_answers_something_else_is_shown() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let (ca, web) = world.authority(named());
    let line = format!("check www.site.test --webroot elsewhere {}", resolver.options());
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    let mut command = world.command_at(&ca, &web, &line);
    command.env_remove("ACME_WEBROOT");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 0
--- stdout
www.site.test by http-01 at https://127.0.0.1:[PORT]/directory
  warning  http-elsewhere: www.site.test at 127.0.0.1:[PORT] (test) answers 404 'nothing here' instead of the challenge response
           why: the CA gets this answer instead of the challenge response
           next: see that port 80 of the name leads here: the address, port forwarding, and the server's hosts

"#]]
    );
    assert!(std::fs::read_dir(world.path("elsewhere")).unwrap().next().is_none(), "nothing is left");
}

#[test]
fn ca_that_is_down_keeps_nobody_from_looking() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let line = format!(
        "check '*.site.test' --ca https://127.0.0.1:1/directory --http-listen 127.0.0.1:0 {}",
        resolver.options()
    );
    assert_run!(
        world.run(&line),
        str![[r#"
exit 1
--- stdout
*.site.test by http-01 at https://127.0.0.1:1/directory
  error    method: *.site.test is a wildcard, and http-01 is to prove control of it
           why: no CA offers this challenge for such a name
           next: prove control by DNS: a wildcard can't be proved otherwise
--- stderr
error: no response from the CA (directory)
  because: the connection could not be made
  because: Connection refused (os error 111)
  fault: the network's
  next: check that the CA is up, and that this machine may connect to it; then try again

"#]]
    );
}

#[test]
fn refusal_is_shown_with_what_is_seen_from_here() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let (ca, web) = world.authority(TestCa::builder().gentle());
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    let line = format!("issue nothing.site.test --webroot elsewhere --agree-tos {}", resolver.options());
    let mut command = world.command_at(&ca, &web, &line);
    command.env_remove("ACME_WEBROOT");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 1
--- stderr
warning: seen from here, nothing.site.test does not exist: the CA can't find the name
  next: add an A or AAAA record for nothing.site.test, or check the spelling
nothing.site.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/elsewhere
nothing.site.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
nothing.site.test: ordering
nothing.site.test: proving control of the names
warning: seen from here, nothing.site.test at 127.0.0.1:[PORT] (test) answers 404 'nothing here' instead of the challenge response; the CA may see the same
error: nothing.site.test: http-01 for nothing.site.test failed
  type: urn:ietf:params:acme:error:incorrectResponse (HTTP 403)
  detail: http-01: http://nothing.site.test/.well-known/acme-challenge/[TOKEN] answered with status 404
  seen from here: nothing.site.test: nothing.site.test does not exist (no-name)
      the CA can't find the name: add an A or AAAA record for nothing.site.test, or check the spelling
  seen from here: nothing.site.test: nothing.site.test at 127.0.0.1:[PORT] (test) answers 404 'nothing here' instead of the challenge response (http-elsewhere)
      the CA gets this answer instead of the challenge response: see that port 80 of the name leads here: the address, port forwarding, and the server's hosts
  fault: on this side, not the CA's
  next: make http://nothing.site.test/.well-known/acme-challenge/ reach this machine on port 80 from everywhere: DNS (A and AAAA), firewall, proxy
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
}

#[test]
fn resolver_that_is_none() {
    assert_run!(
        World::new().run("check www.site.test --ca dev --resolver nobody"),
        str![[r#"
exit 2
--- stderr
error: 'nobody' is no address of a resolver
  fault: on this side, not the CA's
  next: give an IP address, with a port or without, or https://HOST/dns-query

"#]]
    );
}

#[test]
fn what_is_certain_to_fail_is_not_asked_for_the_first_time() {
    let (world, resolver) = (World::new(), Resolver::start(Some(caa("other.test"))));
    let line =
        |name: &str| format!("issue {name} --http-listen 127.0.0.1:0 --agree-tos {}", resolver.options());
    assert_run!(
        world.run(&line("www.site.org")),
        str![[r#"
exit 2
--- stderr
warning: seen from here, www.site.org has the address 127.0.0.1, which is reserved: the CA can't reach such an address
  next: give the name the address by which the world reaches it; inside a network, prove control by DNS
error: Let's Encrypt would refuse, and was not asked
  seen from here: www.site.org: site.org has CAA issue "other.test." (caa-forbids)
      a CA that the CAA records do not name may not issue (RFC 8659): add the record: site.org. CAA 0 issue "letsencrypt.org"
  fault: on this side, not the CA's
  next: mend that, and try again; all that is found is told by acmectl check
    or: ask the CA all the same:
      acmectl issue www.site.org --http-listen 127.0.0.1:0 --agree-tos --resolver 127.0.0.1:[PORT] --dns-port [..] --no-check

"#]]
    );
    assert_run!(
        world.run(&format!("{} --json", line("no.site.org"))),
        str![[r#"
exit 2
--- stdout
{"v":1,"type":"error","causes":[],"fault":"you","message":"Let's Encrypt would refuse, and was not asked","next":["mend that, and try again; all that is found is told by acmectl check","ask the CA all the same:","acmectl issue no.site.org --http-listen 127.0.0.1:0 --agree-tos --resolver 127.0.0.1:[PORT] --dns-port [..] --json --no-check"],"outcome":"failed","seen":[{"fault":"no-name","identifier":"no.site.org","reason":"the CA can't find the name","remedy":"add an A or AAAA record for no.site.org, or check the spelling","seen":"no.site.org does not exist, while site.org does","severity":"error"}]}
--- stderr
error: Let's Encrypt would refuse, and was not asked
  seen from here: no.site.org: no.site.org does not exist, while site.org does (no-name)
      the CA can't find the name: add an A or AAAA record for no.site.org, or check the spelling
  fault: on this side, not the CA's
  next: mend that, and try again; all that is found is told by acmectl check
    or: ask the CA all the same:
      acmectl issue no.site.org --http-listen 127.0.0.1:0 --agree-tos --resolver 127.0.0.1:[PORT] --dns-port [..] --json --no-check

"#]]
    );
}

#[test]
fn names_that_are_none_and_resolvers_that_are_silent_are_findings_too() {
    let world = World::new();
    assert_run!(
        world.run("check my_host.site.org '*.co.uk' www.host.internal 10.0.0.1 --ca https://127.0.0.1:1/d --dns pdns"),
        str![[r#"
exit 1
--- stdout
my_host.site.org at https://127.0.0.1:1/d
  error    name-form: 'my_host.site.org' can't be certified: '_' is not allowed in a DNS name
           why: a CA takes names of hosts, and addresses, and nothing else
           next: underscores are for records such as _dmarc; hosts to certify have none
*.co.uk by dns-01 at https://127.0.0.1:1/d
  warning  resolver-silent: no resolver answered the question for A of co.uk
           why: what the CA finds in the DNS can't be said from here
           next: check this machine's network and /etc/resolv.conf, or name another --resolver
www.host.internal by dns-01 at https://127.0.0.1:1/d
  warning  resolver-silent: no resolver answered the question for A of www.host.internal
           why: what the CA finds in the DNS can't be said from here
           next: check this machine's network and /etc/resolv.conf, or name another --resolver
10.0.0.1 by dns-01 at https://127.0.0.1:1/d
  error    method: 10.0.0.1 is an address, and dns-01 is to prove control of it
           why: no CA offers this challenge for such a name
           next: prove control by http-01 or tls-alpn-01
--- stderr
error: no response from the CA (directory)
  because: the connection could not be made
  because: Connection refused (os error 111)
  fault: the network's
  next: check that the CA is up, and that this machine may connect to it; then try again

"#]]
    );
}

#[test]
fn machine_that_is_not_set_up_is_shown() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let (ca, web) = world.authority(named());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let line = format!("check www.site.test --http-listen {taken} {}", resolver.options());
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stdout
www.site.test by http-01 at https://127.0.0.1:[PORT]/directory
  error    port-taken: 127.0.0.1:[PORT] is in use by [..] (process [PID])
           why: the other program answers the CA, and knows nothing of the challenge
           next: let it answer, with --webroot DIR; or let it pass challenges on to --http-listen 127.0.0.1:[PORT]; or stop it while this runs

"#]]
    );
    let line = format!("check www.site.test --webroot not-there {}", resolver.options());
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stdout
www.site.test by http-01 at https://127.0.0.1:[PORT]/directory
  error    webroot: the webroot can't be used: '[WORLD]/not-there' does not exist
           why: the CA gets no response, for none can be left there
           next: give the directory that the web server serves as /

"#]]
    );
}

#[test]
fn handshake_is_looked_at_as_the_ca_makes_it() {
    let (world, resolver) = (World::new(), Resolver::start(None));
    let (ca, web) = world.authority(named());
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let reach = plain.local_addr().unwrap();
    drop(plain);
    let line = format!(
        "check www.site.test --tls-alpn-listen 127.0.0.1:0 --tls-reach {reach} {}",
        resolver.options()
    );
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stdout
www.site.test by tls-alpn-01 at https://127.0.0.1:[PORT]/directory
  error    tls-closed: www.site.test at 127.0.0.1:[PORT] does not answer: the connection could not be made
           why: the CA connects to port 443 and is refused
           next: start what is to answer at port 443, or open the port

"#]]
    );
}
