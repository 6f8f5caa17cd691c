//! Several processes, and signals.

use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};

use acme_testca::{Config, Moment, Operation, TestCa};

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn two_processes_share_a_directory() {
    let world = World::new();
    let children = ["a.example.test", "b.example.test"]
        .map(|name| world.command(&format!("issue {name} --ca dev")).spawn().unwrap());
    for child in children {
        let run = world.wait(child);
        assert_eq!(run.code(), Some(0), "{}", run.stderr());
    }
    let store = acme_store::Store::open(world.path("state")).unwrap();
    assert_eq!(store.certificates().unwrap().records.len(), 2);
    assert_eq!(store.accounts().unwrap().len(), 1);
}

#[test]
fn two_processes_for_one_certificate_make_one_order() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    let children = [0, 1].map(|_| world.command_at(&ca, &web, "issue www.example.test").spawn().unwrap());
    let mut codes = children.map(|child| world.wait(child).code().unwrap());
    codes.sort_unstable();
    assert!(matches!(codes, [0, 0 | 3]), "{codes:?}");
    assert_eq!(ca.counts().orders, 1);
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn interrupt_takes_the_response_away() {
    let world = World::new();
    let child: Arc<Mutex<Option<u32>>> = Arc::default();
    let (spawned, wait_for_spawn) = mpsc::channel::<()>();
    let wait_for_spawn = Mutex::new(wait_for_spawn);
    let pid = Arc::clone(&child);
    let builder = TestCa::builder().config(Config::gentle()).on_request(move |event| {
        if event.operation == Operation::Challenge && event.moment == Moment::Before {
            let _ = wait_for_spawn.lock().unwrap().recv();
            // Only the first process, and only once.
            let Some(pid) = pid.lock().unwrap().take() else { return };
            Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap();
        }
    });
    let (ca, web) = world.authority(builder);
    let process = world.command_at(&ca, &web, "issue www.example.test").spawn().unwrap();
    *child.lock().unwrap() = Some(process.id());
    drop(spawned);
    let run = world.wait(process);
    assert_run!(
        run,
        str![[r#"
exit 130
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
error: www.example.test: interrupted
  next: run the same line again: it goes on where it was

"#]]
    );
    assert_eq!(std::fs::read_dir(web.root()).unwrap().count(), 0, "all is taken away");
    // The next run goes on where it was.
    let again = world.run_at(&ca, &web, "issue www.example.test");
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
}

#[test]
fn what_a_killed_process_left_is_swept() {
    let world = World::new();
    let child: Arc<Mutex<Option<u32>>> = Arc::default();
    let (spawned, wait_for_spawn) = mpsc::channel::<()>();
    let wait_for_spawn = Mutex::new(wait_for_spawn);
    let pid = Arc::clone(&child);
    let builder = TestCa::builder().config(Config::gentle()).on_request(move |event| {
        if event.operation == Operation::Challenge && event.moment == Moment::Before {
            let _ = wait_for_spawn.lock().unwrap().recv();
            // Only the first process, and only once.
            let Some(pid) = pid.lock().unwrap().take() else { return };
            Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
        }
    });
    let (ca, web) = world.authority(builder);
    let process = world.command_at(&ca, &web, "issue www.example.test").spawn().unwrap();
    *child.lock().unwrap() = Some(process.id());
    drop(spawned);
    assert_eq!(world.wait(process).code(), None);
    let responses = web.root().join(".well-known/acme-challenge");
    assert_eq!(std::fs::read_dir(&responses).unwrap().count(), 1);
    drop(ca);
    world.run("renew --max-wait 0");
    assert_eq!(std::fs::read_dir(&responses).unwrap().count(), 0, "it was taken away");
}

#[test]
fn test_ca_whose_port_is_taken_moves() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    let address = world.read("state/dev-ca/listen");
    let _taken = std::net::TcpListener::bind(address.trim()).unwrap();
    let run = world.run("renew --force --max-wait 0");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_ne!(world.read("state/dev-ca/listen"), address);
    let accounts = acme_store::Store::open(world.path("state")).unwrap().accounts().unwrap();
    assert_eq!(accounts.len(), 1);
    assert!(accounts[0].url.as_ref().unwrap().ends_with("/account/1"), "{accounts:?}");
}
