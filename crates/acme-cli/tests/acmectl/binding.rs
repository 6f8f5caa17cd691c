//! Accounts that are bound to one outside ACME.

use acme_testca::{Config, MacKey, Operation, RequestRecord, TestCa};
use snapbox::str;

use super::eab_api::{EabApi, KEY, KID};
use super::web::WebServer;
use super::world::{Run, World, assert_run};

fn authority(world: &World) -> (TestCa, WebServer) {
    let key = MacKey::from_base64url(KEY).unwrap();
    world.authority(TestCa::builder().config(Config::zerossl(KID, key)))
}

/// The number of requests for a new account that were not refused.
fn accounts_asked_for(ca: &TestCa) -> usize {
    let is_one = |record: &&RequestRecord| record.operation == Operation::NewAccount;
    ca.requests().iter().filter(is_one).filter(|record| record.status == Some(201)).count()
}

#[test]
fn an_account_is_bound_once() {
    let world = World::new();
    let (ca, web) = authority(&world);
    world.write("eab.key", &format!("{KEY}\n"));
    let line = format!("account register --eab-kid {KID} --eab-hmac-key-file eab.key");
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 0
--- stdout
CA:          https://127.0.0.1:[PORT]/directory
account:     https://127.0.0.1:[PORT]/account/[ID]
contact:     none
bound to:    the external account GD-VvWydSVFuss_GhBwYQQ
key:         ES256
thumbprint:  [..]
             answers http-01 without state: TOKEN.THUMBPRINT
CAA record:  example.com. CAA 0 issue "DOMAIN-OF-THE-CA; accounturi=https://127.0.0.1:[PORT]/account/[ID]"
             keeps other accounts from getting certificates for the name
created:     [MOMENT]
--- stderr
asking https://127.0.0.1:[PORT]/directory
account: https://127.0.0.1:[PORT]/account/[ID]

"#]]
    );
    // The external account is good for one, and there is one.
    assert_eq!(world.run_at(&ca, &web, &line).code(), Some(0));
    assert_eq!(world.run_at(&ca, &web, "account register").code(), Some(0));
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    assert_eq!((ca.counts().accounts, accounts_asked_for(&ca)), (1, 1));
    // Where only the key was kept, it is looked for.
    let store = acme_store::Store::open_existing(world.path("state")).unwrap();
    store.update_account(ca.directory_url(), "", |account| account.url = None).unwrap();
    assert_eq!(world.run_at(&ca, &web, &line).code(), Some(0));
    assert_eq!((ca.counts().accounts, accounts_asked_for(&ca)), (1, 1));
}

#[test]
fn a_key_comes_in_base64_from_standard_input_or_the_environment() {
    use std::io::Write as _;
    use std::process::Stdio;
    let key: Vec<u8> = (0..48).map(|byte| 255 - byte * 3).collect();
    let (standard, kid) = ("//z59vPw7ern5OHe29jV0s/MycbDwL26t7SxrquopaKfnJmWk5CNioeEgX57eHVy", "kid-1");
    let config = || Config::zerossl(kid, MacKey::new(key.clone()));
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(config()));
    let mut command = world.command_at(&ca, &web, "account register --eab-kid kid-1 --eab-hmac-key-file -");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(standard.as_bytes()).unwrap();
    let run = world.wait(child);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(config()));
    let mut command = world.command_at(&ca, &web, "issue www.example.test");
    command.env("ACME_EAB_KID", kid).env("ACME_EAB_HMAC_KEY", standard);
    let run = world.finish(&mut command);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
}

