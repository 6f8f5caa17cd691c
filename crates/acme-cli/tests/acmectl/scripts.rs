//! Programs that prove control, in the calling forms of lego, certbot and acme.sh.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use acme_testca::TestCa;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::CNAME;
use snapbox::str;

use super::loopback::{NameServer, fqdn};
use super::web::WebServer;
use super::world::{Run, World, assert_run};

fn ca() -> TestCa {
    TestCa::builder().always_valid().start().unwrap()
}

fn command(world: &World, ca: &TestCa, line: &str) -> Command {
    world.write("root.pem", ca.root_pem());
    let mut command = world.command(line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem").env("ACME_AGREE_TOS", "1");
    command
}

fn run(world: &World, ca: &TestCa, line: &str, variables: &[(&str, &str)]) -> Run {
    world.finish(command(world, ca, line).envs(variables.iter().copied()))
}

/// A program that notes how it is called.
fn noting(world: &World, name: &str) {
    world.script(name, "for word; do printf '[%s]' \"$word\"; done >> calls; echo >> calls");
}

/// The calls, without what is new each time.
fn calls(world: &World) -> Vec<String> {
    let regex = |text: &str| regex::Regex::new(text).unwrap();
    let (secret, value) = (regex(r"[\w-]{43}\.[\w-]{43}"), regex(r"[\w-]{43}"));
    let shown = |line: &str| value.replace_all(&secret.replace_all(line, "KEYAUTH"), "VALUE").into_owned();
    world.read("calls").lines().map(shown).collect()
}

/// <https://go-acme.github.io/lego/dns/exec/>: "three command-line parameters are passed to it".
#[test]
fn program_of_lego_is_called_as_lego_calls_it() {
    let (world, ca) = (World::new(), ca());
    noting(&world, "update-dns.sh");
    let variables = [("EXEC_PATH", "./update-dns.sh"), ("EXEC_PROPAGATION_TIMEOUT", "60")];
    let issued = run(&world, &ca, "issue example.test *.example.test --dns exec", &variables);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    let [present, cleanup] =
        ["present", "cleanup"].map(|action| format!("[{action}][_acme-challenge.example.test.][VALUE]"));
    assert_eq!(calls(&world), [present.clone(), present, cleanup.clone(), cleanup]);
    let values: Vec<String> = world.read("calls").lines().map(|line| line[10..].to_owned()).collect();
    assert_eq!(values[..2], values[2..], "what was put in place is taken away");

    // A renewal needs no variable, nor the directory.
    let mut renew = command(&world, &ca, "renew --force --max-wait 0");
    renew.env("ACME_DIR", world.path("state")).env("ACME_CA_ROOT", world.path("root.pem")).current_dir("/");
    let renewed = world.finish(&mut renew);
    assert_eq!(renewed.code(), Some(0), "{}", renewed.stderr());
    assert!(renewed.stderr().contains("hook: "), "{}", renewed.stderr());
}

#[test]
fn raw_mode_tells_token_and_key_authorization() {
    let (world, ca) = (World::new(), ca());
    noting(&world, "update-dns.sh");
    let variables = [("EXEC_PATH", "./update-dns.sh"), ("EXEC_MODE", "RAW")];
    let issued = run(&world, &ca, "issue my.example.test --dns exec", &variables);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    let expected =
        ["present", "cleanup"].map(|action| format!("[{action}][--][my.example.test][VALUE][KEYAUTH]"));
    assert_eq!(calls(&world), expected);
    let shown = world.run("show my.example.test").stdout();
    assert!(shown.contains("--dns exec-raw:"), "{shown}");
    let wrong =
        run(&world, &ca, "issue a.example.test --dns exec", &[("EXEC_PATH", "true"), ("EXEC_MODE", "raw")]);
    assert_eq!(wrong.code(), Some(2), "{}", wrong.stderr());
}

#[test]
fn any_program_gets_its_arguments_and_the_variables() {
    let (world, ca) = (World::new(), ca());
    world.script("hook", "env | grep ^ACMECTL_ | sort | cut -d= -f1 >> names; echo \"$1|$2|$4\" >> calls");
    let line = "issue example.test";
    let issued = run(&world, &ca, line, &[("ACME_DNS", "exec:./hook 'one word' two")]);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    assert_eq!(calls(&world), ["one word|two|_acme-challenge.example.test."; 2]);
    let names = "ACMECTL_ACTION\nACMECTL_CHALLENGE\nACMECTL_IDENTIFIER\nACMECTL_KEY_AUTHORIZATION\n\
                 ACMECTL_NAME\nACMECTL_TOKEN\nACMECTL_VALUE\n";
    assert_eq!(world.read("names"), names.repeat(2));
    assert!(run(&world, &ca, line, &[]).stderr().contains("kept"), "it is the same certificate");
}

/// The two programs of <https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks>,
/// "example usage for HTTP-01", for another directory.
#[test]
fn hooks_of_certbot_answer_http_01() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder());
    std::fs::create_dir_all(web.root().join(".well-known/acme-challenge")).unwrap();
    let file = format!("{}/.well-known/acme-challenge/$CERTBOT_TOKEN", web.root().display());
    world.script("authenticator.sh", &format!("echo $CERTBOT_VALIDATION > {file}"));
    world.script("cleanup.sh", &format!("rm -f {file}"));
    let line = "issue --manual --preferred-challenges=http --manual-auth-hook ./authenticator.sh \
                --manual-cleanup-hook ./cleanup.sh -d secure.example.test --agree-tos";
    let issued = world.finish(&mut manual(&world, &ca, &web, line));
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    assert!(!issued.stderr().contains("warning: seen from here"), "{}", issued.stderr());
    let left = || std::fs::read_dir(web.root().join(".well-known/acme-challenge")).unwrap().count();
    assert_eq!(left(), 0);

    let mut renew = manual(&world, &ca, &web, "renew --force --max-wait 0");
    renew.env("ACME_DIR", world.path("state")).env("ACME_CA_ROOT", world.path("root.pem")).current_dir("/");
    let renewed = world.finish(&mut renew);
    assert_eq!(renewed.code(), Some(0), "{}", renewed.stderr());
    assert_eq!(left(), 0);
    let shown = world.run("show secure.example.test").stdout();
    assert!(shown.contains("challenge:    http-01, through "), "{shown}");
    assert!(shown.contains("/cleanup.sh --preferred-challenges http-01"), "{shown}");
}

