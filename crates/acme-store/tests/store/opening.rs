//! Opening: what is made, what is refused, and what each refusal says.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use acme_store::{Error, Expected, Store};

use super::support::{
    Fixture, at, chain, child, entries, given_directory, mode, name, publication, set_mode, settings, tell,
};

#[test]
fn a_new_store_is_passable_and_its_database_private() {
    let fixture = Fixture::new();
    assert_eq!(mode(&fixture.dir), 0o755);
    for file in entries(&fixture.dir).iter().filter(|name| name.starts_with("acme.db")) {
        assert_eq!(mode(fixture.dir.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(fixture.dir.join("locks")), 0o700);
    assert_eq!(fixture.store.directory(), fixture.dir);
    assert!(fixture.store.opening().repairs.is_empty());
    fixture.store.verify().unwrap();
}

#[test]
fn directories_above_are_made_too() {
    let parent = tempfile::tempdir().unwrap();
    Store::open(parent.path().join("a/b/c")).unwrap();
    assert!(parent.path().join("a/b/c/acme.db").is_file());
}

#[test]
fn a_database_that_is_open_to_others_is_closed() {
    let fixture = Fixture::new();
    set_mode(fixture.dir.join("acme.db"), 0o644);
    fixture.reopen();
    assert_eq!(mode(fixture.dir.join("acme.db")), 0o600);
}

#[test]
fn reading_commands_make_nothing() {
    let parent = tempfile::tempdir().unwrap();
    for dir in [parent.path().join("absent"), parent.path().to_path_buf()] {
        let error = Store::open_existing(&dir).unwrap_err();
        assert!(matches!(&error, Error::Missing { dir: named } if *named == dir), "{error}");
        assert_eq!(error.to_string(), format!("there is no store in {}", dir.display()));
    }
    assert!(entries(parent.path()).is_empty());
}

#[test]
fn an_existing_store_opens_for_reading_commands() {
    let fixture = Fixture::published(1);
    let store = Store::open_existing(&fixture.dir).unwrap();
    assert!(store.certificate(&name()).unwrap().unwrap().current.is_some());
}

#[test]
fn a_foreign_directory_is_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("thesis.tex"), "").unwrap();
    let error = Store::open(parent.path()).unwrap_err();
    assert!(matches!(error, Error::ForeignDirectory { .. }));
    let expected =
        format!("{} is not a state directory: it has thesis.tex, but no acme.db", parent.path().display());
    assert_eq!(error.to_string(), expected);
    assert!(error.advice().unwrap().contains("empty directory"));
    assert_eq!(entries(parent.path()), ["thesis.tex"]);
}

#[test]
fn certificates_without_their_database_are_no_new_store() {
    let fixture = Fixture::published(1);
    fs::remove_file(fixture.dir.join("acme.db")).unwrap();
    assert!(matches!(Store::open(&fixture.dir), Err(Error::ForeignDirectory { .. })));
}

#[test]
fn an_empty_directory_becomes_a_store() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("lost+found")).unwrap();
    fs::create_dir(parent.path().join("dev-ca")).unwrap();
    Store::open(parent.path()).unwrap();
}

