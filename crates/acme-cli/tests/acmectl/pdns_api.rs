//! PowerDNS's HTTP API on loopback, as far as TXT records need it: after the description of the API
//! (`authoritative-api-openapi.yaml` of its source) and what version 4.7.3 answers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

pub(super) const KEY: &str = "key-of-the-server";
const ZONE: &str = "example.test.";

/// The API, with the zone `example.test`. Its thread ends with the test's process.
pub(super) struct PdnsApi {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    rrsets: BTreeMap<String, Value>,
    /// How many records there were at each write.
    sizes: Vec<usize>,
}

impl PdnsApi {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // Whoever hung up is not interested any more.
                thread::spawn(move || drop(converse(stream, &shared)));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The numbers of values after each write.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.state.lock().unwrap().sizes.clone()
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
        let (status, body) = match header("x-api-key").as_deref() == Some(KEY) {
            true => answer(method, target, &body, &mut state.lock().unwrap()),
            false => ("401 Unauthorized", "Unauthorized".to_owned()),
        };
        let length = body.len();
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    }
}

fn answer(method: &str, target: &str, body: &[u8], state: &mut State) -> (&'static str, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let zones = "/api/v1/servers/localhost/zones";
    let zone = format!("{zones}/{ZONE}");
    if method == "GET" && path == zones {
        let zone = json!([{"id": ZONE, "name": ZONE, "kind": "Native"}]);
        let listed = if query == format!("zone={ZONE}") { zone } else { json!([]) };
        return ("200 OK", listed.to_string());
    }
    if path != zone {
        return ("404 Not Found", "Not Found".to_owned());
    }
    if method == "GET" {
        let rrsets: Vec<&Value> = state.rrsets.values().collect();
        return ("200 OK", json!({"id": ZONE, "name": ZONE, "rrsets": rrsets}).to_string());
    }
    assert_eq!(method, "PATCH");
    let body: Value = serde_json::from_slice(body).unwrap();
    for rrset in body["rrsets"].as_array().unwrap() {
        let name = rrset["name"].as_str().unwrap().to_owned();
        match rrset["changetype"].as_str().unwrap() {
            "DELETE" => drop(state.rrsets.remove(&name)),
            _ => drop(state.rrsets.insert(name, rrset.clone())),
        }
    }
    let count = |rrset: &Value| rrset["records"].as_array().unwrap().len();
    state.sizes.push(state.rrsets.values().map(count).sum());
    ("204 No Content", String::new())
}
