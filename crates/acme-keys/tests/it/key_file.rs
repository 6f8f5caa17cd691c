//! A key file, and the key that is to take its place: whatever a process leaves behind.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use acme_keys::{AccountKey, KeyFile};
use acme_proto::{Algorithm, Signer as _};
use tempfile::TempDir;

fn file() -> (TempDir, KeyFile) {
    let directory = tempfile::tempdir().unwrap();
    let file = KeyFile::new(directory.path().join("account.pem"));
    (directory, file)
}

fn key() -> AccountKey {
    AccountKey::generate(Algorithm::Es256).unwrap()
}

fn same(one: &AccountKey, other: &AccountKey) -> bool {
    one.public_key_der() == other.public_key_der()
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn key_takes_its_place_and_leaves_nothing_beside_it() {
    let (directory, file) = file();
    let (old, new) = (file.read_or_make().unwrap(), key());
    let change = file.begin_change(&new).unwrap();
    assert_eq!(names(&directory), ["account.pem", "account.pem.new"]);
    assert!(same(&file.read_or_make().unwrap(), &old) && same(&change.key().unwrap(), &new));
    change.commit().unwrap();
    assert!(same(&file.read_or_make().unwrap(), &new));
    file.begin_change(&old).unwrap().abandon().unwrap();
    assert!(same(&file.read_or_make().unwrap(), &new));
    assert_eq!(names(&directory), ["account.pem"]);
}

#[cfg(unix)]
#[test]
fn both_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (directory, file) = file();
    drop(file.read_or_make().unwrap());
    let change = file.begin_change(&key()).unwrap();
    assert_eq!(mode(&directory.path().join("account.pem.new")), 0o600);
    change.commit().unwrap();
    assert_eq!(mode(file.path()), 0o600);
}

#[test]
fn change_that_was_not_settled_is_found_by_the_next_process() {
    let (directory, file) = file();
    assert!(file.unsettled_change().unwrap().is_none());
    let (old, new) = (file.read_or_make().unwrap(), key());
    drop(file.begin_change(&new).unwrap());
    // It is there until somebody settles it, and nobody begins another one.
    assert_eq!(file.begin_change(&key()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(names(&directory), ["account.pem", "account.pem.new"]);
    let found = file.unsettled_change().unwrap().unwrap();
    assert!(same(&found.key().unwrap(), &new) && same(&file.read_or_make().unwrap(), &old));
    found.commit().unwrap();
    assert!(same(&file.read_or_make().unwrap(), &new));
    assert!(file.unsettled_change().unwrap().is_none());
}

/// Whoever changes the key right now settles it.
#[cfg(unix)]
#[test]
fn change_of_a_process_that_lives_is_left_alone() {
    let (directory, file) = file();
    drop(file.read_or_make().unwrap());
    let change = file.begin_change(&key()).unwrap();
    assert!(file.unsettled_change().unwrap().is_none());
    assert_eq!(file.begin_change(&key()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    change.commit().unwrap();
    assert_eq!(names(&directory), ["account.pem"]);
    let change = file.begin_change(&key()).unwrap();
    let again = KeyFile::new(file.path());
    drop(change);
    assert!(again.unsettled_change().unwrap().is_some());
}

/// Killed between the new place and the removal of the old one.
#[test]
fn change_that_came_as_far_as_the_new_place_is_over() {
    let (directory, file) = file();
    drop(file.read_or_make().unwrap());
    drop(file.begin_change(&key()).unwrap());
    fs::copy(directory.path().join("account.pem.new"), file.path()).unwrap();
    assert!(file.unsettled_change().unwrap().is_none());
    assert_eq!(names(&directory), ["account.pem"]);
}

#[test]
fn what_can_not_be_read_is_an_error_and_stays() {
    let (directory, file) = file();
    drop(file.read_or_make().unwrap());
    let beside = directory.path().join("account.pem.new");
    fs::write(&beside, "damaged").unwrap();
    let change = file.unsettled_change().unwrap().unwrap();
    assert_eq!(change.key().unwrap_err().kind(), ErrorKind::InvalidData);
    drop(change);
    assert_eq!(fs::read_to_string(&beside).unwrap(), "damaged");
    let missing = KeyFile::new(directory.path().join("missing/account.pem"));
    assert!(missing.read_or_make().is_err() && missing.begin_change(&key()).is_err());
}
