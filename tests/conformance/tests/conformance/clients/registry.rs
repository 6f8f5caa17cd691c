//! Clients from PyPI and npm, in their newest releases.
#![expect(clippy::print_stderr, reason = "what is left out must not pass in silence")]

use std::path::PathBuf;

use acme_conformance::registry::{Presence, find};

use super::{Config, NAMES, World, certbot};

#[test]
fn the_newest_certbot_issues_renews_and_revokes() {
    let Some(directory) = installed("certbot") else { return };
    certbot::issue_renew_and_revoke(&directory.join("bin/certbot"));
}

#[test]
fn acme_client_of_node_issues_renews_and_revokes() {
    let Some(directory) = installed("acme-client") else { return };
    let world = World::start(Config::default()).unwrap();
    let mut command = world.command("node");
    command.args(["--eval", ACME_CLIENT]);
    command.env("NODE_PATH", directory.join("node_modules"));
    command.env("DIRECTORY_URL", world.ca().directory_url());
    command.env("CHALLENGES", world.web_root().join(".well-known/acme-challenge"));
    command.env("NAMES", NAMES.join(","));
    world.expect(&mut command);
    world.expect_issued_renewed_and_revoked();
}

fn installed(client: &str) -> Option<PathBuf> {
    match find(client) {
        Presence::Installed(directory) => Some(directory),
        Presence::LeftOut(reason) => {
            eprintln!("LEFT OUT: {client} could not be installed: {reason}");
            None
        }
    }
}

/// It would look for the challenge itself, at a name that leads nowhere here.
const ACME_CLIENT: &str = r"
const fs = require('fs'), acme = require('acme-client');
const file = challenge => `${process.env.CHALLENGES}/${challenge.token}`;
async function issue(client) {
    const [, csr] = await acme.crypto.createCsr({ altNames: process.env.NAMES.split(',') });
    return client.auto({
        csr, email: 'a@example.test', termsOfServiceAgreed: true,
        challengePriority: ['http-01'], skipChallengeVerification: true,
        challengeCreateFn: async (authorization, challenge, key) => fs.writeFileSync(file(challenge), key),
        challengeRemoveFn: async (authorization, challenge) => fs.unlinkSync(file(challenge)),
    });
}
(async () => {
    const accountKey = await acme.crypto.createPrivateKey();
    const client = new acme.Client({ directoryUrl: process.env.DIRECTORY_URL, accountKey });
    await issue(client);
    await client.revokeCertificate(await issue(client), { reason: 4 });
})().catch(error => { console.error(error); process.exit(1); });
";
