//! `ca`: what is known of CAs, and what they offer.

use acme_testca::{Config, MacKey, TestCa};
use serde_json::Value;
use snapbox::str;

use super::web::DeadPort;
use super::world::{World, assert_run};

#[test]
fn table_of_all() {
    let world = World::new();
    assert_run!(
        world.run("ca"),
        str![[r#"
exit 0
--- stdout
NAME                 CA                               EXTERNAL ACCOUNT  DIRECTORY
letsencrypt          Let's Encrypt                    -                 https://acme-v02.api.letsencrypt.org/directory
letsencrypt-staging  Let's Encrypt (staging)          -                 https://acme-staging-v02.api.letsencrypt.org/directory
google               Google Trust Services            needed            https://dv.acme-v02.api.pki.goog/directory
google-staging       Google Trust Services (staging)  needed            https://dv.acme-v02.test-api.pki.goog/directory
zerossl              ZeroSSL                          needs --email     https://acme.zerossl.com/v2/DV90
sslcom               SSL.com                          needed            https://acme.ssl.com/sslcom-dv-ecc
sslcom-rsa           SSL.com (RSA)                    needed            https://acme.ssl.com/sslcom-dv-rsa
actalis              Actalis                          needed            https://acme-api.actalis.com/acme/directory
digicert             DigiCert                         needed            https://one.digicert.com/mpki/api/v1/acme/v2/directory
sectigo              Sectigo                          needed            https://acme.sectigo.com/v2/DV
sectigo-ov           Sectigo (OV)                     needed            https://acme.sectigo.com/v2/OV
globalsign           GlobalSign                       needed            https://emea.acme.atlas.globalsign.com/directory
litessl              LiteSSL                          needed            https://acme.litessl.com/acme/v2/directory
freessl              FreeSSL                          needed            https://acmepro.freessl.cn/v2/DV
peeringhub           PeeringHub                       needed            https://stica.peeringhub.io/acme
dev                  the test CA                      -                 in this process
--- stderr
  more of one: acmectl ca NAME

"#]]
    );
    assert!(!world.path("state").exists(), "nothing is kept");
}

#[test]
fn each_fact_has_a_day() {
    let run = World::new().run("ca --json");
    let mut names = Vec::new();
    for line in run.stdout().lines() {
        let ca: Value = serde_json::from_str(line).unwrap();
        let facts = ca["facts"].as_array().unwrap();
        assert!(!facts.is_empty(), "{ca}");
        for fact in facts {
            let day: jiff::civil::Date = fact["as_of"].as_str().unwrap().parse().unwrap();
            assert!(day.year() >= 2026, "{fact}");
        }
        let url = ca["directory_url"].as_str().unwrap();
        assert!(url.starts_with("https://") || url == "dev", "{url}");
        names.push(ca["name"].as_str().unwrap().to_owned());
    }
    for name in ["letsencrypt", "google-staging", "zerossl", "sslcom", "sslcom-rsa", "actalis", "dev"] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn what_a_directory_says() {
    let world = World::new();
    let key = MacKey::from_base64url("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I").unwrap();
    let ca = TestCa::builder().config(Config::google("kid-1", key)).start().unwrap();
    world.write("root.pem", ca.root_pem());
    let line = format!("ca {} --ca-root root.pem", ca.directory_url());
    assert_run!(
        world.run(&line),
        str![[r#"
exit 0
--- stdout
now:               what its directory says
terms:             none: nothing has to be agreed to
external account:  needed
CAA:               pki.goog
profiles:          minimal: minimal
                   standard: standard
renewal:           it says when to renew (ARI)
account key:       can be changed
authorization:     also before an order
--- stderr
asking https://127.0.0.1:[PORT]/directory

"#]]
    );
    assert_run!(
        world.run(&format!("{line} --json")),
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"ca","directory_url":"https://127.0.0.1:[PORT]/directory","offers":{"caa_identities":["pki.goog"],"external_account_required":true,"key_change":true,"new_authz":true,"profiles":{"minimal":"minimal","standard":"standard"},"renewal_info":true,"terms_of_service":null,"website":null}}
--- stderr
asking https://127.0.0.1:[PORT]/directory

"#]]
    );
}

#[test]
fn the_test_ca_is_asked_too() {
    let world = World::new();
    assert_run!(
        world.run("ca dev"),
        str![[r#"
exit 0
--- stdout
CA:                the test CA (dev)
external account:  not needed
trust:             its certificates are trusted by nobody; its root is DIR/dev-ca/root.pem [2026-11-24]
names:             any name or address, public or not, which it looks for on this machine [2026-11-24]
now:               what its directory says
terms:             none: nothing has to be agreed to
external account:  not needed
profiles:          none
renewal:           it says when to renew (ARI)
account key:       can be changed
authorization:     also before an order
--- stderr
asking the test CA

"#]]
    );
    assert!(!world.path("state").exists(), "nothing is kept");
}

#[test]
fn a_ca_that_does_not_answer() {
    let world = World::new();
    let port = DeadPort::new();
    assert_run!(
        world.run(&format!("ca {}", port.directory_url())),
        str![[r#"
exit 3
--- stderr
asking https://127.0.0.1:[PORT]/directory
error: no response from the CA (directory)
  because: the connection could not be made
  because: Connection refused (os error 111)
  fault: the network's
  next: check that the CA is up, and that this machine may connect to it; then try again

"#]]
    );
    let run = world.run(&format!("ca {} --json", port.directory_url()));
    let first: Value = serde_json::from_str(run.stdout().lines().next().unwrap()).unwrap();
    assert_eq!(first["offers"], Value::Null);
}

#[test]
fn no_such_ca() {
    assert_run!(
        World::new().run("ca letsencrpt"),
        str![[r#"
exit 2
--- stderr
error: there is no CA 'letsencrpt'
  fault: on this side, not the CA's
  next: give the https URL of a directory, or a name that is in the list:
      acmectl ca

"#]]
    );
}
