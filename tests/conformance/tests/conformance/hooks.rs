//! Programs that people have: lego's and certbot's own calls of them beside those of the command, and
//! what they write into a real name server.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use acme_conformance::client::World;
use acme_conformance::command::acmectl;
use acme_conformance::dns::Dns;
use acme_conformance::pdns::PowerDns;
use acme_conformance::pebble::{self, Settings};
use acme_testca::Config;
use tempfile::TempDir;

const NAMES: [&str; 2] = ["example.test", "*.example.test"];

fn script(directory: &Path, name: &str, body: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A CA that believes everything, and a directory for whoever calls programs.
fn believing() -> World {
    let mut config = Config::gentle();
    config.always_valid = true;
    World::start(config).unwrap()
}

/// The command, with what it has to know of the CA and of nothing else.
fn acmectl_at(world: &World) -> Command {
    let mut command = acmectl();
    command.current_dir(world.path("")).args(["issue", "--agree-tos", "--dir", "state"]);
    command.args(["--ca", world.ca().directory_url(), "--resolver", "127.0.0.1:1", "--ca-root"]);
    command.arg(world.root_file());
    command
}

/// What a program noted: its lines, with everything that is new each time by its length.
fn noted(world: &World) -> Vec<String> {
    let path = world.path("noted");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let masked = |line: &str| {
        let mut line = line.to_owned();
        for part in line.clone().split(|c: char| !is_part(c)).filter(|part| part.len() == 43) {
            line = line.replace(part, "43 characters");
        }
        line
    };
    let mut lines: Vec<String> = text.lines().map(masked).collect();
    lines.sort();
    lines
}

/// The same program, unmodified, called by lego and by the command.
#[test]
fn program_is_called_as_lego_calls_it() {
    drop(acmectl());
    let (world, dns) = (believing(), Dns::start(None).unwrap());
    let program = script(
        &world.path(""),
        "update-dns.sh",
        "for word; do printf '[%s]' \"$word\"; done >> noted; echo >> noted",
    );
    for mode in ["", "RAW"] {
        let mut lego = world.command("lego");
        lego.args(["--server", world.ca().directory_url(), "--accept-tos", "--email", "a@example.test"]);
        lego.args(["--path", "lego", "--dns", "exec", "--dns.disable-cp", "--dns.resolvers"]);
        lego.arg(dns.address().to_string()).args(NAMES.map(|name| format!("--domains={name}")));
        lego.env("EXEC_PATH", &program).env("EXEC_MODE", mode).env("EXEC_SEQUENCE_INTERVAL", "1");
        world.expect(lego.arg("run"));
        let expected = noted(&world);
        assert_eq!(expected.len(), 4, "{expected:?}");

        let mut command = acmectl_at(&world);
        command.args(NAMES).args(["--name", if mode.is_empty() { "default" } else { "raw" }]);
        command.env("EXEC_PATH", &program).env("EXEC_MODE", mode).env("EXEC_SEQUENCE_INTERVAL", "1");
        world.expect(command.args(["--dns", "exec", "--force"]));
        assert_eq!(noted(&world), expected, "mode '{mode}'");
    }
}

/// The same programs, unmodified, called by certbot and by the command with the same options.
#[test]
fn hooks_are_called_as_certbot_calls_them() {
    drop(acmectl());
    let world = believing();
    let note = "env | grep ^CERTBOT_ | grep -v IDENTIFIER | sort | tr '\\n' ' ' >> noted; echo >> noted";
    let auth = script(&world.path(""), "auth.sh", &format!("{note}; echo \" done \"; echo noise >&2"));
    let cleanup = script(&world.path(""), "cleanup.sh", note);
    for (challenge, names) in
        [("dns", &["*.example.test", "www.example.test"][..]), ("http", &["www.example.test"])]
    {
        let hooks = [
            "--manual",
            "--preferred-challenges",
            challenge,
            "--manual-auth-hook",
            &auth,
            "--manual-cleanup-hook",
            &cleanup,
        ];
        let domains = names.iter().flat_map(|name| ["-d", name]);
        let mut certbot = world.command("certbot");
        certbot.args([
            "certonly",
            "--non-interactive",
            "--server",
            world.ca().directory_url(),
            "--agree-tos",
        ]);
        certbot.args([
            "-m",
            "a@example.test",
            "--config-dir",
            "config",
            "--work-dir",
            "work",
            "--logs-dir",
            "logs",
        ]);
        certbot.args(["--cert-name", challenge]).args(hooks).args(domains.clone());
        world.expect(&mut certbot);
        let expected = noted(&world);
        assert_eq!(expected.len(), 2 * names.len(), "{expected:?}");

        let mut command = acmectl_at(&world);
        command.args(["--non-interactive", "--cert-name", challenge, "--force"]).args(hooks).args(domains);
        world.expect(&mut command);
        assert_eq!(noted(&world), expected, "{challenge}");
    }
}

/// A program for lego's `exec` as people have them: RFC 2136 by `nsupdate`.
const UPDATE_DNS: &str = r#"
case $1 in
  present) verb=add ;;
  cleanup) verb=delete ;;
esac
nsupdate <<EOF
server 127.0.0.1 $SERVER_PORT
zone example.test.
update $verb $2 60 TXT "$3"
send
EOF
"#;

