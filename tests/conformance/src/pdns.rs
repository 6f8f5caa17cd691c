//! Debian's `pdns-server`: PowerDNS's authoritative server, with its HTTP API.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The key of the API.
pub const API_KEY: &str = "the-key-of-the-api";
/// How long the server may take to answer.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A running server with one zone; it ends when this is dropped.
#[derive(Debug)]
pub struct PowerDns {
    child: Child,
    dns_port: u16,
    api_port: u16,
    _directory: TempDir,
}

impl PowerDns {
    /// Starts it on free ports with a zone, and returns when it answers.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(zone: &str) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let (dns_port, api_port) = (free_port()?, free_port()?);
        configure(directory.path(), dns_port, api_port)?;
        run(Command::new("sqlite3").arg(directory.path().join("zones.db")).stdin(fs::File::open(SCHEMA)?))?;
        let config = format!("--config-dir={}", directory.path().display());
        run(Command::new("pdnsutil").args([&config, "create-zone", zone, "ns1.example.net"]))?;
        let child = Command::new("pdns_server")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self { child, dns_port, api_port, _directory: directory };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// The URL of its webserver.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    /// Where it answers DNS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.dns_port).into()
    }

    /// Asks its API for something.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.api_port))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {API_KEY}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    }

    fn wait_until_it_answers(&mut self) -> io::Result<()> {
        let end = Instant::now() + TIME_LIMIT;
        while !self.ask("GET", "/api/v1/servers/localhost", "").is_ok_and(|reply| reply.contains(" 200 ")) {
            if Instant::now() > end || self.child.try_wait()?.is_some() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for PowerDns {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

/// A port that was free a moment ago: the server has to be told one.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn configure(directory: &Path, dns_port: u16, api_port: u16) -> io::Result<()> {
    let path = directory.display();
    let config = format!(
        "launch=gsqlite3\ngsqlite3-database={path}/zones.db\nsocket-dir={path}\n\
         local-address=127.0.0.1\nlocal-port={dns_port}\n\
         api=yes\napi-key={API_KEY}\nwebserver=yes\nwebserver-address=127.0.0.1\nwebserver-port={api_port}\n\
         daemon=no\nguardian=no\nsecurity-poll-suffix=\n\
         dnsupdate=yes\nallow-dnsupdate-from=127.0.0.1\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\n"
    );
    fs::write(directory.join("pdns.conf"), config)
}

const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