fn manual(world: &World, ca: &TestCa, web: &WebServer, line: &str) -> Command {
    let mut command = command(world, ca, line);
    command.env("ACME_HTTP_REACH", web.address().to_string());
    command
}

#[test]
fn hooks_of_certbot_get_its_variables() {
    let (world, ca) = (World::new(), ca());
    let note = "echo \"$1 $CERTBOT_DOMAIN=$CERTBOT_IDENTIFIER [$CERTBOT_VALIDATION] token[$CERTBOT_TOKEN] \
                $CERTBOT_REMAINING_CHALLENGES left of $CERTBOT_ALL_DOMAINS=$CERTBOT_ALL_IDENTIFIERS, \
                auth[$CERTBOT_AUTH_OUTPUT]\" >> calls";
    world.script("hook", &format!("{note}\necho \"  record of $CERTBOT_DOMAIN\"; echo noise >&2"));
    // A token of somebody else's is not passed on.
    let variables = [
        ("ACME_MANUAL_AUTH_HOOK", "./hook auth"),
        ("ACME_MANUAL_CLEANUP_HOOK", "./hook cleanup"),
        ("CERTBOT_TOKEN", "old"),
    ];
    let issued =
        run(&world, &ca, "issue example.test www.example.test --preferred-challenges dns", &variables);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    let calls = calls(&world);
    // A CA may have the names in another order.
    let mut names = ["example.test", "www.example.test"];
    if calls[0].starts_with("auth www") {
        names.reverse();
    }
    let ([first, second], all) = (names, names.join(","));
    let expected = [("auth", first, 1), ("auth", second, 0), ("cleanup", first, 1), ("cleanup", second, 0)]
        .map(|(verb, name, left)| {
            let output = if verb == "auth" { String::new() } else { format!("record of {name}") };
            format!("{verb} {name}={name} [VALUE] token[] {left} left of {all}={all}, auth[{output}]")
        });
    assert_eq!(calls, expected);
    // As with certbot, a wildcard is proved by DNS where both are possible.
    std::fs::remove_file(world.path("calls")).unwrap();
    let issued = run(&world, &ca, "issue *.example.test", &variables[..2]);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    assert!(self::calls(&world)[0].starts_with("auth example.test=example.test [VALUE] token[] 0 left"));
}