#[test]
fn a_crash_before_the_first_transaction_leaves_an_empty_file() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("acme.db"), "").unwrap();
    let store = Store::open(parent.path()).unwrap();
    store.create_certificate(&name(), &settings(), at(0)).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("acme.db");
    for content in ["short", &"not a database, but long enough to look like one\n".repeat(100)] {
        fs::write(&path, content).unwrap();
        let error = Store::open(parent.path()).unwrap_err();
        assert!(matches!(error, Error::NotADatabase { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("{} is not a database", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("acme.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let error = Store::open(parent.path()).unwrap_err();
    assert!(matches!(error, Error::NotAStore { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_database_is_refused_with_both_versions() {
    let fixture = Fixture::new();
    fixture.sql("PRAGMA user_version = 1000");
    let error = Store::open(&fixture.dir).unwrap_err();
    assert!(matches!(error, Error::NewerVersion { found: 1000, known: 2, .. }), "{error:?}");
    assert!(error.to_string().ends_with("has schema version 1000, this program knows versions up to 2"));
    assert!(error.advice().unwrap().contains("newer version"));
}

#[test]
fn a_database_of_version_0_is_migrated() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("acme.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("PRAGMA application_id = 0x41434d45; PRAGMA user_version = 0").unwrap();
    drop(old);
    let store = Store::open(parent.path()).unwrap();
    store.create_certificate(&name(), &settings(), at(0)).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let pragma = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((pragma("user_version"), pragma("application_id")), (2, 0x4143_4d45));
}

#[test]
fn a_database_of_version_1_is_migrated_with_what_is_in_it() {
    let fixture = Fixture::published(2);
    fixture.sql(
        "ALTER TABLE certificates DROP COLUMN renewal; DROP TABLE compromised_keys; PRAGMA user_version = 1",
    );
    let store = fixture.reopen();
    let record = store.certificate(&name()).unwrap().unwrap();
    assert_eq!((record.current.unwrap().generation, record.renewal), (2, None));
    assert!(!store.is_compromised_key([7; 32]).unwrap());
    store.publish(&name(), &publication(3), at(3)).unwrap();
}

#[test]
fn a_damaged_database_is_named_with_a_way_out() {
    let fixture = Fixture::published(1);
    for number in 0..50 {
        let name = format!("host{number}.example").parse().unwrap();
        fixture.store.create_certificate(&name, &settings(), at(0)).unwrap();
    }
    fixture.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let (store, dir, _parent) = fixture.into_parts();
    drop(store);
    let path = dir.join("acme.db");
    let mut content = fs::read(&path).unwrap();
    content[4096..].fill(0xff);
    fs::write(&path, content).unwrap();
    let error = Store::open(&dir).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().ends_with("acme.db is damaged"), "{error}");
    assert!(error.advice().unwrap().contains(".recover"));
    assert!(!error.is_temporary());
}

#[test]
fn links_and_directories_in_the_place_of_the_database_are_not_followed() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state");
    fs::create_dir(&dir).unwrap();
    symlink(parent.path().join("elsewhere"), dir.join("acme.db")).unwrap();
    for opened in [Store::open(&dir), Store::open_existing(&dir)] {
        let error = opened.unwrap_err();
        assert!(matches!(error, Error::Obstructed { expected: Expected::File, .. }), "{error:?}");
    }
    assert_eq!(entries(parent.path()), ["state"]);
    fs::remove_file(dir.join("acme.db")).unwrap();
    fs::create_dir(dir.join("acme.db")).unwrap();
    assert!(matches!(Store::open(&dir), Err(Error::Obstructed { .. })));
}

#[test]
fn a_file_in_the_place_of_the_directory_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("file");
    fs::write(&path, "").unwrap();
    for dir in [path.clone(), path.join("below")] {
        let error = Store::open(&dir).unwrap_err();
        assert!(matches!(error, Error::Obstructed { expected: Expected::Directory, .. }), "{error:?}");
        assert!(matches!(Store::open_existing(&dir), Err(Error::Missing { .. })));
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    let parent = tempfile::tempdir().unwrap();
    set_mode(parent.path(), 0o555);
    let is_root = fs::metadata(parent.path()).unwrap().uid() == 0;
    let output = if is_root {
        // Root may write anywhere, so that somebody else has to try, with a program within reach.
        let place = tempfile::tempdir().unwrap();
        set_mode(place.path(), 0o755);
        let program = place.path().join("tests");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = child(Command::new(program), "store::opening::child_that_opens", parent.path());
        String::from_utf8(command.uid(NOBODY).gid(NOBODY).output().unwrap().stdout).unwrap()
    } else {
        report(parent.path())
    };
    let expected =
        format!("Denied: {}/acme.db can't be accessed: Permission denied", parent.path().display());
    assert!(output.contains(&expected), "{output:?}");
    assert!(entries(parent.path()).is_empty());
}

#[test]
fn child_that_opens() {
    let Some(dir) = given_directory() else { return };
    tell(&report(&dir));
}

fn report(dir: &Path) -> String {
    match Store::open(dir) {
        Err(error @ Error::Denied { .. }) => format!("\nDenied: {}", chain(&error)),
        other => format!("\nacme.db: {other:?}"),
    }
}

#[test]
fn other_failures_keep_the_words_of_the_system_and_of_sqlite() {
    let parent = tempfile::tempdir().unwrap();
    let error = Store::open(parent.path().join("x".repeat(300))).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert!(chain(&error).contains("failed: File name too long"), "{}", chain(&error));
    let fixture = Fixture::new();
    fixture.sql("DROP TABLE accounts");
    let error = fixture.store.accounts().unwrap_err();
    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    assert!(chain(&error).contains("acme.db can't be used: no such table: accounts"), "{}", chain(&error));
    assert_eq!((error.is_temporary(), error.advice()), (false, None));
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let fixture = Fixture::published(1);
    fixture.store.hamper("max_page_count", 1).unwrap();
    let mut large = publication(2);
    large.chain_pem = large.chain_pem.repeat(5000);
    let error = fixture.store.publish(&name(), &large, at(2)).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no space left for"), "{error}");
    assert!(error.advice().unwrap().contains("intact"));
    let record = fixture.reopen().certificate(&name()).unwrap().unwrap();
    assert_eq!(record.current.unwrap().generation, 1);
}

#[test]
fn a_writer_that_does_not_end_is_named_as_temporary() {
    let fixture = Fixture::new();
    let other = rusqlite::Connection::open(fixture.dir.join("acme.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fixture.store.hamper("busy_timeout", 0).unwrap();
    let error = fixture.store.create_certificate(&name(), &settings(), at(0)).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    assert!(error.is_temporary());
    let expected =
        format!("{}/acme.db is in use by another process: database is locked", fixture.dir.display());
    assert_eq!(chain(&error), expected);
    let error = acme_proto::StoreError::from(error);
    assert!(error.is_temporary());
}

const NOBODY: u32 = 65_534;
