//! `acmectl issue`, killed at every step: what the CA, the store and the web server are left with.
//!
//! A binary of its own: each of its tests runs the command some fifty times.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

#[path = "killed/web.rs"]
mod web;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use acme_keys::{CertificateInfo, CertificateKey};
use acme_store::{CertificateName, Store};
use acme_testca::{Action, Config, Event, Fault, Moment, TestCa};
use tempfile::TempDir;
use web::Web;

/// One name: its requests come one after the other, so that a kill is at a certain one.
const NAMES: [&str; 1] = ["www.example.test"];

/// More requests than an issuance has: a test that comes this far has no end.
const MOST_REQUESTS: u64 = 60;

#[test]
fn with_order_reuse_there_is_one_order() {
    kill_at_every_step(|config| config.order_reuse = true, |_| 1);
}

#[test]
fn with_a_list_of_orders_there_is_one_order() {
    kill_at_every_step(|config| config.orders_list = true, |_| 1);
}

#[test]
fn with_neither_a_lost_new_order_costs_one_more() {
    kill_at_every_step(|_| {}, |killed_at| if killed_at == "NewOrder" { 2 } else { 1 });
}

#[test]
fn a_process_that_dies_in_its_deploy_hook_has_published() {
    let lab = Lab::new(|_| {}, None);
    let mut killing = lab.issue();
    killing.args(["--deploy-hook", "sh -c 'kill -KILL $PPID'"]);
    assert!(!killing.status().unwrap().success());
    lab.check_outcome("the hook", 1);
    // The hook did not succeed, so the next run owes it once more.
    let store = Store::open_existing(lab.dir()).unwrap();
    assert_eq!(store.pending_hooks().unwrap().len(), 1);
}

#[test]
fn what_a_dead_process_left_is_taken_away_by_the_next_one() {
    let lab = Lab::new(|_| {}, None);
    lab.trap.spring_at("Challenge");
    assert!(lab.run_until_killed().is_some());
    assert_eq!(lab.challenges_left(), NAMES.len());
    assert!(lab.issue_for(&["other.example.test"]).status().unwrap().success());
    assert_eq!(lab.challenges_left(), 0);
}

#[test]
fn a_change_of_keys_leaves_the_account_usable() {
    let mut seen = BTreeSet::new();
    for moment in [Moment::Before, Moment::After] {
        for number in 1.. {
            assert!(number < MOST_REQUESTS, "the change has no end");
            let lab = Lab::registered((number, moment));
            let Some(operation) = lab.run_until_killed_with(lab.account("rollover")) else { break };
            let about = format!("killed {moment:?} {operation}, request {number}");
            assert!(lab.issue().status().unwrap().success(), "{about}");
            lab.check_outcome(&about, 1);
            let account = Store::open_existing(lab.dir()).unwrap().accounts().unwrap().remove(0);
            assert!(account.next_key_pem.is_none(), "{about}");
            assert!(lab.account("rollover").status().unwrap().success(), "{about}");
            seen.insert(operation);
        }
    }
    assert!(seen.contains("KeyChange"), "{seen:?}");
}

fn kill_at_every_step(configure: fn(&mut Config), most_orders: fn(&str) -> u64) {
    let mut seen = BTreeSet::new();
    for moment in [Moment::Before, Moment::After] {
        for number in 1.. {
            assert!(number < MOST_REQUESTS, "the issuance has no end");
            let lab = Lab::new(configure, Some((number, moment)));
            let Some(operation) = lab.run_until_killed() else { break };
            let about = format!("killed {moment:?} {operation}, request {number}");
            assert!(lab.issue().status().unwrap().success(), "{about}");
            lab.check_outcome(&about, most_orders(&operation));
            seen.insert(operation);
        }
    }
    for operation in ["NewAccount", "NewOrder", "Authorization", "Challenge", "Finalize", "Certificate"] {
        assert!(seen.contains(operation), "no kill at {operation}");
    }
}

/// A CA, a web server and a directory for one run that is killed and one that is not.
struct Lab {
    ca: TestCa,
    web: Web,
    root: TempDir,
    trap: Arc<Trap>,
}

/// Kills a process at one request.
#[derive(Default)]
struct Trap {
    at: Option<(u64, Moment)>,
    /// Or at the first request for this operation.
    at_operation: Mutex<Option<&'static str>>,
    victim: Mutex<Option<Child>>,
    armed: Condvar,
    /// What was asked for at the kill.
    sprung: Mutex<Option<String>>,
}

impl Lab {
    fn new(configure: impl FnOnce(&mut Config), at: Option<(u64, Moment)>) -> Self {
        let root = TempDir::new().unwrap();
        let web = Web::start(&root.path().join("www"));
        let mut config = Config::gentle();
        config.orders_list = false;
        configure(&mut config);
        let trap = Arc::new(Trap { at, ..Trap::default() });
        let hook = Arc::clone(&trap);
        let mut builder = TestCa::builder().config(config).http_port(web.port());
        if let Some((number, Moment::Before)) = at {
            // What the process was killed before is not carried out afterwards.
            builder = builder.fault(Fault::on_any(Action::Drop).nth(number));
        }
        let ca = builder.on_request(move |event| hook.visit(event)).start().unwrap();
        fs::write(root.path().join("root.pem"), ca.root_pem()).unwrap();
        Self { ca, web, root, trap }
    }