/// An acme.sh of our own in the form of the real one: sourced, it runs the word that it is given, and
/// `_initpath` reads its configuration.
const ACME_SH: &str = r#"
_initpath() {
  . "$LE_WORKING_DIR/account.conf"
  echo "for $1 with $_SCRIPT_HOME" >>"$LE_WORKING_DIR/calls"
}
_readaccountconf_mutable() {
  sed -n "s/^SAVED_$1='\(.*\)'$/\1/p" "$LE_WORKING_DIR/account.conf"
}
_info() {
  echo "$1"
}
main() {
  [ -z "$1" ] && echo "help" && return
  "$@"
}
main "$@"
"#;

/// A script in the form of <https://github.com/acmesh-official/acme.sh/wiki/DNS-API-Dev-Guide>.
const DNS_MYAPI: &str = r#"#!/usr/bin/env sh
dns_myapi_add() {
  fulldomain=$1
  txtvalue=$2
  MYAPI_Token="${MYAPI_Token:-$(_readaccountconf_mutable MYAPI_Token)}"
  _info "Using myapi"
  echo "add $fulldomain $txtvalue $MYAPI_Token $USER_AGENT" >>"$LE_WORKING_DIR/calls"
}
dns_myapi_rm() {
  fulldomain=$1
  txtvalue=$2
  echo "rm $fulldomain $txtvalue" >>"$LE_WORKING_DIR/calls"
}
"#;

fn install_acme_sh(world: &World) {
    std::fs::create_dir_all(world.path(".acme.sh/dnsapi")).unwrap();
    world.write(".acme.sh/acme.sh", ACME_SH);
    world.write(".acme.sh/dnsapi/dns_myapi.sh", DNS_MYAPI);
    world.write(".acme.sh/account.conf", "USER_AGENT='of the account'\nSAVED_MYAPI_Token='the-token'\n");
}

#[test]
fn script_of_acme_sh_runs_with_its_functions_and_credentials() {
    let (world, ca) = (World::new(), ca());
    install_acme_sh(&world);
    // As in acme.sh's own command line.
    let issued = run(&world, &ca, "issue --dns dns_myapi -d example.test -d *.example.test", &[]);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    assert!(issued.stderr().contains("  | Using myapi"), "{}", issued.stderr());
    assert!(!issued.stderr().contains("  | help"), "{}", issued.stderr());
    let home = world.path(".acme.sh").display().to_string();
    let calls: Vec<String> = world.read(".acme.sh/calls").lines().map(str::to_owned).collect();
    assert_eq!(calls.len(), 8);
    assert_eq!(calls[0], format!("for example.test with {home}"));
    assert!(calls[1].starts_with("add _acme-challenge.example.test "), "{}", calls[1]);
    assert!(calls[1].ends_with(" the-token of the account"), "{}", calls[1]);
    assert!(calls[5].starts_with("rm _acme-challenge.example.test "), "{}", calls[5]);
    assert_eq!(calls[1].split(' ').nth(2), calls[5].split(' ').nth(2), "what was added is removed");

    let mut renew = command(&world, &ca, "renew --force --max-wait 0");
    let renewed = world.finish(renew.env("HOME", "/nowhere"));
    assert_eq!(renewed.code(), Some(0), "where acme.sh is, is remembered: {}", renewed.stderr());
}

