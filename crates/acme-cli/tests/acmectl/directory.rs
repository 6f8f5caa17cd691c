//! The directory: not writable, somebody else's, damaged.

use std::fs;

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn directory_below_a_file() {
    let world = World::new();
    world.write("file", "");
    assert_run!(
        world.run("issue www.example.test --ca dev --dir file/state"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/file/state is in the way: a directory has to be there
  fault: on this side, not the CA's
  next: move [WORLD]/file/state away

"#]]
    );
}

#[test]
fn directory_that_takes_no_files() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev --dir /proc"),
        str![[r#"
exit 2
--- stderr
error: /proc is not a state directory: it has fs, but no acme.db
  fault: on this side, not the CA's
  next: choose an empty directory, or one that does not exist yet

"#]]
    );
}

#[test]
fn directory_of_another_program() {
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    world.write("state/cli.ini", "email = a@example.com\n");
    assert_run!(
        world.run("issue www.example.test --ca dev"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/state is not a state directory: it has cli.ini, but no acme.db
  fault: on this side, not the CA's
  next: choose an empty directory, or one that does not exist yet

"#]]
    );
}

#[test]
fn database_that_is_none() {
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    world.write("state/acme.db", &"this is no database".repeat(100));
    assert_run!(
        world.run("issue www.example.test --ca dev"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/state/acme.db is not a database
  fault: on this side, not the CA's
  next: move [WORLD]/state/acme.db away, or choose another directory

"#]]
    );
    assert_run!(
        world.run("renew"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/state/acme.db is not a database
  fault: on this side, not the CA's
  next: move [WORLD]/state/acme.db away, or choose another directory

"#]]
    );
}

#[test]
fn damaged_pem_is_written_again() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    let file = "state/certs/www.example.test/current/fullchain.pem";
    let right = world.read(file);
    world.write(file, "damaged");
    assert_run!(
        world.run("issue www.example.test"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
warning: [WORLD]/state/certs/www.example.test/0001/fullchain.pem: was changed or lost, and is written again from the database
www.example.test: kept; it is right, and due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_eq!(world.read(file), right);
}

#[test]
fn certificate_whose_files_are_obstructed() {
    let world = World::new();
    assert_eq!(world.run("issue other.example.test --ca dev").code(), Some(0));
    world.write("state/certs/www.example.test", "");
    assert_run!(
        world.run("issue www.example.test --ca dev"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/state/certs/www.example.test is in the way: a directory has to be there
  fault: on this side, not the CA's
  next: move [WORLD]/state/certs/www.example.test away

"#]]
    );
}

#[test]
fn lock_held() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    let store = acme_store::Store::open(world.path("state")).unwrap();
    let name = "www.example.test".parse().unwrap();
    let lock = store.lock_certificate(&name).unwrap();
    assert_run!(
        world.run("issue www.example.test --force"),
        str![[r#"
exit 3
--- stderr
error: [WORLD]/state/locks/www.example.test is held by process [PID]
  fault: on this side, not the CA's
  next: wait for the other process to end, then try again

"#]]
    );
    assert_run!(
        world.run("renew www.example.test --force --max-wait 0"),
        str![[r#"
exit 3
--- stderr
error: www.example.test: [WORLD]/state/locks/www.example.test is held by process [PID]
  fault: on this side, not the CA's
  next: wait for the other process to end, then try again

"#]]
    );
    drop(lock);
    assert_eq!(world.run("issue www.example.test --force").code(), Some(0));
}

#[test]
fn renew_without_a_store() {
    assert_run!(
        World::new().run("renew"),
        str![[r#"
exit 2
--- stderr
error: there is no store in [WORLD]/state
  fault: on this side, not the CA's
  next: name the directory with --dir, or obtain a certificate first

"#]]
    );
}

#[test]
fn damaged_test_ca() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    world.write("state/dev-ca/state.json", "{}");
    assert_run!(
        world.run("issue www.example.test --force"),
        str![[r#"
exit 1
--- stderr
error: www.example.test: the test CA in [WORLD]/state/dev-ca can't go on where it was
  because: the saved state of the test CA is damaged: its first line is not that of a saved state
  fault: on this side, not the CA's
  next: let it begin anew; what it has issued is not trusted by its new root:
      rm -r [WORLD]/state/dev-ca

"#]]
    );
}

#[test]
fn database_that_is_damaged() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    let path = world.path("state/acme.db");
    let mut content = fs::read(&path).unwrap();
    let length = content.len();
    content[4096..length].fill(0xaa);
    fs::write(&path, content).unwrap();
    let run = world.run("renew --force --max-wait 0");
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert!(run.stderr().contains("acme.db is damaged"), "{}", run.stderr());
    assert!(run.stderr().contains("  next: restore "), "{}", run.stderr());
}
