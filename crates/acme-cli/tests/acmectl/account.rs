//! `account`: list, show, register, import, export.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use acme_lib::{Account, AccountKey, DirectoryUrl};
use acme_testca::{Config, TestCa};
use snapbox::str;

use super::world::{Run, World, assert_run};

/// A CA with terms.
fn ca_with_terms() -> TestCa {
    let mut config = Config::gentle();
    config.terms_of_service = Some("https://ca.example/terms".to_owned());
    TestCa::builder().config(config).start().unwrap()
}

fn at(world: &World, ca: &TestCa, line: &str) -> Run {
    world.finish(&mut command_at(world, ca, line))
}

fn command_at(world: &World, ca: &TestCa, line: &str) -> Command {
    world.write("root.pem", ca.root_pem());
    let mut command = world.command(line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
    command
}

#[test]
fn an_account_is_registered_found_and_shown() {
    let world = World::new();
    assert_run!(
        world.run("account register --ca dev --email admin@example.test"),
        str![[r#"
exit 0
--- stdout
CA:          the test CA (dev)
account:     https://127.0.0.1:[PORT]/account/[ID]
contact:     admin@example.test
key:         ES256
thumbprint:  [..]
             answers http-01 without state: TOKEN.THUMBPRINT
created:     [MOMENT]
--- stderr
asking the test CA
account: https://127.0.0.1:[PORT]/account/[ID]

"#]]
    );
    assert_run!(
        world.run("account register --ca dev"),
        str![[r#"
exit 0
--- stdout
CA:          the test CA (dev)
account:     https://127.0.0.1:[PORT]/account/[ID]
contact:     admin@example.test
key:         ES256
thumbprint:  [..]
             answers http-01 without state: TOKEN.THUMBPRINT
created:     [MOMENT]
--- stderr
asking the test CA

"#]]
    );
    assert_run!(
        world.run("account list"),
        str![[r#"
exit 0
--- stdout
CA   LABEL  CONTACT             ACCOUNT
dev  -      admin@example.test  https://127.0.0.1:[PORT]/account/[ID]

"#]]
    );
    assert_run!(
        world.run("account list --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"account","ca":"dev","contacts":["mailto:admin@example.test"],"created":"[TIME]","label":"","outcome":"registered","url":"https://127.0.0.1:[PORT]/account/[ID]"}

"#]]
    );
    assert_run!(
        world.run("account show --json"),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"account","ca":"dev","caa":null,"contacts":["mailto:admin@example.test"],"created":"[TIME]","directory_url":"dev","external_account":null,"key_algorithm":"ES256","label":"","outcome":"registered","terms_agreed_at":null,"thumbprint":"[..]","url":"https://127.0.0.1:[PORT]/account/[ID]"}

"#]]
    );
    // The certificate uses it.
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_eq!(world.run("account list --json").stdout().lines().count(), 1);
}

#[test]
fn terms_have_to_be_agreed_to() {
    let (world, ca) = (World::new(), ca_with_terms());
    assert_run!(
        at(&world, &ca, "account register"),
        str![[r#"
exit 2
--- stderr
asking https://127.0.0.1:[PORT]/directory
error: the CA's terms of service have to be agreed to: https://ca.example/terms
  fault: on this side, not the CA's
  next: read https://ca.example/terms, and if you agree:
      acmectl account register --agree-tos

"#]]
    );
    let agreed = at(&world, &ca, "account register --agree-tos --account second");
    assert_eq!(agreed.code(), Some(0));
    assert_run!(
        at(&world, &ca, "account show --account second"),
        str![[r#"
exit 0
--- stdout
CA:          https://127.0.0.1:[PORT]/directory
label:       second
account:     https://127.0.0.1:[PORT]/account/[ID]
contact:     none
key:         ES256
thumbprint:  [..]
             answers http-01 without state: TOKEN.THUMBPRINT
CAA record:  example.com. CAA 0 issue "DOMAIN-OF-THE-CA; accounturi=https://127.0.0.1:[PORT]/account/[ID]"
             keeps other accounts from getting certificates for the name
terms:       agreed to [MOMENT]
created:     [MOMENT]

"#]]
    );
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn an_account_that_the_ca_forgot_is_made_again() {
    let world = World::new();
    let first = ca_with_terms();
    assert_eq!(at(&world, &first, "account register --agree-tos").code(), Some(0));
    let mut config = Config::gentle();
    config.base_url = first.directory_url().trim_end_matches("/directory").to_owned();
    let address = first.address();
    drop(first);
    let second = TestCa::builder().config(config).listen(address).start().unwrap();
    assert_eq!(at(&world, &second, "account register").code(), Some(0));
    assert_eq!(second.counts().accounts, 1);
}

#[test]
fn there_may_be_none_or_several() {
    let world = World::new();
    assert_run!(
        world.run("account list"),
        str![[r#"
exit 2
--- stderr
error: there is no store in [WORLD]/state
  fault: on this side, not the CA's
  next: name the directory with --dir, or obtain a certificate first

"#]]
    );
    assert_eq!(world.run("issue www.example.test --ca dev").code(), Some(0));
    assert_run!(
        world.run("account show --ca letsencrypt"),
        str![[r#"
exit 2
--- stderr
error: there is no account here at letsencrypt
  fault: on this side, not the CA's
  next: make one, or take one over by its key:
      acmectl account register --ca letsencrypt
      acmectl account import FILE --ca letsencrypt

"#]]
    );
    assert_run!(
        world.run("account show --account 'other'"),
        str![[r#"
exit 2
--- stderr
error: there is no account here with the label other
  fault: on this side, not the CA's
  next: make one, or take one over by its key:
      acmectl account register --account other
      acmectl account import FILE --account other

"#]]
    );
    let ca = TestCa::builder().gentle().start().unwrap();
    assert_eq!(at(&world, &ca, "account register").code(), Some(0));
    assert_run!(
        world.run("account show"),
        str![[r#"
exit 2
--- stderr
error: there are 2 accounts here, and none of them is named
  fault: on this side, not the CA's
  next: say which:
      acmectl account show --ca dev
      acmectl account show --ca https://127.0.0.1:[PORT]/directory

"#]]
    );
    assert_eq!(world.run("account show --ca dev").code(), Some(0));
}

#[test]
fn an_exported_key_is_imported_elsewhere() {
    let (here, there) = (World::new(), World::new());
    let ca = TestCa::builder().gentle().start().unwrap();
    assert_eq!(at(&here, &ca, "account register --email admin@example.test").code(), Some(0));
    assert_run!(
        at(&here, &ca, "account export --out key.pem"),
        str![[r#"
exit 0
--- stderr
the key is in key.pem; whoever has it has the account

"#]]
    );
    assert_eq!(std::fs::metadata(here.path("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_run!(
        at(&here, &ca, "account export --out key.pem"),
        str![[r#"
exit 2
--- stderr
error: key.pem exists
  fault: on this side, not the CA's
  next: name a file that does not exist yet

"#]]
    );
    let printed = at(&here, &ca, "account export");
    assert_eq!(printed.stdout(), here.read("key.pem"));
    assert_eq!(at(&here, &ca, "account export --quiet").stdout(), here.read("key.pem"));
    there.write("key.pem", &here.read("key.pem"));
    assert_run!(
        at(&there, &ca, "account import key.pem"),
        str![[r#"
exit 0
--- stdout
CA:          https://127.0.0.1:[PORT]/directory
account:     https://127.0.0.1:[PORT]/account/[ID]
contact:     admin@example.test
key:         ES256
thumbprint:  [..]
             answers http-01 without state: TOKEN.THUMBPRINT
CAA record:  example.com. CAA 0 issue "DOMAIN-OF-THE-CA; accounturi=https://127.0.0.1:[PORT]/account/[ID]"
             keeps other accounts from getting certificates for the name
created:     [MOMENT]
--- stderr
asking https://127.0.0.1:[PORT]/directory for the account of the key

"#]]
    );
    // Twice is once.
    assert_eq!(at(&there, &ca, "account import key.pem").code(), Some(0));
    assert_eq!(ca.counts().accounts, 1);
    // As other clients write it, too.
    let sec1 = ["ec", "-in", "key.pem", "-out", "sec1.pem"];
    let openssl = Command::new("openssl").args(sec1).current_dir(there.path("")).output().unwrap();
    assert!(openssl.status.success(), "{openssl:?}");
    assert!(there.read("sec1.pem").starts_with("-----BEGIN EC PRIVATE KEY-----"));
    assert_eq!(at(&there, &ca, "account import sec1.pem").code(), Some(0));
    assert_eq!(ca.counts().accounts, 1);
}

#[test]
fn another_key_needs_another_label() {
    let there = World::new();
    let ca = TestCa::builder().gentle().start().unwrap();
    assert_eq!(at(&there, &ca, "account register").code(), Some(0));
    there.write("other.pem", include_str!("../../../acme-keys/tests/data/rfc7517-a2-rsa.pem"));
    assert_run!(
        at(&there, &ca, "account import other.pem"),
        str![[r#"
exit 2
--- stderr
error: there is another account at https://127.0.0.1:[PORT]/directory here
  fault: on this side, not the CA's
  next: give the account a name of its own:
      acmectl account import other.pem --account LABEL

"#]]
    );
    assert_run!(
        at(&there, &ca, "account import other.pem --account other"),
        str![[r#"
exit 1
--- stderr
asking https://127.0.0.1:[PORT]/directory for the account of the key
error: https://127.0.0.1:[PORT]/directory knows no account with this key
  fault: on this side, not the CA's
  next: check the key, and which CA it is for; to make an account with a new key:
      acmectl account register --ca https://127.0.0.1:[PORT]/directory

"#]]
    );
    assert_eq!(there.run("account list --json").stdout().lines().count(), 1);
}

#[test]
fn certbots_key_is_imported() {
    let (world, ca) = (World::new(), TestCa::builder().gentle().start().unwrap());
    let key = AccountKey::from_pem(include_str!("../../../acme-keys/tests/data/rfc7517-a2-rsa.pem")).unwrap();
    let url = DirectoryUrl::Other(ca.directory_url());
    Account::builder(url).root_pem(ca.root_pem()).key(key).open().unwrap();
    world.write("private_key.json", include_str!("../data/private_key.json"));
    // The thumbprint is that of RFC 7638, section 3.1: the public key is the same.
    assert_run!(
        at(&world, &ca, "account import private_key.json"),
        str![[r#"
exit 0
--- stdout
CA:          https://127.0.0.1:[PORT]/directory
account:     https://127.0.0.1:[PORT]/account/[ID]
contact:     none
key:         RS256
thumbprint:  NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
             answers http-01 without state: TOKEN.THUMBPRINT
CAA record:  example.com. CAA 0 issue "DOMAIN-OF-THE-CA; accounturi=https://127.0.0.1:[PORT]/account/[ID]"
             keeps other accounts from getting certificates for the name
created:     [MOMENT]
--- stderr
asking https://127.0.0.1:[PORT]/directory for the account of the key

"#]]
    );
}

#[test]
fn what_is_no_key_is_refused() {
    let world = World::new();
    assert_run!(
        world.run("account import absent.pem --ca dev"),
        str![[r#"
exit 2
--- stderr
error: absent.pem can't be used
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: check the path absent.pem

"#]]
    );
    world.write("key.pem", "no key");
    assert_run!(
        world.run("account import key.pem --ca dev"),
        str![[r#"
exit 2
--- stderr
error: key.pem has no private key that can be used
  because: private key in PEM was expected, but there is no '-----BEGIN' line
  fault: on this side, not the CA's
  next: give a private key as PEM (PKCS#8, SEC1 or PKCS#1) that is not encrypted

"#]]
    );
    for (json, cause) in [
        ("{", "it is neither PEM nor JSON"),
        (r#"{"kty":"EC"}"#, "the JSON Web Key is of type EC, and only RSA is read here"),
        (r#"{"kty":"RSA","n":"AQ"}"#, "the JSON Web Key has no member e of base64url text"),
        (r#"{"kty":"RSA","n":"AQ","e":"*"}"#, "the JSON Web Key has no member e of base64url text"),
    ] {
        world.write("key.json", json);
        let run = world.run("account import key.json --ca dev");
        assert_eq!(run.code(), Some(2));
        assert!(run.stderr().contains(&format!("  because: {cause}\n")), "{}", run.stderr());
    }
    assert!(!world.path("state").exists());
}
