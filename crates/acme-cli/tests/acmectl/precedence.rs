//! Options beat variables, and what is remembered stands for what is not said.

use acme_keys::CertificateInfo;
use acme_testca::{AlternateChains, Config, TestCa};

use super::world::World;

#[test]
fn an_option_beats_a_variable_that_it_excludes() {
    let world = World::new();
    for line in [
        "issue www.example.test --ca dev --http",
        "issue --http-listen=127.0.0.1:0 --ca dev -d b.example.test",
    ] {
        let mut command = world.command(line);
        let run = world.finish(command.env("ACME_WEBROOT", "nowhere"));
        assert_eq!(run.code(), Some(0), "{}", run.stderr());
    }
    let mut command = world.command("issue www.example.test --new-key");
    let run = world.finish(command.env("ACME_REUSE_KEY", "1"));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    // Without an option the variable holds.
    let mut command = world.command("issue c.example.test --ca dev");
    assert_eq!(world.finish(command.env("ACME_WEBROOT", "nowhere")).code(), Some(2));
}

#[test]
fn options_that_exclude_each_other() {
    let run = World::new().run("issue www.example.test --ca dev --http --webroot nowhere");
    assert_eq!(run.code(), Some(2));
    assert!(run.stderr().contains("cannot be used with"), "{}", run.stderr());
}

#[test]
fn names_that_are_not_given_are_those_of_the_certificate() {
    let world = World::new();
    let run = world.run("issue --name site --ca dev");
    assert!(run.stderr().contains("no name is given"), "{}", run.stderr());
    assert!(run.code() == Some(2) && !world.path("state").exists());
    assert_eq!(world.run("issue a.example.test b.example.test --name site --ca dev").code(), Some(0));
    let run = world.run("issue --name site --key-type ecdsa-p384");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let leaf = world.read("state/certs/site/current/cert.pem");
    assert_eq!(CertificateInfo::from_pem(leaf).unwrap().names.len(), 2);
    let kept = world.run("issue --name site");
    assert!(kept.stderr().contains("site: kept"), "{}", kept.stderr());
    assert_eq!(world.run("issue --name other").code(), Some(2));
}

#[test]
fn a_chain_to_another_root_is_preferred() {
    let world = World::new();
    let mut config = Config::gentle();
    config.alternate_chains = AlternateChains::Relative;
    let (ca, web) = world.authority(TestCa::builder().config(config));
    let issuer = CertificateInfo::from_pem(ca.other_root_pem().unwrap()).unwrap().issuer;
    let name = issuer.strip_prefix("CN=").unwrap().replace("\\,", ",");
    let last_issuer = || {
        let chain = world.read("state/certs/www.example.test/current/fullchain.pem");
        CertificateInfo::chain_from_pem(chain).unwrap().last().unwrap().issuer.clone()
    };
    assert_eq!(world.run_at(&ca, &web, "issue www.example.test").code(), Some(0));
    assert_ne!(last_issuer(), issuer);
    let mut command = world.command_at(&ca, &web, "issue www.example.test --force");
    let run = world.finish(command.args(["--preferred-chain", &name]));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(last_issuer(), issuer);
    let shown = world.run("show www.example.test").stdout();
    assert!(shown.contains(&format!("chain:        to {name}, if the CA has one\n")), "{shown}");
    assert_eq!(world.run_at(&ca, &web, "renew --force --max-wait 0").code(), Some(0));
    assert_eq!(last_issuer(), issuer);
}
