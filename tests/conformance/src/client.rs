//! ACME clients of other people's, as they come, against the test CA.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use acme_testca::{Config, Issued, TestCa};
use tempfile::TempDir;

use crate::web::Web;

/// The names that each client asks a certificate for, the first one first.
pub const NAMES: [&str; 2] = ["www.example.test", "example.test"];

/// The test CA, a web server at which it looks for http-01, and a directory for one client.
#[derive(Debug)]
pub struct World {
    ca: TestCa,
    web: Web,
    directory: TempDir,
}

impl World {
    /// Starts a CA and a web server on free ports.
    ///
    /// # Errors
    /// When one of them can't be started.
    pub fn start(config: Config) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let web_root = directory.path().join(WEB_ROOT);
        fs::create_dir_all(web_root.join(CHALLENGES))?;
        let web = Web::start(&web_root)?;
        let ca = TestCa::builder().config(config).http_port(web.port()).start().map_err(io::Error::other)?;
        fs::write(directory.path().join(ROOT), ca.root_pem())?;
        Ok(Self { ca, web, directory })
    }

    /// The CA.
    #[must_use]
    pub fn ca(&self) -> &TestCa {
        &self.ca
    }

    /// A path inside the client's directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory that the web server serves as `/`.
    #[must_use]
    pub fn web_root(&self) -> PathBuf {
        self.path(WEB_ROOT)
    }

    /// The file with what a client must trust.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.path(ROOT)
    }

    /// The port at which the CA looks for http-01.
    #[must_use]
    pub fn http_port(&self) -> u16 {
        self.web.port()
    }

    /// A call of a program that may take a while and no more, with the variables in which clients
    /// look for roots to trust, and with a home of its own.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("timeout");
        command.arg(TIME_LIMIT_SECONDS).arg(program.as_ref());
        command.current_dir(self.directory.path()).env("HOME", self.directory.path());
        for name in ROOT_VARIABLES {
            command.env(name, self.root_file());
        }
        command
    }

    /// Runs a call that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn expect(&self, command: &mut Command) {
        let output = run(command);
        assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
    }

    /// Runs a call that must fail, and returns what it printed.
    ///
    /// # Panics
    /// When it succeeds.
    pub fn expect_failure(&self, command: &mut Command) -> String {
        let output = run(command);
        assert!(!output.status.success(), "{command:?} succeeded\n{}", text(&output));
        text(&output)
    }

    /// Checks what the CA remembers of a client that got a certificate, renewed it, and revoked
    /// what it got last.
    ///
    /// # Panics
    /// When it remembers anything else.
    pub fn expect_issued_renewed_and_revoked(&self) {
        let issued = self.ca.issued();
        let [first, second] = issued.as_slice() else {
            panic!("not two certificates, but {}: {issued:?}", issued.len());
        };
        for certificate in [first, second] {
            assert_eq!(sorted(certificate), sorted_names());
        }
        assert_eq!(first.revoked, None);
        assert!(second.revoked.is_some(), "nothing is revoked");
        assert_ne!(first.serial, second.serial);
    }
}

fn sorted(certificate: &Issued) -> Vec<&str> {
    let mut names: Vec<&str> = certificate.names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn sorted_names() -> Vec<&'static str> {
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    names
}

fn run(command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?} can't be run: {error}"),
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

const WEB_ROOT: &str = "www";
const ROOT: &str = "root.pem";
const CHALLENGES: &str = ".well-known/acme-challenge";

/// The slowest client sleeps for half a minute.
const TIME_LIMIT_SECONDS: &str = "120";

/// curl; lego; Node.js; certbot and other Python; OpenSSL, Go and Rust.
const ROOT_VARIABLES: [&str; 5] =
    ["CURL_CA_BUNDLE", "LEGO_CA_CERTIFICATES", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];