    /// One with an account, whose trap counts requests from there.
    fn registered((number, moment): (u64, Moment)) -> Self {
        let before = Self::new(|_| {}, None);
        assert!(before.account("register").status().unwrap().success());
        let made = u64::try_from(before.ca.requests().len()).unwrap();
        let lab = Self::new(|_| {}, Some((made + number, moment)));
        assert!(lab.account("register").status().unwrap().success());
        assert_eq!(u64::try_from(lab.ca.requests().len()).unwrap(), made);
        lab
    }

    fn account(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_acmectl"));
        command.args(["account", verb, "--quiet", "--dir"]).arg(self.dir());
        if verb == "register" {
            command.args(["--ca", self.ca.directory_url(), "--ca-root"]);
            command.arg(self.root.path().join("root.pem"));
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn issue(&self) -> Command {
        self.issue_for(&NAMES)
    }

    fn issue_for(&self, names: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_acmectl"));
        command
            .arg("issue")
            .args(names)
            .args(["--ca", self.ca.directory_url(), "--agree-tos", "--quiet"])
            .arg("--ca-root")
            .arg(self.root.path().join("root.pem"))
            .arg("--http-reach")
            .arg(format!("127.0.0.1:{}", self.web.port()))
            .arg("--webroot")
            .arg(self.root.path().join("www"))
            .arg("--dir")
            .arg(self.dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs the command into the trap, and returns what it asked for; `None` if it came through.
    fn run_until_killed(&self) -> Option<String> {
        self.run_until_killed_with(self.issue())
    }

    fn run_until_killed_with(&self, mut command: Command) -> Option<String> {
        let child = command.spawn().unwrap();
        self.trap.arm(child);
        let mut child = self.trap.wait_for_end();
        let status = child.wait().unwrap();
        let operation = self.trap.sprung.lock().unwrap().clone();
        assert_eq!(operation.is_none(), status.success());
        operation
    }

    fn challenges_left(&self) -> usize {
        let left = self.root.path().join("www/.well-known/acme-challenge");
        fs::read_dir(left).map_or(0, Iterator::count)
    }

    fn check_outcome(&self, about: &str, most_orders: u64) {
        let counts = self.ca.counts();
        assert_eq!(counts.accounts, 1, "accounts, {about}");
        assert!((1..=most_orders).contains(&counts.orders), "{} orders, {about}", counts.orders);
        assert_eq!(counts.orders_finalized, 1, "orders finalized, {about}");
        assert_eq!(counts.certificates, 1, "certificates, {about}");
        assert_eq!(self.challenges_left(), 0, "challenges left, {about}");
        let store = Store::open_existing(self.dir()).unwrap();
        let name = CertificateName::new(NAMES[0]).unwrap();
        assert!(store.presented().unwrap().is_empty(), "challenges in the journal, {about}");
        assert!(store.checkpoint(&name).unwrap().is_none(), "an order in flight, {about}");
        check_files(&store.current_directory(&name));
    }
}

fn check_files(current: &Path) {
    let chain = fs::read(current.join("fullchain.pem")).unwrap();
    let key = fs::read(current.join("privkey.pem")).unwrap();
    let leaf = CertificateInfo::from_pem(&chain).unwrap();
    assert!(leaf.matches(&CertificateKey::from_pem(&key).unwrap()));
    assert_eq!(leaf.names.len(), NAMES.len());
}

impl Trap {
    fn spring_at(&self, operation: &'static str) {
        *self.at_operation.lock().unwrap() = Some(operation);
    }

    fn arm(&self, child: Child) {
        *self.victim.lock().unwrap() = Some(child);
        self.armed.notify_all();
    }

    fn visit(&self, event: &Event) {
        let operation = format!("{:?}", event.operation);
        let is_there = *self.at_operation.lock().unwrap() == Some(&*operation);
        let is_over = self.sprung.lock().unwrap().is_some();
        if is_over || !(is_there || self.at == Some((event.number, event.moment))) {
            return;
        }
        let victim = self.victim.lock().unwrap();
        let mut victim = self.armed.wait_while(victim, |victim| victim.is_none()).unwrap();
        if let Some(child) = victim.as_mut() {
            child.kill().unwrap();
            child.wait().unwrap();
            *self.sprung.lock().unwrap() = Some(operation);
        }
    }

    /// Takes the child out when it has ended, by the trap or by itself.
    fn wait_for_end(&self) -> Child {
        loop {
            let mut victim = self.victim.lock().unwrap();
            if let Some(child) = victim.as_mut()
                && child.try_wait().unwrap().is_some()
            {
                return victim.take().unwrap();
            }
            drop(victim);
            std::thread::yield_now();
        }
    }
}
