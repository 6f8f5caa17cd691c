//! certbot, Debian's.

use std::path::Path;

use super::{Config, NAMES, World};

#[test]
fn a_certificate_is_issued_renewed_and_revoked() {
    issue_renew_and_revoke(Path::new("certbot"));
}

/// What a certbot of any age must be able to do.
pub(super) fn issue_renew_and_revoke(program: &Path) {
    let world = World::start(Config::default()).unwrap();
    let call = |verb: &str, more: &[&str]| {
        let mut command = world.command(program);
        command.args([verb, "--non-interactive", "--server", world.ca().directory_url()]);
        for (option, directory) in
            [("--config-dir", "config"), ("--work-dir", "work"), ("--logs-dir", "logs")]
        {
            command.arg(option).arg(world.path(directory));
        }
        world.expect(command.args(more));
    };
    let web_root = world.web_root();
    let web_root = web_root.to_str().unwrap();
    let [first, second] = NAMES;
    call(
        "certonly",
        &["--webroot", "-w", web_root, "--agree-tos", "-m", "a@example.test", "-d", first, "-d", second],
    );
    call("renew", &["--force-renewal", "--no-random-sleep-on-renew"]);
    call("revoke", &["--cert-name", first, "--reason", "superseded"]);
    world.expect_issued_renewed_and_revoked();
}
