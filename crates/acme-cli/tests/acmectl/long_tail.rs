//! dns-01 by a service that only the library dns-update knows: Infoblox, whose address can be set.
//!
//! The stand-in is written from Infoblox's published WAPI reference (`record:txt`). It refuses other
//! users, names outside of its zone, and a text that is there already.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use acme_testca::TestCa;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{A, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::{Value, json};

use super::world::{Run, World};

const USER: &str = "api-user";
const PASSWORD: &str = "pass word+of/the=user";
const ZONE: &str = "site.test";
const NAME: &str = "_acme-challenge.site.test";

/// A grid manager and a name server that shows what it holds.
struct Grid {
    api: SocketAddr,
    dns: SocketAddr,
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// Names and texts.
    records: Vec<(String, String)>,
    /// How many there were after each change.
    sizes: Vec<usize>,
    /// How many new records are taken and then lost, as another writer would do.
    to_lose: usize,
}

impl Grid {
    fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (api, dns) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
        let (shared, ends) = (Arc::clone(&state), Arc::clone(&is_over));
        let manager = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // Whoever hung up is not interested any more.
                thread::spawn(move || drop(converse(stream, &shared)));
            }
        });
        let (shared, ends) = (Arc::clone(&state), Arc::clone(&is_over));
        let name_server = thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let answer = resolve(&question, &shared.lock().unwrap());
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
        });
        Self { api, dns, state, is_over, threads: vec![manager, name_server] }
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    fn run(&self, world: &World, ca: &TestCa, line: &str, password: &str) -> Run {
        world.write("root.pem", ca.root_pem());
        let line = format!("{line} --resolver {} --dns-port {}", self.dns, self.dns.port());
        let mut command = world.command(&line);
        command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        command.env("INFOBLOX_HOST", format!("http://{}", self.api));
        command.env("INFOBLOX_USERNAME", USER).env("INFOBLOX_PASSWORD", password);
        world.finish(&mut command)
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.api).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.dns).unwrap();
        for thread in self.threads.drain(..) {
            let result = thread.join();
            assert!(thread::panicking() || result.is_ok());
        }
    }
}

fn converse(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let wanted = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let (status, body) = match header("authorization") == Some(wanted) {
            true => answer(method, target, &body, &mut state.lock().unwrap()),
            false => ("401 Authorization Required", json!("who are you?")),
        };
        let body = body.to_string();
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    }
}

fn answer(method: &str, target: &str, body: &[u8], state: &mut State) -> (&'static str, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let reference = path.strip_prefix("/wapi/v2.11/record:txt").unwrap();
    let object = |(name, text): &(String, String)| json!({ "_ref": format!("record:txt/{text}:{name}"), "name": name, "text": text, "view": "External" });
    match method {
        "GET" => {
            let own = state.records.iter().filter(|(name, _)| query == format!("name={name}&view=External"));
            ("200 OK", own.map(object).collect())
        }
        "POST" => {
            let body: Value = serde_json::from_slice(body).unwrap();
            let text = |member: &str| body[member].as_str().unwrap().to_owned();
            let record = (text("name"), text("text"));
            assert_eq!((body["view"].as_str(), body["ttl"].as_u64()), (Some("External"), Some(120)));
            if !record.0.ends_with(ZONE) || state.records.contains(&record) {
                let fault = "AdmConDataError: None (IBDataConflictError: the record already exists.)";
                return ("400 Bad Request", json!({ "Error": fault, "text": fault }));
            }
            let reference = object(&record)["_ref"].clone();
            if state.to_lose > 0 {
                state.to_lose -= 1;
            } else {
                state.records.push(record);
                state.sizes.push(state.records.len());
            }
            ("201 Created", reference)
        }
        _ => {
            assert_eq!(method, "DELETE");
            let is_it = |(name, text): &(String, String)| reference == format!("/{text}:{name}");
            let before = state.records.len();
            state.records.retain(|record| !is_it(record));
            state.sizes.push(state.records.len());
            match state.records.len() == before {
                true => ("404 Not Found", json!({ "Error": "AdmConDataNotFoundError: not found" })),
                false => ("200 OK", json!(reference)),
            }
        }
    }
}

