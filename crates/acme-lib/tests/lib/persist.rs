//! Entries that outlive the process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use acme_lib::persist::{FilePersist, MemoryPersist, Persist, PersistKey, PersistKind};
use acme_lib::{Account, Error, Identifier, KeyType, Result};
use acme_testca::Operation;
use tempfile::TempDir;

use crate::world::{self, EMAIL};

/// What acme-lib 0.9.1 wrote; see `tests/data/README.md`.
fn old_store() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/old-store")
}

/// A copy of the old store, to be written to.
fn copy_of_old_store() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(old_store()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn key(kind: PersistKind, name: &str) -> PersistKey<'_> {
    PersistKey::new(EMAIL, kind, name)
}

#[test]
fn the_files_are_named_as_the_old_library_named_them() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path());
    persist.put(&key(PersistKind::AccountPrivateKey, "acme_account"), b"").unwrap();
    for name in ["p256.example.com", "p384.example.com", "*.rsa.example.com"] {
        persist.put(&key(PersistKind::PrivateKey, name), b"").unwrap();
        persist.put(&key(PersistKind::Certificate, name), b"").unwrap();
    }
    assert_eq!(names(directory.path()), names(&old_store()));
    // SipHash-1-3 of the realm, with a zero key.
    assert_eq!(key(PersistKind::Certificate, "a").realm, 8_932_965_560_315_631_360);
}

#[test]
fn the_old_account_is_used_and_its_certificates_are_found() {
    let store = copy_of_old_store();
    let before = names(store.path());
    let ca = world::gentle().start().unwrap();
    let account = world::directory(&ca, FilePersist::new(store.path())).account(EMAIL).unwrap();
    assert_eq!(names(store.path()), before, "a new key was made");
    let old_key = fs::read(store.path().join("8932965560315631360_key_acme_account.key")).unwrap();
    let old_key = acme_keys::AccountKey::from_pem(old_key).unwrap();
    assert_eq!(account.acme_private_key_pem(), old_key.to_pem().expose());
    for (name, key_type) in [
        ("p256.example.com", KeyType::EcdsaP256),
        ("p384.example.com", KeyType::EcdsaP384),
        ("*.rsa.example.com", KeyType::Rsa2048),
    ] {
        let certificate = account.certificate(name).unwrap().unwrap_or_else(|| panic!("{name} is lost"));
        assert_eq!(certificate.info().names, [name.parse::<Identifier>().unwrap()]);
        assert_eq!(certificate.chain_der().len(), 2);
        let key = acme_keys::CertificateKey::from_pem(certificate.private_key()).unwrap();
        assert_eq!(key.key_type(), key_type);
    }
    // And it is replaced by the new one.
    let certificate = world::certificate(&account, "p256.example.com", &[]);
    assert_eq!(account.certificate("p256.example.com").unwrap(), Some(certificate));
    assert_eq!(names(store.path()), before);
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path());
    for name in ["../escape", "a/b", "/etc/passwd", "nul\0"] {
        let key = key(PersistKind::Certificate, name);
        assert!(matches!(persist.put(&key, b"x"), Err(Error::PersistKey(found)) if found == name));
        assert!(matches!(persist.get(&key), Err(Error::PersistKey(_))), "{name}");
    }
    assert!(names(directory.path()).is_empty());
}

#[test]
fn keys_are_for_their_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    let account = world::directory(&ca, FilePersist::new(directory.path())).account(EMAIL).unwrap();
    world::certificate(&account, "example.com", &[]);
    let files = names(directory.path());
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let mode = mode(&directory.path().join(&file));
        match file.ends_with(".key") {
            true => assert_eq!(mode, 0o600, "{file}"),
            // What the umask leaves of 0644.
            false => assert_eq!(mode & !0o644, 0, "{file}"),
        }
    }
}

#[test]
fn what_can_not_be_read_is_not_absent() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path());
    let entry = key(PersistKind::AccountPrivateKey, "acme_account");
    assert_eq!(persist.get(&entry).unwrap(), None);
    let file = directory.path().join("8932965560315631360_key_acme_account.key");
    fs::create_dir(&file).unwrap();
    let error = persist.get(&entry).unwrap_err();
    assert!(matches!(&error, Error::Persist { path, .. } if *path == file), "{error:?}");
    // No account is made then.
    let ca = world::gentle().start().unwrap();
    let store = world::directory(&ca, persist.clone());
    assert!(store.account(EMAIL).is_err());
    assert_eq!(world::count(&ca, Operation::NewAccount), 0);
    // Nor can it be written, and nothing is left beside it.
    fs::write(file.join("full"), b"").unwrap();
    assert!(persist.put(&entry, b"key").is_err());
    assert_eq!(names(directory.path()).len(), 1);
}

