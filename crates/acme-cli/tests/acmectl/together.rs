//! Several processes, and signals.

use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};

use acme_testca::{Config, Moment, Operation, TestCa, TestCaBuilder};

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

/// A process that gets a signal when it sends a certain request.
#[derive(Default)]
struct Victim {
    pid: Mutex<Option<u32>>,
    is_known: Condvar,
}

impl Victim {
    /// Sends the signal, once, to the process that is to get it.
    fn strike(&self, signal: &str) {
        let pid = self.pid.lock().unwrap();
        let Some(pid) = self.is_known.wait_while(pid, |pid| pid.is_none()).unwrap().replace(0) else {
            return;
        };
        if pid != 0 {
            let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
            assert!(status.success());
        }
    }

    fn is(&self, child: &Child) {
        *self.pid.lock().unwrap() = Some(child.id());
        self.is_known.notify_all();
    }

    /// From now on nothing happens to anybody.
    fn is_nobody(&self) {
        *self.pid.lock().unwrap() = Some(0);
        self.is_known.notify_all();
    }
}

/// A CA that has a process struck at a request.
fn deadly(victim: &Arc<Victim>, operation: Operation, signal: &'static str) -> TestCaBuilder {
    let victim = Arc::clone(victim);
    TestCa::builder().config(Config::gentle()).on_request(move |event| {
        if event.operation == operation && event.moment == Moment::Before {
            victim.strike(signal);
        }
    })
}

#[test]
fn interrupt_takes_the_response_away() {
    let world = World::new();
    let victim: Arc<Victim> = Arc::default();
    let (ca, web) = world.authority(deadly(&victim, Operation::Challenge, "-INT"));
    let process = world.command_at(&ca, &web, "issue www.example.test").spawn().unwrap();
    victim.is(&process);
    assert_run!(
        world.wait(process),
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
    let victim: Arc<Victim> = Arc::default();
    let (ca, web) = world.authority(deadly(&victim, Operation::Challenge, "-KILL"));
    let process = world.command_at(&ca, &web, "issue www.example.test").spawn().unwrap();
    victim.is(&process);
    assert_eq!(world.wait(process).code(), None);
    let responses = web.root().join(".well-known/acme-challenge");
    assert_eq!(std::fs::read_dir(&responses).unwrap().count(), 1);
    drop(ca);
    world.run("renew --max-wait 0");
    assert_eq!(std::fs::read_dir(&responses).unwrap().count(), 0, "it was taken away");
}

#[test]
fn change_of_settings_survives_a_kill() {
    let world = World::new();
    let victim: Arc<Victim> = Arc::default();
    let (ca, web) = world.authority(deadly(&victim, Operation::Finalize, "-KILL"));
    victim.is_nobody();
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    *victim.pid.lock().unwrap() = None;
    let line = "issue www.example.test --key-type ecdsa-p384";
    let process = world.command_at(&ca, &web, line).spawn().unwrap();
    victim.is(&process);
    assert_eq!(world.wait(process).code(), None);
    // Neither the old settings nor the new ones are taken for what is there.
    assert!(world.run_at(&ca, &web, "issue www.example.test").stderr().contains("kept"));
    assert_eq!(world.run_at(&ca, &web, line).code(), Some(0));
    let key = world.read("state/certs/www.example.test/current/privkey.pem");
    let key = acme_keys::CertificateKey::from_pem(key).unwrap();
    assert_eq!(key.key_type(), acme_keys::KeyType::EcdsaP384);
    assert_eq!(ca.counts().orders_finalized, 2);
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
