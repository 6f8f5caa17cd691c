//! lego, Debian's.

use std::process::Command;

use acme_testca::AlternateChains;

use super::{Config, NAMES, World};

#[test]
fn a_certificate_is_issued_renewed_and_revoked() {
    let mut config = Config::default();
    config.alternate_chains = AlternateChains::Absolute;
    config.reorder_identifiers = false;
    let world = World::start(config).unwrap();
    world.expect(lego(&world, &NAMES).arg("run"));
    world.expect(lego(&world, &NAMES).args(["renew", "--days", "9999", "--no-random-sleep"]));
    world.expect(lego(&world, &NAMES[..1]).arg("revoke"));
    world.expect_issued_renewed_and_revoked();
}

/// RFC 8288 section 3.1 lets a link be relative. lego takes it for a URL.
#[test]
fn a_relative_alternate_link_is_what_it_stumbles_over() {
    let mut config = Config::gentle();
    config.alternate_chains = AlternateChains::Relative;
    config.always_valid = true;
    let world = World::start(config).unwrap();
    let output = world.expect_failure(lego(&world, &NAMES).arg("run"));
    assert!(output.contains("unsupported protocol scheme"), "{output}");
}

/// RFC 8555 gives the names of a certificate no order. lego renews it under the one that comes first.
#[test]
fn names_in_another_order_are_what_it_loses_a_certificate_by() {
    let mut config = Config::gentle();
    config.reorder_identifiers = true;
    config.always_valid = true;
    let world = World::start(config).unwrap();
    for _ in 0..RUNS {
        world.expect(lego(&world, &NAMES).arg("run"));
        world.expect(lego(&world, &NAMES).args(["renew", "--days", "9999", "--no-random-sleep"]));
        if world.path("lego/certificates").join(format!("{}.crt", NAMES[1])).exists() {
            return;
        }
    }
    panic!("{RUNS} certificates are all under the name that was asked for first");
}

const RUNS: usize = 16;

fn lego(world: &World, names: &[&str]) -> Command {
    let mut command = world.command("lego");
    command.args(["--server", world.ca().directory_url(), "--accept-tos", "--email", "a@example.test"]);
    command.arg("--path").arg(world.path("lego")).arg("--http").arg("--http.webroot").arg(world.web_root());
    for name in names {
        command.args(["--domains", name]);
    }
    command
}