#[test]
fn a_key_that_is_damaged_is_an_error_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path());
    let entry = key(PersistKind::AccountPrivateKey, "acme_account");
    persist.put(&entry, b"").unwrap();
    let ca = world::gentle().start().unwrap();
    assert!(matches!(world::directory(&ca, persist.clone()).account(EMAIL), Err(Error::Key(_))));
    assert_eq!(ca.counts().accounts, 0);
    assert_eq!(persist.get(&entry).unwrap(), Some(Vec::new()));
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path().join("missing"));
    assert!(persist.put(&key(PersistKind::Certificate, "a"), b"").is_err());
}

#[test]
fn two_at_once_keep_whole_values() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (FilePersist::new(directory.path()), FilePersist::new(directory.path()));
    let write = |persist: &FilePersist, octet: u8| {
        for _ in 0..50 {
            persist.put(&key(PersistKind::Certificate, "a"), &vec![octet; 10_000]).unwrap();
            let found = persist.get(&key(PersistKind::Certificate, "a")).unwrap().unwrap();
            assert!(found.len() == 10_000 && found.iter().all(|octet| *octet == found[0]));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write(&one, 1));
        scope.spawn(|| write(&two, 2));
    });
    assert_eq!(names(directory.path()).len(), 1);
}

/// 255 octets is what file systems take.
#[test]
fn a_long_name_fits() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path());
    let name = format!("{0}.{0}.{0}.example", "a".repeat(63));
    let entry = key(PersistKind::Certificate, &name);
    assert!(name.parse::<Identifier>().is_ok());
    persist.put(&entry, b"chain").unwrap();
    assert_eq!(persist.get(&entry).unwrap().unwrap(), b"chain");
    let name = "a".repeat(255 - "8932965560315631360_crt_.crt".len());
    persist.put(&key(PersistKind::Certificate, &name), b"chain").unwrap();
}

/// A file that was there with other rights, and one that a crash left beside it.
#[test]
fn a_key_is_for_its_owner_only_whatever_was_there_before() {
    let directory = tempfile::tempdir().unwrap();
    let persist = FilePersist::new(directory.path());
    let entry = key(PersistKind::PrivateKey, "example.com");
    persist.put(&entry, b"old").unwrap();
    let file = directory.path().join(&names(directory.path())[0]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let elsewhere = directory.path().join("elsewhere");
    for count in 0..500 {
        let name = directory.path().join(format!(".acme-lib-{}-{count}.tmp", std::process::id()));
        std::os::unix::fs::symlink(&elsewhere, name).unwrap();
    }
    persist.put(&entry, b"new").unwrap();
    assert!(!elsewhere.exists(), "the key was written through a link");
    assert!(!fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!((mode(&file), fs::read(&file).unwrap()), (0o600, b"new".to_vec()));
}

/// Its key's file would be that of the account's key.
#[test]
fn a_certificate_for_acme_account_leaves_the_account_alone() {
    let directory = tempfile::tempdir().unwrap();
    let ca = world::gentle().start().unwrap();
    check_acme_account(&ca, FilePersist::new(directory.path()));
    check_acme_account(&ca, MemoryPersist::new());
}

fn check_acme_account<P: Persist>(ca: &acme_testca::TestCa, persist: P) {
    let store = world::directory(ca, persist);
    let account = store.account(EMAIL).unwrap();
    let certificate = world::certificate(&account, "acme.account", &[]);
    assert_eq!(store.account(EMAIL).unwrap().url(), account.url());
    assert_eq!(account.certificate("acme.account").unwrap(), Some(certificate));
}

/// A place that takes keys, and chains only as often as it is told.
#[derive(Clone)]
struct Stubborn {
    inner: MemoryPersist,
    chains: std::sync::Arc<Mutex<usize>>,
}

impl Persist for Stubborn {
    fn put(&self, key: &PersistKey<'_>, value: &[u8]) -> Result<()> {
        if key.kind == PersistKind::Certificate {
            let mut chains = self.chains.lock().unwrap();
            *chains = chains.checked_sub(1).ok_or("the disk is full")?;
        }
        self.inner.put(key, value)
    }

    fn get(&self, key: &PersistKey<'_>) -> Result<Option<Vec<u8>>> {
        self.inner.get(key)
    }
}

/// Key and chain are two entries: a chain that can't be kept must not leave the old one with a key
/// that is not its own.
#[test]
fn a_chain_that_can_not_be_kept_leaves_the_old_pair() {
    let ca = world::gentle().start().unwrap();
    let persist = Stubborn { inner: MemoryPersist::new(), chains: std::sync::Arc::new(Mutex::new(1)) };
    let account: Account<Stubborn> = world::directory(&ca, persist).account(EMAIL).unwrap();
    let first = world::certificate(&account, "example.com", &[]);
    let order = world::prove(account.new_order("example.com", &[]).unwrap());
    let order = order.finalize_pkey(acme_lib::create_p256_key(), 1).unwrap();
    let error = order.download_and_save_cert().unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
    assert_eq!(account.certificate("example.com").unwrap(), Some(first));
}
