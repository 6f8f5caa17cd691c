//! Programs that are run after a publication.

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn deploy_hook_gets_lineage_and_domains() {
    let world = World::new();
    world.script("hook", "echo \"$RENEWED_LINEAGE|$RENEWED_DOMAINS|$*\" >> hook.log");
    let mut command = world.command("issue www.example.test example.test --ca dev");
    command.env("ACME_DEPLOY_HOOK", "./hook 'one word' two");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
hook: [WORLD]/hook 'one word' two
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    let lineage = world.path("state/certs/www.example.test/current");
    let log = world.read("hook.log");
    let (logged, rest) = log.split_once('|').unwrap();
    assert_eq!(
        std::path::Path::new(logged),
        std::fs::canonicalize(world.path("state")).unwrap().join("certs/www.example.test/current")
    );
    assert!(lineage.exists());
    assert_eq!(rest, "www.example.test example.test|one word two\n");
}

#[test]
fn hook_that_fails_is_run_again_until_it_succeeds() {
    let world = World::new();
    world.script("hook", "echo starting; echo no such service >&2; test -e ready");
    assert_run!(
        world.run("issue www.example.test --ca dev --deploy-hook ./hook"),
        str![[r#"
exit 5
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
hook: [WORLD]/hook
error: the hook '[WORLD]/hook' failed: exit status 1
  | starting
  | no such service
  next: mend the hook; the next acmectl renew runs it again
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_run!(
        world.run("renew"),
        str![[r#"
exit 5
--- stderr
nothing is due
hook: [WORLD]/hook
error: the hook '[WORLD]/hook' failed: exit status 1
  | starting
  | no such service
  next: mend the hook; the next acmectl renew runs it again

"#]]
    );
    world.write("ready", "");
    assert_run!(
        world.run("renew"),
        str![[r#"
exit 0
--- stderr
nothing is due
hook: [WORLD]/hook

"#]]
    );
    assert_run!(
        world.run("renew"),
        str![[r#"
exit 0
--- stderr
nothing is due

"#]]
    );
}

#[test]
fn hook_that_hangs_is_killed() {
    let world = World::new();
    world.script("hook", "echo waiting; exec sleep 1000");
    let run = world.run("issue www.example.test --ca dev --deploy-hook ./hook --hook-timeout 0");
    assert_eq!(run.code(), Some(5));
    assert!(run.stderr().contains("took longer than 0 s and was killed"), "{}", run.stderr());
}

#[test]
fn reload_is_run_once() {
    let world = World::new();
    world.script("reload", "echo reloaded >> reload.log");
    assert_eq!(world.run("issue a.example.test --ca dev --reload ./reload").code(), Some(0));
    assert_eq!(world.run("issue b.example.test --ca dev --reload ./reload").code(), Some(0));
    assert_eq!(world.read("reload.log"), "reloaded\n".repeat(2));
    assert_eq!(world.run("renew --force --max-wait 0").code(), Some(0));
    assert_eq!(world.read("reload.log"), "reloaded\n".repeat(3));
}

#[test]
fn hook_that_does_not_exist() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev --deploy-hook no-such-program"),
        str![[r#"
exit 2
--- stderr
error: the program 'no-such-program' of a hook does not exist
  fault: on this side, not the CA's
  next: give the path of the program; hooks are no shell commands, write sh -c '...' for one

"#]]
    );
}

#[test]
fn hook_that_is_not_executable() {
    let world = World::new();
    world.write("hook", "echo\n");
    assert_run!(
        world.run("issue www.example.test --ca dev --deploy-hook ./hook"),
        str![[r#"
exit 2
--- stderr
error: the program '[WORLD]/hook' of a hook may not be run
  fault: on this side, not the CA's
  next: make it executable with chmod +x, or name its interpreter first

"#]]
    );
}

#[test]
fn hook_with_an_open_quote() {
    let world = World::new();
    let mut command = world.command("issue www.example.test --ca dev");
    command.env("ACME_RELOAD", "systemctl 'reload nginx");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 2
--- stderr
error: the hook 'systemctl 'reload nginx' can't be split into words: a quote is not closed
  fault: on this side, not the CA's
  next: close the quote; hooks are split into words, and no shell is involved

"#]]
    );
}

#[test]
fn empty_hook_is_none() {
    let world = World::new();
    assert_eq!(world.run("issue www.example.test --ca dev --reload false").code(), Some(5));
    let mut command = world.command("issue www.example.test");
    command.env("ACME_RELOAD", "");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
changed: reload from false to nothing
www.example.test: kept; it is right, and due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    assert_eq!(world.run("renew").code(), Some(0));
}

#[test]
fn hook_that_has_gone_keeps_no_certificate_from_renewal() {
    let world = World::new();
    world.script("hook", "true");
    assert_eq!(world.run("issue www.example.test --ca dev --deploy-hook ./hook").code(), Some(0));
    std::fs::remove_file(world.path("hook")).unwrap();
    assert_eq!(world.run("renew --force --max-wait 0").code(), Some(5));
    assert!(world.path("state/certs/www.example.test/0002").exists());
}
