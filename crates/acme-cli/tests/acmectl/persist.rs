//! dns-persist-01: printing records, verifying them, and certificates by them.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use acme_testca::{Config, DnsPersist, TestCa};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::Value;
use snapbox::str;

use super::world::{Run, World, assert_run};

/// A resolver on loopback for the zone `site.test`, of which it is the only server, too.
struct NameServer {
    address: String,
    port: u16,
    /// The values of `_validation-persist.site.test`.
    values: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (values, is_over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let (shown, ends) = (Arc::clone(&values), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let answer = answer(&question, &shown.lock().unwrap());
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
        });
        let (port, address) = (address.port(), address.to_string());
        Self { address, port, values, is_over, thread: Some(thread) }
    }

    fn put(&self, values: &[&str]) {
        *self.values.lock().unwrap() = values.iter().map(ToString::to_string).collect();
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], &self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

fn answer(question: &Message, values: &[String]) -> Message {
    let query = &question.queries[0];
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query.clone());
    answer.metadata.authoritative = true;
    let owner = query.name().to_ascii();
    let data = match (owner.as_str(), query.query_type()) {
        ("site.test.", RecordType::NS) => vec![RData::NS(NS(name("ns.site.test")))],
        ("ns.site.test.", RecordType::A) => vec![RData::A(A::new(127, 0, 0, 1))],
        ("_validation-persist.site.test.", RecordType::TXT) => {
            values.iter().map(|value| text(value)).collect()
        }
        ("_validation-persist.site.test." | "site.test." | "ns.site.test.", _) => Vec::new(),
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            Vec::new()
        }
    };
    if data.is_empty() {
        let soa = SOA::new(name("ns.site.test"), name("site.test"), 1, 60, 60, 60, 60);
        answer.add_authority(Record::from_rdata(name("site.test"), 60, RData::SOA(soa)));
    }
    answer.add_answers(data.into_iter().map(|data| Record::from_rdata(query.name().clone(), 60, data)));
    answer
}

