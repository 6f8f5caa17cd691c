//! Primary name servers that take dynamic updates: Debian's `bind9`, `knot` and `pdns-server`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tempfile::TempDir;

/// The name of the key that may change TXT records.
pub const KEY: &str = "acme-key";
/// Its secret.
pub const SECRET: &str = "dGhlLXNlY3JldC1vZi10aGUtdGVzdHMtb2YtdXBkYXRlcw==";

/// How long a server may take to answer.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A program that serves zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// BIND's `named`.
    Bind,
    /// Knot's `knotd`.
    Knot,
    /// PowerDNS's `pdns_server`.
    PowerDns,
}

/// A zone, and where it is served.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The zone's name.
    pub zone: &'a str,
    /// Its records besides the SOA record, as a master file has them.
    pub records: &'a str,
    /// Where it is served.
    pub address: SocketAddr,
    /// Who is told of changes.
    pub notify: Option<SocketAddr>,
}

/// A running server with one zone; it ends when this is dropped.
#[derive(Debug)]
pub struct NameServer {
    child: Child,
    address: SocketAddr,
    zone: String,
    directory: TempDir,
}

impl NameServer {
    /// Starts a primary, and returns when it answers.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn primary(program: Program, setup: &Setup<'_>) -> io::Result<Self> {
        Self::start(setup, |path, key| match program {
            Program::Bind => bind(path, setup, key, "recursion no;"),
            Program::Knot => knot_primary(path, setup),
            Program::PowerDns => power_dns(path, setup),
        })
    }

    /// Starts a program with the zone and the key in its directory.
    fn start(setup: &Setup<'_>, spawn: impl FnOnce(&Path, &str) -> io::Result<Child>) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let path = directory.path();
        let (zone, records) = (setup.zone, setup.records);
        let soa = format!("$TTL 60\n@ SOA ns1.{zone}. hostmaster.{zone}. 1 3600 600 86400 60\n");
        fs::write(path.join("zone"), format!("$ORIGIN {zone}.\n{soa}{records}\n"))?;
        let key = format!("key \"{KEY}\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n");
        fs::write(path.join("acme.key"), &key)?;
        let child = spawn(path, &key)?;
        Self { child, address: setup.address, zone: zone.to_owned(), directory }.started()
    }

    /// Starts BIND as a primary that resolves other names too, as far as its zone leads to their
    /// servers, and returns when it answers. It asks from its own address.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn resolving(setup: &Setup<'_>) -> io::Result<Self> {
        Self::start(setup, |path, key| bind(path, setup, key, &recursion(setup)))
    }

    /// Starts Knot as a secondary of a primary. It asks the primary when it is told of a change, and
    /// not before an hour otherwise.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn secondary(zone: &str, address: SocketAddr, primary: SocketAddr) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let child = knot_secondary(directory.path(), zone, address, primary)?;
        Self { child, address, zone: zone.to_owned(), directory }.started()
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file with the key, as `tsig-keygen` writes it; primaries have one.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.directory.path().join("acme.key")
    }

    /// The TXT values at a name, in order.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn texts(&self, name: &str) -> io::Result<Vec<String>> {
        let answer = ask(self.address, name, RecordType::TXT)?;
        let text = |data: &RData| {
            let RData::TXT(text) = data else { return None };
            Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned())
        };
        let mut texts: Vec<_> = answer.answers.iter().filter_map(|record| text(&record.data)).collect();
        texts.sort_unstable();
        Ok(texts)
    }

    fn started(mut self) -> io::Result<Self> {
        let end = Instant::now() + TIME_LIMIT;
        loop {
            let answer = ask(self.address, &self.zone, RecordType::SOA);
            let is_ready = |answer: Message| {
                answer.metadata.authoritative && answer.metadata.response_code == ResponseCode::NoError
            };
            if answer.is_ok_and(is_ready) {
                return Ok(self);
            }
            if Instant::now() > end || self.child.try_wait()?.is_some() {
                let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
                return Err(io::Error::new(io::ErrorKind::TimedOut, log));
            }
            thread::yield_now();
        }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago at some addresses of the loopback network, which are 127.0.0.1
/// and so on.
///
/// # Errors
/// When none is.
pub fn free_port(addresses: u8) -> io::Result<u16> {
    for _ in 0..PORT_TRIES {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let is_free = |last| {
            let address = (Ipv4Addr::new(127, 0, 0, last), port);
            TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
        };
        if (1..=addresses).all(is_free) {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

const PORT_TRIES: u32 = 50;

/// Asks a server over TCP, which has room for every answer.
fn ask(server: SocketAddr, name: &str, kind: RecordType) -> io::Result<Message> {
    let mut message = Message::query();
    let mut name = Name::from_ascii(name).map_err(io::Error::other)?;
    name.set_fqdn(true);
    message.add_query(Query::query(name, kind));
    let octets = message.to_vec().map_err(io::Error::other)?;
    let length = u16::try_from(octets.len()).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.write_all(&[length.to_be_bytes().as_slice(), &octets].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer)?;
    Message::from_vec(&answer).map_err(io::Error::other)
}

/// BIND's options where it resolves: the zones that it has of itself are not to be in the way, nor
/// questions for less than the name.
fn recursion(setup: &Setup<'_>) -> String {
    let ip = setup.address.ip();
    format!("recursion yes; query-source address {ip}; qname-minimization off; empty-zones-enable no;")
}

fn bind(path: &Path, setup: &Setup<'_>, key: &str, recursion: &str) -> io::Result<Child> {
    let (ip, port, zone, file) = (setup.address.ip(), setup.address.port(), setup.zone, path.join("zone"));
    let told = setup.notify.map(|to| format!("also-notify {{ {} port {}; }};", to.ip(), to.port()));
    let notify = if told.is_some() { "explicit" } else { "no" };
    let config = format!(
        "options {{ directory {path:?}; listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; lock-file none; {recursion} dnssec-validation no;\n\
         notify {notify}; notify-delay 0; }};\ncontrols {{ }};\n{key}\
         zone \"{zone}\" {{ type primary; file {file:?}; allow-transfer {{ 127.0.0.0/8; }}; {}\n\
         update-policy {{ grant {KEY} zonesub TXT; }}; }};\n",
        told.unwrap_or_default()
    );
    fs::write(path.join("named.conf"), config)?;
    spawn(Command::new("named").args(["-f", "-g", "-n", "1", "-c"]).arg(path.join("named.conf")), path)
}

fn knot_primary(path: &Path, setup: &Setup<'_>) -> io::Result<Child> {
    let (remotes, notify) = match setup.notify {
        Some(to) => (remote(to), "    notify: other\n"),
        None => (String::new(), ""),
    };
    let rules = format!(
        "{remotes}key:\n  - id: {KEY}\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
         acl:\n  - id: change\n    key: {KEY}\n    action: update\n    update-type: TXT\n\
         \x20 - id: copy\n    address: 127.0.0.0/8\n    action: transfer\n"
    );
    let more = format!("    file: zone\n    zonefile-load: difference\n    acl: [change, copy]\n{notify}");
    knot(path, setup.address, &rules, setup.zone, &more)
}

fn knot_secondary(path: &Path, zone: &str, address: SocketAddr, primary: SocketAddr) -> io::Result<Child> {
    let rules =
        format!("{}acl:\n  - id: news\n    address: 127.0.0.0/8\n    action: notify\n", remote(primary));
    knot(path, address, &rules, zone, "    master: other\n    acl: news\n")
}

fn remote(address: SocketAddr) -> String {
    format!("remote:\n  - id: other\n    address: {}@{}\n", address.ip(), address.port())
}

fn knot(path: &Path, address: SocketAddr, rules: &str, zone: &str, more: &str) -> io::Result<Child> {
    let (directory, ip, port) = (path.display(), address.ip(), address.port());
    let config = format!(
        "server:\n    rundir: {directory}\n    listen: {ip}@{port}\n    udp-workers: 1\n    tcp-workers: 1\n    \
         background-workers: 1\ndatabase:\n    storage: {directory}\n{rules}\
         zone:\n  - domain: {zone}\n    storage: {directory}\n    journal-content: all\n    \
         zonefile-sync: -1\n{more}"
    );
    fs::write(path.join("knot.conf"), config)?;
    spawn(Command::new("knotd").arg("-c").arg(path.join("knot.conf")), path)
}

fn power_dns(path: &Path, setup: &Setup<'_>) -> io::Result<Child> {
    let (directory, zone) = (path.display(), setup.zone);
    let (ip, port) = (setup.address.ip(), setup.address.port());
    let notify = setup.notify.map(|to| format!("also-notify={to}\nonly-notify=\n")).unwrap_or_default();
    let config = format!(
        "launch=gsqlite3\ngsqlite3-database={directory}/zones.db\nsocket-dir={directory}\n\
         local-address={ip}\nlocal-port={port}\nquery-local-address={ip}\nprimary=yes\n{notify}\
         dnsupdate=yes\nallow-dnsupdate-from=127.0.0.0/8\nallow-axfr-ips=127.0.0.0/8\n\
         daemon=no\nguardian=no\nsecurity-poll-suffix=\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\n\
         zone-cache-refresh-interval=0\n"
    );
    fs::write(path.join("pdns.conf"), config)?;
    run(Command::new("sqlite3").arg(path.join("zones.db")).stdin(fs::File::open(SCHEMA)?))?;
    let config = format!("--config-dir={directory}");
    let file = path.join("zone").display().to_string();
    for arguments in [
        vec!["load-zone", zone, &file],
        vec!["set-kind", zone, "master"],
        vec!["import-tsig-key", KEY, "hmac-sha256", SECRET],
        vec!["set-meta", zone, "TSIG-ALLOW-DNSUPDATE", KEY],
        vec!["set-meta", zone, "NOTIFY-DNSUPDATE", "1"],
    ] {
        run(Command::new("pdnsutil").arg(&config).args(arguments))?;
    }
    spawn(Command::new("pdns_server").arg(&config), path)
}

fn spawn(command: &mut Command, path: &Path) -> io::Result<Child> {
    let log = fs::File::create(path.join("log"))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{command:?}: {told}")))
}

const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