fn resolve(question: &Message, state: &State) -> Message {
    let query = &question.queries[0];
    let (name, zone) = (query.name(), fqdn(ZONE));
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query.clone());
    answer.metadata.authoritative = true;
    let soa = SOA::new(fqdn("ns.site.test"), zone.clone(), 1, 60, 60, 60, 60);
    answer.add_authority(Record::from_rdata(zone.clone(), 60, RData::SOA(soa)));
    let own = state.records.iter().filter(|(owner, _)| fqdn(owner) == *name);
    let kind = query.query_type();
    let data: Vec<RData> = if kind == RecordType::A {
        vec![RData::A(A::new(127, 0, 0, 1))]
    } else if kind == RecordType::NS && *name == zone {
        vec![RData::NS(NS(fqdn("ns.site.test")))]
    } else if kind == RecordType::TXT {
        own.map(|(_, text)| RData::TXT(TXT::new(vec![text.clone()]))).collect()
    } else {
        Vec::new()
    };
    for data in data {
        answer.add_answer(Record::from_rdata(name.clone(), 60, data));
    }
    answer
}

fn fqdn(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

fn ca() -> TestCa {
    TestCa::builder().always_valid().start().unwrap()
}

#[test]
fn apex_and_wildcard_are_certified_and_values_of_others_stay() {
    let (world, ca, grid) = (World::new(), ca(), Grid::start());
    let other = (NAME.to_owned(), "of-somebody-else".to_owned());
    grid.state(|state| state.records.push(other.clone()));
    let line = "issue site.test '*.site.test' --dns dns-update:infoblox --agree-tos";
    let run = grid.run(&world, &ca, line, PASSWORD);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("dns-01 through Infoblox"), "{}", run.stderr());
    assert!(run.stderr().contains("the servers of site.test after"), "{}", run.stderr());
    assert_eq!(grid.state(|state| state.sizes.clone()), [2, 3, 2, 1]);
    assert_eq!(grid.state(|state| state.records.clone()), [other]);

    let again = grid.run(&world, &ca, "renew site.test --force --max-wait 0", PASSWORD);
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    assert!(!run.stderr().contains(PASSWORD) && !again.stderr().contains(PASSWORD));
}

#[test]
fn record_that_another_writer_undid_is_written_again() {
    let (world, ca, grid) = (World::new(), ca(), Grid::start());
    grid.state(|state| state.to_lose = 1);
    let run = grid.run(&world, &ca, "issue site.test --dns infoblox --agree-tos", PASSWORD);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(grid.state(|state| state.sizes.clone()), [1, 0]);
}

#[test]
fn refusal_is_told_in_the_words_of_the_library_without_the_password() {
    let (world, ca, grid) = (World::new(), ca(), Grid::start());
    let wrong = "some-wrong-password";
    let run = grid.run(&world, &ca, "issue site.test --dns infoblox --agree-tos", wrong);
    assert_ne!(run.code(), Some(0));
    assert!(run.stderr().contains("Infoblox failed: "), "{}", run.stderr());
    assert!(!run.stderr().contains(wrong), "{}", run.stderr());
    assert!(grid.state(|state| state.sizes.is_empty()));
}

#[test]
fn what_is_missing_is_said_before_a_ca_is_asked() {
    let (world, ca) = (World::new(), ca());
    world.write("root.pem", ca.root_pem());
    let at = |variables: &[(&str, &str)], options: &str| {
        let mut command = world.command(&format!("issue site.test --dns bunny --agree-tos {options}"));
        command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        world.finish(command.envs(variables.iter().copied()))
    };
    // The world's resolver does not answer.
    let blind = at(&[("BUNNY_API_KEY", "some-key")], "");
    assert_eq!(blind.code(), Some(2), "{}", blind.stderr());
    let words = "the zones of names can't be found for bunny.net without a resolver that answers";
    assert!(blind.stderr().contains(words), "{}", blind.stderr());

    let grid = Grid::start();
    let resolver = format!("--resolver {} --dns-port {}", grid.dns, grid.dns.port());
    let missing = at(&[], &resolver);
    assert_eq!(missing.code(), Some(2));
    assert!(missing.stderr().contains("BUNNY_API_KEY is not set"), "{}", missing.stderr());
    let wrong = at(&[("BUNNY_API_KEY", "some-key"), ("BUNNY_TTL", "soon")], &resolver);
    assert_eq!(wrong.code(), Some(2));
    assert!(wrong.stderr().contains("BUNNY_TTL is not a number"), "{}", wrong.stderr());
    assert!(ca.requests().is_empty());
}

#[test]
fn services_of_the_library_are_listed_as_not_tried() {
    let world = World::new();
    let all = world.run("dns").stdout();
    let row = all.lines().find(|line| line.starts_with("infoblox")).unwrap();
    assert!(row.contains(" nothing "), "{row}");
    let one = world.run("dns dns-update:transip");
    assert!(one.stdout().contains("TRANSIP_PRIVATE_KEY_PATH"), "{}", one.stdout());
}