/// In strings of at most 255 octets.
fn text(value: &str) -> RData {
    let parts = value.as_bytes().chunks(255).map(|part| String::from_utf8(part.to_vec()).unwrap());
    RData::TXT(TXT::new(parts.collect()))
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

/// A directory, a CA of one revision, and the name server of both.
struct Scene {
    world: World,
    ca: TestCa,
    server: NameServer,
}

impl Scene {
    fn new(revision: DnsPersist) -> Self {
        let server = NameServer::start();
        let mut config = Config::gentle();
        config.dns_persist = Some(revision);
        config.caa_identities = vec!["ca.test".to_owned()];
        let ca = TestCa::builder().config(config).dns(server.address.parse().unwrap()).start().unwrap();
        let world = World::new();
        world.write("root.pem", ca.root_pem());
        Self { world, ca, server }
    }

    fn run(&self, line: &str) -> Run {
        let mut command = self.world.command(line);
        command.env("ACME_CA", self.ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        command.env("ACME_RESOLVER", &self.server.address).env("ACME_DNS_PORT", self.server.port.to_string());
        self.world.finish(&mut command)
    }

    fn good(&self, line: &str) -> Run {
        let run = self.run(line);
        assert_eq!(run.code(), Some(0), "{line}: {}{}", run.stdout(), run.stderr());
        run
    }

    /// The account's URL.
    fn account_url(&self) -> String {
        let shown = self.good("account show --json");
        let shown: Value = serde_json::from_str(shown.stdout().lines().next().unwrap()).unwrap();
        shown["url"].as_str().unwrap().to_owned()
    }
}

fn event(run: &Run) -> Value {
    serde_json::from_str(run.stdout().lines().next().unwrap()).unwrap()
}

/// From the record that is printed to a certificate, and the next one.
fn record_permits(revision: DnsPersist, is_hashed: bool) {
    let scene = Scene::new(revision);
    scene.good("account register --agree-tos");
    let printed = event(&scene.good("dns-persist record site.test --wildcard --json"));
    assert_eq!(printed["name"], "_validation-persist.site.test");
    let value = printed["value"].as_str().unwrap();
    assert!(value.starts_with("ca.test; accounturi=") && value.ends_with("; policy=wildcard"), "{value}");
    assert_eq!(value.contains(&scene.account_url()), !is_hashed, "{value}");
    assert_eq!(value.contains("/account-hash/sha-256/"), is_hashed, "{value}");

    let absent = scene.run("dns-persist verify *.site.test");
    assert_eq!(absent.code(), Some(1), "{}", absent.stdout());
    assert!(absent.stdout().contains(printed["line"].as_str().unwrap()), "{}", absent.stdout());
    scene.server.put(&["v=spf1 -all", "ca.other; accounturi=x", value]);
    scene.good("dns-persist verify site.test *.site.test");
    let issued = scene.good("issue site.test *.site.test --dns-persist");
    assert!(issued.stderr().contains("dns-persist-01 by records that stay"), "{}", issued.stderr());
    // A new key of the account leaves records good that are for the old one, where they are hashed.
    scene.good("renew --force --max-wait 0");
    let shown = scene.good("show site.test");
    assert!(shown.stdout().contains("dns-persist-01, by a record that stays"), "{}", shown.stdout());
    assert!(shown.stdout().contains(" --dns-persist "), "{}", shown.stdout());
}

#[test]
fn record_of_revision_00_permits() {
    record_permits(DnsPersist::Draft00, false);
}

#[test]
fn record_of_revision_01_permits() {
    record_permits(DnsPersist::Draft01, false);
}

#[test]
fn record_of_revision_02_permits() {
    record_permits(DnsPersist::Draft02, true);
}

/// What is missing is printed before the CA is told; it is what the CA takes.
fn missing_record_is_printed(revision: DnsPersist) {
    let scene = Scene::new(revision);
    let run = scene.run("issue site.test *.site.test --dns-persist --agree-tos");
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("has no such record"), "{}", run.stderr());
    let told = run.stderr();
    let line = told.lines().find(|line| line.contains(" IN TXT ")).unwrap().to_owned();
    assert!(line.trim().starts_with("_validation-persist.site.test. 3600 IN TXT \"ca.test; "), "{line}");
    assert!(
        !scene.ca.requests().iter().any(|request| request.url.contains("/chall/")),
        "nothing is answered"
    );
    assert!(!scene.good("list").stdout().contains("site.test"));

    let value: String = line.split_once(" IN TXT ").unwrap().1.split('"').step_by(2).skip(1).collect();
    assert_eq!(value, "", "pieces are between quotes");
    let value: String = line.split_once(" IN TXT ").unwrap().1.split('"').skip(1).step_by(2).collect();
    scene.server.put(&[&value]);
    scene.good("issue site.test *.site.test --dns-persist");
    assert_eq!(scene.ca.issued().len(), 1);
}

#[test]
fn missing_record_of_revision_00_is_printed() {
    missing_record_is_printed(DnsPersist::Draft00);
}

#[test]
fn missing_record_of_revision_01_is_printed() {
    missing_record_is_printed(DnsPersist::Draft01);
}

#[test]
fn missing_record_of_revision_02_is_printed() {
    missing_record_is_printed(DnsPersist::Draft02);
}

#[test]
fn each_kind_of_wrong_record_is_diagnosed() {
    let scene = Scene::new(DnsPersist::Draft01);
    scene.good("account register --agree-tos");
    let right = format!("ca.test; accounturi={}", scene.account_url());
    let lapsed = format!("{right}; persistUntil=1700000000");
    for (domain, values, code, words) in [
        ("site.test", &["ca.test; accounturi=https://ca.test/account/666"][..], 1, "is for another account"),
        ("site.test", &[&lapsed], 1, "has lapsed at 2023-11-14T22:13:20Z"),
        ("site.test", &["ca.test; accounturi=;"], 1, "is malformed: '' is no parameter"),
        ("site.test", &["ca.test"], 1, "is malformed: it has no accounturi"),
        ("site.test", &[&format!("{right}; accounturi=x")], 1, "it has accounturi twice"),
        ("*.site.test", &[&right], 1, "has no policy=wildcard"),
        ("site.test", &["ca.other; accounturi=x"], 1, "has records of other CAs only"),
        ("site.test", &[&lapsed, &right], 0, "permits: '"),
        ("nowhere.site.test", &[&right], 1, "has no such record"),
        ("other.test", &[&right], 1, "can't be looked at: no zone holds _validation-persist.other.test"),
    ] {
        scene.server.put(values);
        let run = scene.run(&format!("dns-persist verify {domain}"));
        assert_eq!(run.code(), Some(code), "{values:?}: {}", run.stdout());
        assert!(run.stdout().contains(words), "{values:?}: {}", run.stdout());
    }
    scene.server.put(&[&lapsed]);
    let issued = scene.run("issue site.test --dns-persist");
    assert_eq!(issued.code(), Some(2), "{}", issued.stderr());
    assert!(issued.stderr().contains("has lapsed at 2023-11-14T22:13:20Z"), "{}", issued.stderr());
}

#[test]
fn record_that_lapses_soon_is_warned_of_at_each_look() {
    let scene = Scene::new(DnsPersist::Draft01);
    scene.good("account register --agree-tos");
    let printed = event(&scene.good("dns-persist record site.test --persist-until 20d --json"));
    scene.server.put(&[printed["value"].as_str().unwrap()]);
    let verified = scene.good("dns-persist verify site.test");
    assert!(verified.stdout().contains("permits until "), "{}", verified.stdout());
    assert!(verified.stderr().contains("the record lapses "), "{}", verified.stderr());
    let verified = event(&scene.good("dns-persist verify site.test --json"));
    assert_eq!(
        (verified["outcome"].as_str(), verified["lapses_soon"].as_bool()),
        (Some("permits"), Some(true))
    );
    assert_eq!(verified["servers"][0]["server"], "ns.site.test");
    let issued = scene.good("issue site.test --dns-persist");
    assert!(
        issued.stderr().contains("_validation-persist.site.test: the record lapses "),
        "{}",
        issued.stderr()
    );
}

#[test]
fn record_is_printed_without_a_ca_where_all_is_said() {
    let world = World::new();
    let line =
        "dns-persist record *.site.test www.site.test --account-uri https://ca.test/acct/7 --issuer ca.test";
    assert_run!(
        world.run(&format!("{line} --persist-until 2027-01-31T12:00:00Z")),
        str![[r#"
exit 0
--- stdout
name:   _validation-persist.site.test
type:   TXT
value:  ca.test; accounturi=https://ca.test/acct/7; policy=wildcard; persistUntil=1801396800
line:   _validation-persist.site.test. 3600 IN TXT "ca.test; accounturi=https://ca.test/acct/7; policy=wildcard; persistUntil=1801396800"

name:   _validation-persist.www.site.test
type:   TXT
value:  ca.test; accounturi=https://ca.test/acct/7; persistUntil=1801396800
line:   _validation-persist.www.site.test. 3600 IN TXT "ca.test; accounturi=https://ca.test/acct/7; persistUntil=1801396800"

"#]]
    );
    assert!(!world.path("state").exists(), "nothing is kept");
    let past = world.run(&format!("{line} --persist-until 2020-01-31T12:00:00Z"));
    assert_eq!(past.code(), Some(2), "{}", past.stderr());
    let long = format!("https://ca.test/{}", "a".repeat(300));
    let run = world.run(&format!("dns-persist record site.test --account-uri {long} --issuer ca.test"));
    assert!(run.stdout().contains("a\" \"a"), "{}", run.stdout());
}

#[test]
fn account_and_issuer_that_nobody_knows_are_asked_for() {
    let scene = Scene::new(DnsPersist::Draft01);
    assert_run!(
        scene.run("dns-persist record site.test"),
        str![[r#"
exit 2
--- stderr
error: there is no account at https://127.0.0.1:[PORT]/directory here for which a record could be
  fault: on this side, not the CA's
  next: make the account first, or give its URL:
      acmectl account register --ca https://127.0.0.1:[PORT]/directory --agree-tos
      acmectl dns-persist record site.test --account-uri URL

"#]]
    );
    let ca = TestCa::builder().gentle().start().unwrap();
    let world = World::new();
    world.write("root.pem", ca.root_pem());
    let mut command = world.command("dns-persist record site.test --account-uri https://ca.test/acct/7");
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 2
--- stderr
error: https://127.0.0.1:[PORT]/directory does not say by which names records mean it
  fault: on this side, not the CA's
  next: give a name that the CA's documents have for CAA records:
      acmectl dns-persist record site.test --account-uri https://ca.test/acct/7 --issuer NAME
    or: acmectl issue DOMAIN --dns-persist asks the CA, and prints what it wants

"#]]
    );
}
