//! What the tests have in common.

use std::error::Error as StdError;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use acme_proto::{Challenge, Checkpoint, Identifier, Intent, SecretText};
use acme_store::{CaSettings, CertificateName, Publication, Settings, Store, Timestamp};
use tempfile::TempDir;

pub(crate) const DIRECTORY_URL: &str = "https://ca.example/directory";

/// A store in a directory of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) dir: PathBuf,
    parent: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        Self { store: Store::open(&dir).unwrap(), dir, parent }
    }

    /// A store with a certificate that has so many generations.
    pub(crate) fn published(generations: u32) -> Self {
        let fixture = Self::new();
        fixture.store.create_certificate(&name(), &settings(), at(0)).unwrap();
        for number in 1..=generations {
            fixture.store.publish(&name(), &publication(number), at(number.into())).unwrap();
        }
        fixture
    }

    /// The store, its directory, and what removes that.
    pub(crate) fn into_parts(self) -> (Store, PathBuf, TempDir) {
        (self.store, self.dir, self.parent)
    }

    /// The same directory, as the next process sees it.
    pub(crate) fn reopen(&self) -> Store {
        Store::open(&self.dir).unwrap()
    }

    pub(crate) fn lineage(&self) -> PathBuf {
        self.dir.join("certs/example.com")
    }

    pub(crate) fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.dir.join("acme.db")).unwrap().execute_batch(sql).unwrap();
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn name() -> CertificateName {
    CertificateName::new("example.com").unwrap()
}

pub(crate) fn identifier(text: &str) -> Identifier {
    text.parse().unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings::new(vec![identifier("example.com")], CaSettings::new(DIRECTORY_URL))
}

pub(crate) fn certificate_pem(text: &str) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

pub(crate) fn key_pem(number: u32) -> String {
    format!("-----BEGIN PRIVATE KEY-----\nkey{number}\n-----END PRIVATE KEY-----\n")
}

pub(crate) fn publication(number: u32) -> Publication {
    Publication {
        certificate_pem: certificate_pem(&format!("leaf{number}")),
        chain_pem: certificate_pem(&format!("issuer{number}")),
        private_key_pem: Some(SecretText::new(key_pem(number))),
        key_gid: None,
        serial: format!("0{number}"),
        issuer: "Test CA".into(),
        names: vec![identifier("example.com")],
        not_before: at(0),
        not_after: at(90 * 86_400),
        due: at(60 * 86_400),
    }
}

pub(crate) fn challenge(token: &str) -> Challenge {
    serde_json::from_value(serde_json::json!({
        "identifier": {"type": "dns", "value": "example.com"},
        "wildcard": false,
        "kind": "http-01",
        "url": format!("https://ca.example/challenge/{token}"),
        "token": token,
        "key_authorization": format!("{token}.thumbprint"),
        "digest": vec![0; 32],
    }))
    .unwrap()
}

pub(crate) fn checkpoint(tokens: &[&str]) -> Checkpoint {
    let key = SecretText::new(key_pem(0));
    let mut checkpoint =
        Checkpoint::new(Intent::new(vec![identifier("example.com")], vec![1, 2, 3], Some(key)));
    checkpoint.order_url = Some("https://ca.example/order/1".into());
    checkpoint.presented = tokens.iter().map(|token| challenge(token)).collect();
    checkpoint
}

pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The names in a directory, sorted.
pub(crate) fn entries(dir: impl AsRef<Path>) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The error and its causes, as a command prints them.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Checks that what is under `current` belongs together, and returns its number.
pub(crate) fn served_generation(lineage: &Path) -> u32 {
    let current = lineage.join("current");
    let number: u32 = fs::read_link(&current).unwrap().to_str().unwrap().parse().unwrap();
    let read = |file: &str| fs::read_to_string(current.join(file)).unwrap();
    let expected = publication(number);
    assert_eq!(read("cert.pem"), expected.certificate_pem);
    assert_eq!(read("chain.pem"), expected.chain_pem);
    assert_eq!(read("fullchain.pem"), expected.full_chain_pem());
    assert_eq!(read("privkey.pem"), key_pem(number));
    assert_eq!(read("combined.pem"), key_pem(number) + &expected.full_chain_pem());
    number
}

/// Runs one of the `child_…` tests as another process.
pub(crate) fn spawn(test: &str, dir: &Path) -> Child {
    child(Command::new(std::env::current_exe().unwrap()), test, dir).spawn().unwrap()
}

/// Makes one of the `child_…` tests the last arguments of a command.
pub(crate) fn child(mut command: Command, test: &str, dir: &Path) -> Command {
    command
        .args(["--exact", "--nocapture", "--quiet", test])
        .env(CHILD, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Lets a child go on.
pub(crate) fn release(child: &mut Child) {
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
}

/// The directory that a parent gave this process; `None` in an ordinary run of the tests.
pub(crate) fn given_directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Tells the parent something.
#[expect(clippy::print_stdout, reason = "it is what the parent reads")]
pub(crate) fn tell(text: &str) {
    println!("{text}");
    std::io::stdout().flush().unwrap();
}

/// Waits until the parent lets this process go on.
pub(crate) fn wait_for_release() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

const CHILD: &str = "ACME_STORE_TEST_CHILD";