#[test]
fn what_can_not_be_called_is_said_before_a_ca_is_asked() {
    let (world, ca) = (World::new(), ca());
    install_acme_sh(&world);
    let refused = |dns: &str, expected: &str| {
        let refused = run(&world, &ca, "issue example.test", &[("ACME_DNS", dns)]);
        assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
        assert!(refused.stderr().contains(expected), "{}", refused.stderr());
    };
    refused("exec", "EXEC_PATH is not set");
    refused("exec:", "EXEC_PATH is not set");
    refused("exec:no-such-program", "the program 'no-such-program' of a hook does not exist");
    refused("exec:true 'open", "a quote is not closed");
    refused("acme.sh", "names no script");
    refused("dns_other", "has no dns_other.sh");
    refused("dns_../../evil", "is no name of a DNS script");
    let line = "issue example.test --manual-auth-hook true --preferred-challenges tls-alpn";
    assert_eq!(run(&world, &ca, line, &[]).code(), Some(2));
    let line = "issue *.example.test --manual-auth-hook true --preferred-challenges http";
    assert!(run(&world, &ca, line, &[]).stderr().contains("can't be proved"));
    assert_eq!(run(&world, &ca, "issue example.test --manual", &[]).code(), Some(2));
    assert!(ca.requests().is_empty());
}