/// Hooks for certbot, likewise.
const AUTHENTICATOR: &str = r#"
nsupdate <<EOF
server 127.0.0.1 $SERVER_PORT
zone example.test.
update add _acme-challenge.$CERTBOT_DOMAIN. 60 TXT "$CERTBOT_VALIDATION"
send
EOF
echo "_acme-challenge.$CERTBOT_DOMAIN."
"#;
const CLEANUP: &str = r#"
nsupdate <<EOF
server 127.0.0.1 $SERVER_PORT
zone example.test.
update delete $CERTBOT_AUTH_OUTPUT 60 TXT "$CERTBOT_VALIDATION"
send
EOF
"#;

/// An acme.sh of our own in the form of the real one, and a script for it: see the tests of the
/// command.
const ACME_SH: &str = r#"
_initpath() {
  . "$LE_WORKING_DIR/account.conf"
}
_readaccountconf_mutable() {
  eval "printf %s \"\$SAVED_$1\""
}
main() {
  "$@"
}
main "$@"
"#;
const DNS_OURS: &str = r#"
dns_ours_add() {
  _ours_update add "$1" "$2"
}
dns_ours_rm() {
  _ours_update delete "$1" "$2"
}
_ours_update() {
  SERVER_PORT=$(_readaccountconf_mutable SERVER_PORT)
  nsupdate <<EOF
server 127.0.0.1 $SERVER_PORT
zone example.test.
update $1 $2. 60 TXT "$3"
send
EOF
}
"#;

#[test]
fn programs_write_what_pebble_finds_and_take_it_away() {
    drop(acmectl());
    let server = Arc::new(PowerDns::start("example.test").unwrap());
    let own = r#"{"rrsets": [{"name": "example.test.", "type": "NS", "ttl": 60, "changetype": "REPLACE",
        "records": [{"content": "ns.example.test.", "disabled": false}]},
        {"name": "ns.example.test.", "type": "A", "ttl": 60, "changetype": "REPLACE",
        "records": [{"content": "127.0.0.1", "disabled": false}]},
        {"name": "_acme-challenge.alias.example.test.", "type": "CNAME", "ttl": 60, "changetype": "REPLACE",
        "records": [{"content": "elsewhere.example.test.", "disabled": false}]}]}"#;
    assert!(server.ask("PATCH", ZONE, own).unwrap().contains(" 204 "));
    // What was proved once is proved again, by whichever program.
    let settings =
        Settings { dns: Some(server.address()), authorization_reuse: Some(0), ..Settings::default() };
    pebble::with(&settings, move |pebble| {
        let dir = TempDir::new().unwrap();
        let port = server.address().port().to_string();
        for (name, method, variables) in methods(dir.path(), &port) {
            let run = |line: &[&str], more: &[String]| {
                let mut command = acmectl();
                command.args(line).args(more).arg("--dir").arg(dir.path().join("state"));
                command.args(["--resolver", &server.address().to_string(), "--dns-port", &port]);
                let output = command.envs(&variables).output().unwrap();
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.code(), Some(0), "{name}: {told}");
                told
            };
            let (url, root) = (pebble.directory_url(), pebble.root_file().display().to_string());
            let line = [
                "issue",
                NAMES[0],
                NAMES[1],
                "--agree-tos",
                "--ca",
                &url,
                "--ca-root",
                &root,
                "--name",
                name,
            ];
            // Where a CNAME is, no TXT record can be. Hooks of certbot find the name by themselves.
            let alias = (name != "manual").then(|| "alias.example.test".to_owned());
            let told = run(&line, &method.into_iter().chain(alias).collect::<Vec<_>>());
            assert!(told.contains("ns.example.test (127.0.0.1) shows the records"), "{name}: {told}");
            run(&["renew", "--force", "--max-wait", "0", name], &[]);
            let zone = server.ask("GET", ZONE, "").unwrap();
            assert_eq!(zone.matches("\"TXT\"").count(), 0, "{name}: {zone}");
        }
    });
}

/// A name, options and variables for each calling form.
fn methods(dir: &Path, port: &str) -> Vec<(&'static str, Vec<String>, BTreeMap<&'static str, String>)> {
    let update = script(dir, "update-dns.sh", UPDATE_DNS);
    let (auth, cleanup) =
        (script(dir, "authenticator.sh", AUTHENTICATOR), script(dir, "cleanup.sh", CLEANUP));
    fs::create_dir_all(dir.join("acme.sh/dnsapi")).unwrap();
    fs::write(dir.join("acme.sh/acme.sh"), ACME_SH).unwrap();
    fs::write(dir.join("acme.sh/dnsapi/dns_ours.sh"), DNS_OURS).unwrap();
    fs::write(dir.join("acme.sh/account.conf"), format!("SAVED_SERVER_PORT='{port}'\n")).unwrap();
    let server_port = ("SERVER_PORT", port.to_owned());
    let home = dir.join("acme.sh").display().to_string();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let hooks = ["--manual", "--manual-auth-hook", &auth, "--manual-cleanup-hook", &cleanup];
    let of_certbot = [&hooks[..], &["--preferred-challenges", "dns"]].concat();
    vec![
        ("exec", words(&["--dns", "exec"]), BTreeMap::from([("EXEC_PATH", update), server_port.clone()])),
        ("manual", words(&of_certbot), BTreeMap::from([server_port])),
        ("acme-sh", words(&["--dns", "dns_ours"]), BTreeMap::from([("LE_WORKING_DIR", home)])),
    ]
}

const ZONE: &str = "/api/v1/servers/localhost/zones/example.test.";
