//! dehydrated, Debian's.

use std::fs;
use std::process::Command;

use acme_testca::{Action, Fault, Operation};

use super::{Config, NAMES, World};

#[test]
fn a_certificate_is_issued_renewed_and_revoked() {
    let mut config = Config::default();
    config.nonce_refusal_percent = 0;
    let world = World::start(config).unwrap();
    configure(&world);
    world.expect(dehydrated(&world).args(["--register", "--accept-terms"]));
    world.expect(dehydrated(&world).args(["--cron", "--domain", &NAMES.join(" ")]));
    world.expect(dehydrated(&world).args(["--cron", "--force", "--domain", &NAMES.join(" ")]));
    let certificate = world.path("certs").join(NAMES[0]).join("cert.pem");
    world.expect(dehydrated(&world).arg("--revoke").arg(certificate));
    world.expect_issued_renewed_and_revoked();
}

/// RFC 8555 section 6.5 says to try again with the new nonce. dehydrated does not.
#[test]
fn a_refused_nonce_is_what_it_gives_up_at() {
    let world = World::start(Config::gentle()).unwrap();
    configure(&world);
    world.expect(dehydrated(&world).args(["--register", "--accept-terms"]));
    world.ca().fault(Fault::on(Operation::NewOrder, Action::BadNonce));
    let output = world.expect_failure(dehydrated(&world).args(["--cron", "--domain", NAMES[0]]));
    assert!(output.contains("urn:ietf:params:acme:error:badNonce"), "{output}");
}

fn configure(world: &World) {
    let here = world.path("");
    let challenges = world.web_root().join(".well-known/acme-challenge");
    let url = world.ca().directory_url();
    let text =
        format!("CA={url}\nBASEDIR={here:?}\nWELLKNOWN={challenges:?}\nCONTACT_EMAIL=a@example.test\n");
    fs::write(world.path("config"), text).unwrap();
}

fn dehydrated(world: &World) -> Command {
    let mut command = world.command("dehydrated");
    command.arg("--config").arg(world.path("config"));
    command
}
