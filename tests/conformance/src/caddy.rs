//! Debian's `caddy`, whose module `acme_server` is a CA.
//!
//! It validates at ports 80 and 443 of what the system's resolver says, so it runs in a
//! [`namespace`](crate::namespace).

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The name of the CA, which the hosts file of the namespace must have.
pub const NAME: &str = "ca.example.test";

/// How long it may take until it listens.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// In a namespace every port is free.
const PORT: u16 = 9443;

/// A running Caddy; it ends when this is dropped.
#[derive(Debug)]
pub struct Caddy {
    child: Child,
    directory: TempDir,
}

impl Caddy {
    /// Starts it, and returns when it answers.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start() -> io::Result<Self> {
        let directory = TempDir::new()?;
        let config = directory.path().join("caddy.json");
        fs::write(&config, configuration())?;
        let child = Command::new("caddy")
            .arg("run")
            .arg("--config")
            .arg(config)
            .env("HOME", directory.path())
            .env("XDG_DATA_HOME", directory.path().join("data"))
            .env("XDG_CONFIG_HOME", directory.path().join("config"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let caddy = Self { child, directory };
        let end = Instant::now() + TIME_LIMIT;
        while !caddy.is_ready() {
            if Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::yield_now();
        }
        Ok(caddy)
    }

    /// The URL of its directory.
    #[must_use]
    pub fn directory_url(&self) -> String {
        format!("https://{NAME}:{PORT}/acme/local/directory")
    }

    /// The file with the root that its own certificate and those it issues end in.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.directory.path().join("data/caddy/pki/authorities/local/root.crt")
    }

    /// What is in that file.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn root_pem(&self) -> io::Result<Vec<u8>> {
        fs::read(self.root_file())
    }

    /// It obtains its own certificate from itself before it can speak TLS.
    fn is_ready(&self) -> bool {
        let certificate = format!("data/caddy/certificates/local/{NAME}/{NAME}.crt");
        self.root_file().exists()
            && self.directory.path().join(certificate).exists()
            && TcpStream::connect((NAME, PORT)).is_ok()
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn configuration() -> String {
    format!(
        r#"{{
        "admin": {{"disabled": true}},
        "apps": {{
            "pki": {{"certificate_authorities": {{"local": {{"install_trust": false}}}}}},
            "tls": {{
                "automation": {{"policies": [{{"subjects": ["{NAME}"], "issuers": [{{"module": "internal"}}]}}]}},
                "certificates": {{"automate": ["{NAME}"]}}
            }},
            "http": {{"http_port": 8080, "https_port": {PORT}, "servers": {{"ca": {{
                "listen": ["127.0.0.1:{PORT}"],
                "automatic_https": {{"disable_redirects": true}},
                "routes": [{{"match": [{{"host": ["{NAME}"]}}], "handle": [{{"handler": "acme_server"}}]}}],
                "tls_connection_policies": [{{}}]
            }}}}}}
        }}}}"#
    )
}
