//! `account update`, `rollover` and `deactivate`.

use acme_store::Store;
use acme_testca::{Action, Config, Fault, Operation, TestCa};
use snapbox::str;

use super::world::{World, assert_run};

fn key(world: &World) -> String {
    world.run("account export").stdout()
}

#[test]
fn a_contact_is_changed_and_taken_back() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "account register --email a@example.com").code(), Some(0));
    // Neither the CA nor its root has to be named again.
    let updated = world.run("account update --email b@example.com");
    assert_eq!(updated.code(), Some(0), "{}", updated.stderr());
    assert!(updated.stdout().contains("b@example.com\n"), "{}", updated.stdout());
    let updated = world.run("account update --no-email");
    assert!(updated.stdout().contains("contact:     none\n"), "{}", updated.stdout());
    assert!(!world.run("account list").stdout().contains("example.com"));
    assert_run!(
        world.run("account update"),
        str![[r#"
exit 2
--- stderr
error: the following required arguments were not provided:
  <--email <ADDRESS>|--no-email>

Usage: acmectl account update --dir <DIR> <--email <ADDRESS>|--no-email>

For more information, try '--help'.

"#]]
    );
}

#[test]
fn an_account_gets_another_key() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    let first = key(&world);
    let rolled = world.run("account rollover");
    assert_eq!(rolled.code(), Some(0), "{}", rolled.stderr());
    assert_ne!(key(&world), first);
    assert_eq!(world.run_at(&ca, &web, "renew --force --max-wait 0").code(), Some(0));
    assert_eq!(ca.counts().accounts, 1);
    // The old key is nobody's now.
    world.write("old.pem", &first);
    let other = World::new();
    other.write("old.pem", &first);
    assert_eq!(other.run_at(&ca, &web, "account import old.pem").code(), Some(1));
}

#[test]
fn a_ca_that_changes_no_keys() {
    let world = World::new();
    let mut config = Config::gentle();
    config.key_change = false;
    let (ca, web) = world.authority(TestCa::builder().config(config));
    assert_eq!(world.run_at(&ca, &web, "account register").code(), Some(0));
    let first = key(&world);
    assert_run!(
        world.run("account rollover"),
        str![[r#"
exit 2
--- stderr
asking https://127.0.0.1:[PORT]/directory
asking the CA to take another key
error: the CA does not offer keyChange
  fault: the CA's
  next: acmectl ca CA says what a CA offers; another one may offer it

"#]]
    );
    assert_eq!(key(&world), first);
    let store = Store::open_existing(world.path("state")).unwrap();
    assert!(store.accounts().unwrap()[0].next_key_pem.is_none());
}

#[test]
fn a_change_whose_response_was_lost_is_settled() {
    let world = World::new();
    let fault = Fault::on(Operation::KeyChange, Action::LoseResponse);
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()).fault(fault));
    assert_eq!(world.run_at(&ca, &web, "account register").code(), Some(0));
    let first = key(&world);
    let rolled = world.run("account rollover");
    assert_eq!(rolled.code(), Some(0), "{}", rolled.stderr());
    assert_ne!(key(&world), first);
    assert_eq!(world.run_at(&ca, &web, "account register").code(), Some(0));
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn an_account_is_deactivated_only_if_that_is_said() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test --account shop").code(), Some(0));
    let line = format!("account deactivate --ca {} --account shop", ca.directory_url());
    assert_run!(
        world.run(&line),
        str![[r#"
exit 2
--- stderr
error: an account that is deactivated can't be used again, and no CA brings it back
  fault: on this side, not the CA's
  next: be sure (www.example.test is renewed with it), and then:
      acmectl account deactivate --ca https://127.0.0.1:[PORT]/directory --account shop --for-good

"#]]
    );
    assert_run!(
        world.run("account deactivate --for-good"),
        str![[r#"
exit 2
--- stderr
error: the following required arguments were not provided:
  --ca <NAME|URL>

Usage: acmectl account deactivate --ca <NAME|URL> --for-good --dir <DIR>

For more information, try '--help'.

"#]]
    );
    let other = format!("account deactivate --ca {} --for-good", ca.directory_url());
    assert_eq!(world.run(&other).code(), Some(2));
    assert_run!(
        world.run(&format!("{line} --for-good")),
        str![[r#"
exit 0
--- stdout
https://127.0.0.1:[PORT]/account/[ID]: deactivated
--- stderr
asking https://127.0.0.1:[PORT]/directory
warning: www.example.test stays valid and has no account any more; its renewal needs a new one:
      acmectl account register --ca https://127.0.0.1:[PORT]/directory --account shop

"#]]
    );
    assert!(world.run("account list").stderr().contains("there are no accounts yet"));
    assert!(world.run("show www.example.test").stdout().contains("account:      none yet\n"));
    // The CA does not take it any more, so that a new one is made.
    assert_eq!(world.run_at(&ca, &web, "renew --force --max-wait 0").code(), Some(0));
    assert_eq!(ca.counts().accounts, 2);
}
