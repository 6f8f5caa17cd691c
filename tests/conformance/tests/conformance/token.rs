//! Keys in a PKCS#11 token: SoftHSM's.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use acme_testca::TestCa;
use tempfile::TempDir;

#[test]
fn both_libraries_use_the_account_and_the_key_of_one_token() {
    let ca = ca();
    let token = SoftToken::new();
    let mut keys = Vec::new();
    // Each is a new process: what it finds is in the token.
    for library in ["acme-lib", "acme-tokio", "acme-lib"] {
        let output = token.run(&ca, library, MODULES, LABEL, PIN);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let certified = token.openssl(&["x509", "-in", "chain.pem", "-noout", "-pubkey"]);
        assert_eq!(certified, token.openssl(&["pkey", "-pubin", "-inform", "DER", "-in", "key.der"]));
        assert!(certified.starts_with("-----BEGIN PUBLIC KEY-----"), "{certified}");
        keys.push(certified);
        fs::remove_file(token.directory.path().join("chain.pem")).unwrap();
    }
    assert_eq!((&keys[1], &keys[2]), (&keys[0], &keys[0]));
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn each_token_has_keys_of_its_own() {
    let ca = ca();
    let [one, other] = [SoftToken::new(), SoftToken::new()];
    for token in [&one, &other] {
        assert!(token.run(&ca, "acme-lib", MODULES, LABEL, PIN).status.success());
    }
    let key = |token: &SoftToken| fs::read(token.directory.path().join("key.der")).unwrap();
    assert_ne!(key(&one), key(&other));
    assert_eq!(ca.counts().accounts, 2);
}

#[test]
fn what_keeps_a_token_from_being_used_is_said() {
    let ca = ca();
    let token = SoftToken::new();
    let error = |modules: &[&str], label, pin| {
        let output = token.run(&ca, "acme-lib", modules, label, pin);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(error(MODULES, LABEL, "1235"), "the PIN of the token is wrong\n");
    assert_eq!(error(MODULES, "lost", PIN), "there is no token 'lost'; there are: [acme]\n");
    let no_module = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let said = error(&[no_module], LABEL, PIN);
    assert!(said.starts_with(&format!("the PKCS#11 module {no_module} can't be loaded\n")), "{said}");
    assert_eq!(ca.counts().accounts, 0);
}

fn ca() -> TestCa {
    TestCa::builder().gentle().always_valid().start().unwrap()
}

/// A directory with a token in software, and what the program writes beside it.
struct SoftToken {
    directory: TempDir,
}

impl SoftToken {
    fn new() -> Self {
        let token = Self { directory: TempDir::new().unwrap() };
        let tokens = token.directory.path().join("tokens");
        fs::create_dir(&tokens).unwrap();
        let settings = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
        fs::write(token.directory.path().join(SETTINGS), settings).unwrap();
        let output = token
            .command("softhsm2-util")
            .args(["--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", PIN])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        token
    }

    /// Runs the program with the first module that is there.
    fn run(&self, ca: &TestCa, library: &str, modules: &[&str], label: &str, pin: &str) -> Output {
        let root = self.directory.path().join("root.pem");
        fs::write(&root, ca.root_pem()).unwrap();
        let module = modules.iter().find(|module| Path::new(module).exists()).unwrap();
        self.command(env!("CARGO_BIN_EXE_token"))
            .args([library, module, label, pin, ca.directory_url()])
            .arg(root)
            .output()
            .unwrap()
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let output = self.command("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path()).env("SOFTHSM2_CONF", self.directory.path().join(SETTINGS));
        command
    }
}

const LABEL: &str = "acme";
const PIN: &str = "1234";
const SETTINGS: &str = "softhsm2.conf";

/// Where distributions put it.
const MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];