#[test]
fn a_ca_that_needs_an_external_account() {
    let world = World::new();
    let (ca, web) = authority(&world);
    assert_run!(
        world.run_at(&ca, &web, "issue www.example.test"),
        str![[r#"
exit 2
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
error: www.example.test: the CA wants a new account to be bound to an external account, and none is given
  fault: on this side, not the CA's
  next: give the key identifier and, in a file, the key that the CA hands out:
      acmectl issue www.example.test --eab-kid KID --eab-hmac-key-file FILE

"#]]
    );
    // With a name that is known here the CA is not even asked.
    assert_run!(
        world.run("issue www.example.com --ca google"),
        str![[r#"
exit 2
--- stderr
error: Google Trust Services takes only accounts that are bound to one outside ACME, and none is given
  fault: on this side, not the CA's
  next: give the key identifier and, in a file, the key that the CA hands out (gcloud publicca external-account-keys create prints them):
      acmectl issue www.example.com --ca google --eab-kid KID --eab-hmac-key-file FILE

"#]]
    );
    assert_run!(
        world.run("account register --ca zerossl"),
        str![[r#"
exit 2
--- stderr
error: ZeroSSL takes only accounts that are bound to one outside ACME, and none is given
  fault: on this side, not the CA's
  next: an e-mail address is enough:
      acmectl account register --ca zerossl --email you@example.com
    or: give the key identifier and, in a file, the key that the CA hands out (https://app.zerossl.com/developer has them):
      acmectl account register --ca zerossl --eab-kid KID --eab-hmac-key-file FILE

"#]]
    );
    assert_eq!(ca.counts().accounts, 0);
}

#[test]
fn half_of_an_external_account() {
    let world = World::new();
    world.write("eab.key", KEY);
    assert_run!(
        world.run("account register --ca zerossl --eab-kid kid-1"),
        str![[r#"
exit 2
--- stderr
error: there is the key identifier of an external account, and no key
  fault: on this side, not the CA's
  next: put the key in a file that only you can read, or into ACME_EAB_HMAC_KEY:
      acmectl account register --ca zerossl --eab-kid kid-1 --eab-hmac-key-file FILE

"#]]
    );
    assert_run!(
        world.run("account register --ca zerossl --eab-hmac-key-file eab.key"),
        str![[r#"
exit 2
--- stderr
error: there is a key of an external account, in eab.key, and no key identifier
  fault: on this side, not the CA's
  next: the CA has handed it out with the key:
      acmectl account register --ca zerossl --eab-hmac-key-file eab.key --eab-kid KID

"#]]
    );
    world.write("eab.key", "what is this?\n");
    let line = "account register --ca zerossl --eab-kid kid-1 --eab-hmac-key-file eab.key";
    assert_run!(
        world.run(line),
        str![[r#"
exit 2
--- stderr
error: the key of the external account, in eab.key, can't be read
  because: the MAC key is not base64url text
  fault: on this side, not the CA's
  next: give the key as the CA hands it out, in base64url or base64, and nothing else in the file

"#]]
    );
}

#[test]
fn a_key_that_was_encoded_twice() {
    let world = World::new();
    let (ca, web) = authority(&world);
    world.write("eab.key", "TWpYVTNNSC1aMFdRN3BpTUFuVnNDcEQxc2hnTWlXeDZnZ1BXaVRteWRnVWFqN2RXV1dmUWZB");
    let line = format!("account register --eab-kid {KID} --eab-hmac-key-file eab.key");
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stderr
asking https://127.0.0.1:[PORT]/directory
error: the CA did not take the external account GD-VvWydSVFuss_GhBwYQQ
  type: urn:ietf:params:acme:error:unauthorized (HTTP 403)
  detail: RFC 8555 section 7.3.4: the MAC of the inner JWS does not verify
  fault: on this side, not the CA's
  next: the key looks as if it was encoded twice; decode it once, and give that:
      base64 -d eab.key > eab.key.decoded

"#]]
    );
    // The line that it gives is right.
    let decode = "base64 -d eab.key > eab.key.decoded";
    assert!(
        std::process::Command::new("sh")
            .args(["-c", decode])
            .current_dir(world.path("."))
            .status()
            .unwrap()
            .success()
    );
    let line = format!("account register --eab-kid {KID} --eab-hmac-key-file eab.key.decoded");
    let run = world.run_at(&ca, &web, &line);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
}

#[test]
fn a_key_that_is_another() {
    let world = World::new();
    let (ca, web) = authority(&world);
    world.write("eab.key", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");
    let line = format!("account register --eab-kid {KID} --eab-hmac-key-file eab.key");
    assert_run!(
        world.run_at(&ca, &web, &line),
        str![[r#"
exit 1
--- stderr
asking https://127.0.0.1:[PORT]/directory
error: the CA did not take the external account GD-VvWydSVFuss_GhBwYQQ
  type: urn:ietf:params:acme:error:unauthorized (HTTP 403)
  detail: RFC 8555 section 7.3.4: the MAC of the inner JWS does not verify
  fault: on this side, not the CA's
  next: check the key identifier and the key; they may be good for one account only, or have run out

"#]]
    );
    assert_eq!(ca.counts().accounts, 0);
}

fn run_with_api(world: &World, ca: &TestCa, web: &WebServer, api: &EabApi, line: &str) -> Run {
    let mut command = world.command_at(ca, web, line);
    world.write("roots.pem", &format!("{}{}", ca.root_pem(), api.root_pem()));
    command.env("ACME_CA_ROOT", "roots.pem").env("ACME_EAB_API", api.url());
    world.finish(&mut command)
}

#[test]
fn an_e_mail_address_is_enough() {
    let world = World::new();
    let (ca, web) = authority(&world);
    let api = EabApi::start();
    let run = |line: &str| run_with_api(&world, &ca, &web, &api, line);
    let refused = run("issue www.example.test --email me@nowhere.invalid");
    assert_run!(
        refused,
        str![[r#"
exit 1
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
asking localhost:[PORT] for an external account for me@nowhere.invalid
error: www.example.test: localhost:[PORT] hands out no external account
  because: it refused: invalid_email (code 2818, HTTP 200)
  fault: on this side, not the CA's
  next: check the e-mail address; external accounts are also on the CA's website:
      acmectl issue www.example.test --email me@nowhere.invalid --eab-kid KID --eab-hmac-key-file FILE
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
    let issued = run("issue www.example.test --email me+acme@example.com");
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    assert_eq!(api.handed_out_to(), ["me+acme@example.com"]);
    // The account is there, and no second external account is asked for.
    assert_eq!(run("account register --email me@example.com").code(), Some(0));
    assert_eq!((api.handed_out_to().len(), ca.counts().accounts), (1, 1));
    assert!(world.run("account show").stdout().contains(KID));
    let other = run("account register --account other --email me@example.com");
    assert_run!(
        other,
        str![[r#"
exit 1
--- stderr
asking https://127.0.0.1:[PORT]/directory
asking localhost:[PORT] for an external account for me@example.com
error: localhost:[PORT] hands out no external account
  because: it refused: daily_limit_reached (code 2819, HTTP 200)
  fault: on this side, not the CA's
  next: check the e-mail address; external accounts are also on the CA's website:
      acmectl account register --account other --email me@example.com --eab-kid KID --eab-hmac-key-file FILE

"#]]
    );
}
