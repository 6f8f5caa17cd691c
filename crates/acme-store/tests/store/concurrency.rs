//! Several threads and processes on one directory.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout};
use std::sync::Barrier;
use std::thread;

use acme_proto::SecretText;
use acme_store::{Account, Error, Lock, Store};

use super::support::{
    DIRECTORY_URL, Fixture, at, chain, given_directory, mode, name, publication, release, served_generation,
    settings, spawn, tell, wait_for_release,
};

#[test]
fn many_threads_make_one_store() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state");
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                Store::open(&dir).unwrap().create_certificate(&name(), &settings(), at(0)).unwrap();
            });
        }
    });
    assert_eq!(Store::open(&dir).unwrap().certificates().unwrap().records.len(), 1);
}

#[test]
fn many_processes_make_one_account() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state");
    let mut children: Vec<(Child, Lines<BufReader<ChildStdout>>)> = (0..6)
        .map(|_| {
            let mut child = spawn("store::concurrency::child_that_makes_an_account", &dir);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap() == "ready"));
            (child, lines)
        })
        .collect();
    for (child, _) in &mut children {
        release(child);
    }
    let mut keys: Vec<String> = children
        .into_iter()
        .map(|(mut child, lines)| {
            let lines: Vec<String> = lines.map(Result::unwrap).collect();
            let key = lines.iter().find_map(|line| Some(line.strip_prefix("key ")?.to_string()));
            assert!(child.wait().unwrap().success());
            key.unwrap()
        })
        .collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(
        Store::open(&dir).unwrap().account(DIRECTORY_URL, "").unwrap().unwrap().key_pem.expose(),
        keys[0]
    );
}

#[test]
fn child_that_makes_an_account() {
    let Some(dir) = given_directory() else { return };
    tell("\nready");
    wait_for_release();
    let own = SecretText::new(std::process::id().to_string());
    let account =
        Store::open(&dir).unwrap().create_account(&Account::new(DIRECTORY_URL, "", own, at(0))).unwrap();
    tell(&format!("key {}", account.key_pem.expose()));
}

#[test]
fn publications_of_several_stores_number_themselves() {
    let fixture = Fixture::published(0);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = fixture.reopen();
                barrier.wait();
                for _ in 0..5 {
                    store.publish(&name(), &publication(1), at(1)).unwrap();
                }
            });
        }
    });
    fixture.store.publish(&name(), &publication(21), at(1)).unwrap();
    assert_eq!(served_generation(&fixture.lineage()), 21);
}

#[test]
fn a_lock_excludes_and_names_its_holder() {
    let fixture = Fixture::new();
    let lock: Lock = fixture.store.lock_certificate(&name()).unwrap();
    assert_eq!(mode(lock.path()), 0o600);
    let error = fixture.reopen().lock_certificate(&name()).unwrap_err();
    assert!(matches!(&error, Error::Locked { pid, .. } if *pid == Some(std::process::id())), "{error:?}");
    assert!(error.is_temporary());
    let expected =
        format!("{}/locks/example.com is held by process {}", fixture.dir.display(), std::process::id());
    assert_eq!(chain(&error), expected);
    let _another = fixture.store.lock_certificate(&"another.example".parse().unwrap()).unwrap();
    let store_lock = fixture.store.lock_store().unwrap();
    assert!(matches!(fixture.store.lock_store(), Err(Error::Locked { .. })));
    drop((lock, store_lock));
    let _lock = fixture.store.lock_certificate(&name()).unwrap();
    let _store_lock = fixture.store.lock_store().unwrap();
}

#[test]
fn a_killed_process_holds_no_lock() {
    let fixture = Fixture::new();
    let mut child = spawn("store::concurrency::child_that_locks", &fixture.dir);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "locked"));
    let error = fixture.store.lock_certificate(&name()).unwrap_err();
    assert!(matches!(error, Error::Locked { pid, .. } if pid == Some(child.id())), "{error:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let _lock = fixture.store.lock_certificate(&name()).unwrap();
}

#[test]
fn child_that_locks() {
    let Some(dir) = given_directory() else { return };
    let _lock = Store::open(&dir).unwrap().lock_certificate(&name()).unwrap();
    tell("\nlocked");
    wait_for_release();
}

#[test]
fn a_link_in_the_place_of_a_lock_is_not_followed() {
    let fixture = Fixture::new();
    let victim = fixture.dir.join("acme.db");
    std::os::unix::fs::symlink(&victim, fixture.dir.join("locks/example.com")).unwrap();
    let error = fixture.store.lock_certificate(&name()).unwrap_err();
    assert!(matches!(error, Error::Obstructed { .. }), "{error:?}");
}

#[test]
fn a_lock_without_a_pid_is_held_by_another_process() {
    let fixture = Fixture::new();
    let lock = fixture.store.lock_certificate(&name()).unwrap();
    std::fs::write(lock.path(), "").unwrap();
    let error = fixture.store.lock_certificate(&name()).unwrap_err();
    assert!(error.to_string().ends_with("is held by another process"), "{error}");
}
