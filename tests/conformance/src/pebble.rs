//! Debian's `pebble`: Let's Encrypt's own test CA.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::dns::Dns;

/// How long one test may take before the server is taken to hang.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How often a test is tried: under concurrent requests Pebble locks itself up now and then.
const TRIES: u32 = 3;

/// A running Pebble; it ends when this is dropped.
#[derive(Debug)]
pub struct Pebble {
    child: Child,
    port: u16,
    http_port: u16,
    directory: TempDir,
    _dns: Dns,
}

/// How Pebble is to behave.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where it validates http-01.
    pub http_port: u16,
    /// Where it validates tls-alpn-01.
    pub tls_port: u16,
    /// The server of `_acme-challenge` names.
    pub dns: Option<SocketAddr>,
    /// How many of a hundred nonces it refuses; five, unless set.
    pub nonce_reject: Option<u8>,
    /// The ids and MAC keys that accounts have to be bound to, if there are any.
    pub external_accounts: Vec<(&'static str, &'static str)>,
    /// How many of a hundred valid authorizations it uses again; fifty, unless set.
    pub authorization_reuse: Option<u8>,
    /// How many roots it has besides the first one, each with a chain of its own.
    pub alternate_roots: u8,
}

impl Pebble {
    /// Starts it on free ports, and returns when it answers.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(settings: &Settings) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let dns = Dns::start(settings.dns)?;
        let port = free_port()?;
        let config = configure(directory.path(), port, settings)?;
        let mut command = Command::new("pebble");
        command
            .arg("-config")
            .arg(config)
            .arg("-dnsserver")
            .arg(dns.address().to_string())
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_ALTERNATE_ROOTS", settings.alternate_roots.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(percent) = settings.nonce_reject {
            command.env("PEBBLE_WFE_NONCEREJECT", percent.to_string());
        }
        if let Some(percent) = settings.authorization_reuse {
            command.env("PEBBLE_AUTHZREUSE", percent.to_string());
        }
        let mut pebble =
            Self { child: command.spawn()?, port, http_port: settings.http_port, directory, _dns: dns };
        pebble.wait_until_it_listens()?;
        Ok(pebble)
    }

    /// The URL of its directory.
    #[must_use]
    pub fn directory_url(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// Where it validates http-01.
    #[must_use]
    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    /// The file with the certificate that its HTTPS certificate ends in.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.directory.path().join("root.pem")
    }

    /// What is in that file.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn root_pem(&self) -> io::Result<Vec<u8>> {
        fs::read(self.root_file())
    }

    /// Its output says when it listens; from then on it has to be read, or it stops.
    fn wait_until_it_listens(&mut self) -> io::Result<()> {
        let output = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.contains("Listening on") {
                    let _ = sender.send(());
                }
            }
        });
        receiver.recv_timeout(TIME_LIMIT).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        let end = Instant::now() + TIME_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a test against a fresh Pebble. If it hangs, the test runs again against another one:
/// Pebble locks itself up now and then when orders and authorizations are asked for side by side.
///
/// # Panics
/// When the test panics, when Pebble can't be started, or when it hangs every time.
pub fn with(settings: &Settings, test: impl Fn(&Pebble) + Send + Clone + 'static) {
    for _ in 0..TRIES {
        let pebble =
            Pebble::start(settings).unwrap_or_else(|error| panic!("pebble can't be started: {error}"));
        let (sender, receiver) = mpsc::channel::<()>();
        let test = test.clone();
        let process = pebble.child.id();
        let thread = thread::spawn(move || {
            test(&pebble);
            // Pebble ends before the channel does.
            drop(pebble);
            drop(sender);
        });
        if receiver.recv_timeout(TIME_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            // The client gets an error when its server ends, and the thread with it.
            end(process);
            continue;
        }
        match thread.join() {
            Ok(()) => return,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    panic!("pebble hung {TRIES} times");
}

fn end(process: u32) {
    drop(Command::new("kill").arg("-KILL").arg(process.to_string()).status());
}

/// A port that was free a moment ago: Pebble has to be told one.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn configure(directory: &Path, port: u16, settings: &Settings) -> io::Result<PathBuf> {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_string(), "127.0.0.1".to_string()])
        .map_err(io::Error::other)?;
    let (root, key) = (directory.join("root.pem"), directory.join("key.pem"));
    fs::write(&root, certificate.cert.pem())?;
    fs::write(&key, certificate.signing_key.serialize_pem())?;
    let (http_port, tls_port, management_port) = (settings.http_port, settings.tls_port, free_port()?);
    let accounts = settings.external_accounts.iter().map(|(id, key)| format!("{id:?}: {key:?}"));
    let (accounts, is_bound) =
        (accounts.collect::<Vec<_>>().join(", "), !settings.external_accounts.is_empty());
    let config = format!(
        r#"{{"pebble": {{
            "listenAddress": "127.0.0.1:{port}",
            "managementListenAddress": "127.0.0.1:{management_port}",
            "certificate": {root:?}, "privateKey": {key:?},
            "httpPort": {http_port}, "tlsPort": {tls_port},
            "externalAccountBindingRequired": {is_bound}, "externalAccountMACKeys": {{{accounts}}}
        }}}}"#
    );
    let path = directory.join("pebble.json");
    fs::write(&path, config)?;
    Ok(path)
}
