//! uacme, Debian's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{Config, NAMES, World};

#[test]
fn a_certificate_is_issued_renewed_and_revoked() {
    let world = World::start(Config::default()).unwrap();
    let hook = world.path("hook");
    fs::write(&hook, HOOK).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    world.expect(uacme(&world).args(["new", "a@example.test"]));
    world.expect(uacme(&world).arg("issue").args(NAMES));
    world.expect(uacme(&world).arg("--force").arg("issue").args(NAMES));
    let certificate = world.path("uacme").join(NAMES[0]).join("cert.pem");
    world.expect(uacme(&world).arg("revoke").arg(certificate));
    world.expect_issued_renewed_and_revoked();
}

/// It trusts the system's roots and can't be told of others: it runs in a mount namespace of its
/// own, where the root of the CA is in their place.
fn uacme(world: &World) -> Command {
    let mut command = world.command("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", INSTEAD, "sh"]).arg(world.root_file());
    command.args(["uacme", "--verbose", "--yes", "--acme-url", world.ca().directory_url()]);
    command.arg("--confdir").arg(world.path("uacme")).arg("--hook").arg(world.path("hook"));
    command.env("CHALLENGES", world.web_root().join(".well-known/acme-challenge"));
    command
}

const INSTEAD: &str = "mount --bind \"$1\" /etc/ssl/certs/ca-certificates.crt && shift && exec \"$@\"";

const HOOK: &str = r#"#!/bin/sh
test "$2" = http-01 || exit 1
case $1 in
    begin) printf %s "$5" > "$CHALLENGES/$4" ;;
    *) rm -f "$CHALLENGES/$4" ;;
esac
"#;