#[test]
fn program_that_fails_is_shown_and_what_it_began_is_taken_away() {
    let (world, ca) = (World::new(), ca());
    world.script(
        "hook",
        "echo \"$1\" >> calls; echo asking; printf 'no such \\033[31mzone\\n' >&2; test $1 = cleanup",
    );
    let failed = run(&world, &ca, "issue example.test *.example.test --dns exec:./hook", &[]);
    assert_run!(
        failed,
        str![[r#"
exit 3
--- stderr
  renewals remember the program and its arguments; variables that it reads have to be there again
warning: no resolver answered the question for NS of example.test: whether the records can be seen everywhere is not looked at
example.test: asking https://127.0.0.1:[PORT]/directory, dns-01 through exec:[WORLD]/hook
example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
example.test: ordering
example.test: proving control of the names
hook: [WORLD]/hook (present for example.test)
  | asking
  | no such  [31mzone
hook: [WORLD]/hook (cleanup for example.test)
  | asking
  | no such  [31mzone
error: example.test: the dns-01 response for example.test could not be put in place
  because: the program for example.test failed, saying: no such  [31mzone
  because: '[WORLD]/hook' failed: exit status 1
  fault: on this side, not the CA's
  next: mend that, then try again
  then: acmectl renew tries again, not before [MOMENT]

"#]]
    );
    assert_eq!(calls(&world), ["present", "cleanup"], "what was not begun is not taken away");
    let quiet = run(&world, &ca, "issue other.test --dns exec:./hook --quiet", &[]);
    assert!(quiet.stderr().contains("  | asking"), "{}", quiet.stderr());
}

#[test]
fn cleanup_that_fails_is_tried_again_at_the_next_start() {
    let (world, ca) = (World::new(), ca());
    world.script("hook", "echo \"$1\" >> calls; test $1 = present || test -e ready");
    let issued = run(&world, &ca, "issue example.test --dns exec:./hook", &[]);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    assert!(issued.stderr().contains("can't be taken away"), "{}", issued.stderr());
    world.write("ready", "");
    let next = run(&world, &ca, "renew --max-wait 0", &[]);
    assert!(!next.stderr().contains("can't be taken away"), "{}", next.stderr());
    assert_eq!(calls(&world), ["present", "cleanup", "cleanup"]);
    run(&world, &ca, "renew --max-wait 0", &[]);
    assert_eq!(calls(&world).len(), 3);
}

/// Starts something, and hangs.
const HANG: &str = "sleep 1000 & echo \"$! $$\" > pids\necho waiting\nwait";

#[test]
fn program_that_hangs_is_ended_with_all_that_it_started() {
    let (world, ca) = (World::new(), ca());
    world.script("hook", &format!("test $1 = cleanup && exit\n{HANG}"));
    let failed = run(&world, &ca, "issue example.test --dns exec:./hook --hook-timeout 3", &[]);
    assert_eq!(failed.code(), Some(3), "{}", failed.stderr());
    assert!(failed.stderr().contains("took longer than 3 s and was killed"), "{}", failed.stderr());
    assert!(failed.stderr().contains("  | waiting"), "{}", failed.stderr());
    await_end(&world.read("pids"));
}

#[test]
fn daemon_that_a_program_leaves_behind_holds_nothing_up() {
    let (world, ca) = (World::new(), ca());
    world.script("hook", "test $1 = cleanup && exit\nsleep 1000 &\necho $! > pids");
    let issued = run(&world, &ca, "issue example.test --dns exec:./hook", &[]);
    assert_eq!(issued.code(), Some(0), "{}", issued.stderr());
    let daemon = world.read("pids");
    assert!(Command::new("kill").arg(daemon.trim()).status().unwrap().success(), "it goes on");
    await_end(&daemon);
}

#[test]
fn interrupt_ends_the_program_and_takes_away_what_it_began() {
    let (world, ca) = (World::new(), ca());
    world
        .script("hook", &format!("echo \"$1\" >> calls; test $1 = cleanup && exit\nkill -INT $PPID\n{HANG}"));
    let ended = run(&world, &ca, "issue example.test --dns exec:./hook", &[]);
    assert_eq!(ended.code(), Some(130), "{}", ended.stderr());
    assert_eq!(calls(&world), ["present", "cleanup"]);
    // It may have been ended before it started anything.
    await_end(&std::fs::read_to_string(world.path("pids")).unwrap_or_default());
}

#[test]
fn second_signal_leaves_no_program_behind() {
    let (world, ca) = (World::new(), ca());
    world.script(
        "hook",
        "test $1 = present && exit\necho $$ > pids\nkill -INT $PPID\nkill -TERM $PPID\nexec sleep 1000",
    );
    let ended = run(&world, &ca, "issue example.test --dns exec:./hook", &[]);
    assert_eq!(ended.code(), Some(130), "{}", ended.stderr());
    await_end(&world.read("pids"));
}

#[test]
fn what_a_killed_process_put_in_place_is_taken_away_at_the_next_start() {
    let (world, ca) = (World::new(), ca());
    world.script("hook", "echo \"$@\" >> calls; test -e ready || kill -KILL $PPID");
    let killed = run(&world, &ca, "issue example.test --dns exec:./hook", &[]);
    assert_eq!(killed.code(), None);
    world.write("ready", "");
    drop(ca);
    world.run("renew --max-wait 0");
    assert_eq!(
        calls(&world),
        ["present", "cleanup"].map(|action| format!("{action} _acme-challenge.example.test. VALUE"))
    );
}

#[test]
fn hooks_take_away_at_the_next_start_where_a_cname_leads() {
    let (world, ca) = (World::new(), ca());
    let dns = NameServer::start("site.test", |name, _| match name {
        "_acme-challenge.site.test" => vec![RData::CNAME(CNAME(fqdn("proof.site.test")))],
        _ => Vec::new(),
    });
    world.script("auth", "echo present $ACMECTL_NAME >> calls; kill -KILL $PPID");
    world.script("cleanup", "echo cleanup $ACMECTL_NAME >> calls");
    let hooks = "--manual-auth-hook ./auth --manual-cleanup-hook ./cleanup --preferred-challenges dns";
    let killed = run(&world, &ca, &format!("issue site.test {hooks} {}", dns.options()), &[]);
    assert_eq!(killed.code(), None);
    drop(ca);
    world.run(&format!("renew --max-wait 0 {}", dns.options()));
    assert_eq!(calls(&world), ["present proof.site.test", "cleanup proof.site.test"]);
}

/// Waits until some processes are no more; one that nobody collects does not run.
fn await_end(pids: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    for pid in pids.split_whitespace() {
        let stat = Path::new("/proc").join(pid).join("stat");
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        while runs() {
            assert!(Instant::now() < end, "process {pid} is still there");
            std::thread::yield_now();
        }
    }
}
