//! What other programs read: completions for shells, and the manual.

use std::process::{Command, Stdio};

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn completions_of_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = World::new().run(&format!("completions {shell}"));
        assert_eq!((run.code(), run.stderr().as_str()), (Some(0), ""), "{shell}");
        for word in ["issue", "dev-ca", "webroot", "completions"] {
            assert!(run.stdout().contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn completions_are_a_script() {
    let world = World::new();
    world.write("acmectl.bash", &world.run("completions bash").stdout());
    let line = "source ./acmectl.bash && COMP_WORDS=(acmectl rev) && COMP_CWORD=1 \
                && _acmectl acmectl rev acmectl && echo ${COMPREPLY[@]}";
    let bash = Command::new("bash").args(["-c", line]).current_dir(world.path(".")).output().unwrap();
    assert_eq!(String::from_utf8(bash.stdout).unwrap(), "revoke\n");
}

#[test]
fn unknown_shell() {
    assert_run!(
        World::new().run("completions tcsh"),
        str![[r#"
exit 2
--- stderr
error: invalid value 'tcsh' for '<SHELL>'
  [possible values: bash, elvish, fish, powershell, zsh]

  tip: a similar value exists: 'zsh'

For more information, try '--help'.

"#]]
    );
}

#[test]
fn manual_has_every_command() {
    let world = World::new();
    let manual = world.run("man");
    assert_eq!((manual.code(), manual.stderr().as_str()), (Some(0), ""));
    let (manual, help) = (manual.stdout(), world.run("help").stdout());
    assert!(manual.contains("\n.TH acmectl 1"));
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().map_while(|line| line.split_whitespace().next());
    for command in commands.filter(|command| *command != "help") {
        assert!(manual.contains(&format!("\n.SH ACMECTL {}", command.to_uppercase())), "{command}");
    }
    assert!(manual.contains("\n.SH ACMECTL ACCOUNT IMPORT\n"), "the commands below a command, too");
    assert!(manual.contains("Exit status: 0 done"));
}

#[test]
fn manual_has_the_names_that_other_clients_use() {
    let manual = World::new().run("man").stdout();
    let (_, names) = manual.split_once(".SH NAMES THAT OTHER CLIENTS USE\n").unwrap();
    for name in
        [r"\-\-server", r"\-\-staging", r"\-d", r"\-m", r"\-w, ", r"\-\-accept\-tos", r"\-\-cert\-name"]
    {
        assert!(names.contains(&format!("\n.TP\n{name}")), "{name}");
    }
    for name in [r"\-n, ", r"\-\-force\-renewal", r"\-\-config\-dir", r"\-\-path", r"\-\-reloadcmd"] {
        assert!(names.contains(name), "{name}");
    }
    assert!(!manual.contains(r"\-\-hook\-timeout"), "what is for tests is no news for people");
}

#[test]
fn documents_are_printed_although_little_else_is() {
    let world = World::new();
    let manual = world.run("man").stdout();
    assert!(!manual.is_empty());
    assert_eq!(world.run("man --quiet").stdout(), manual);
    assert_eq!(world.run("man --json").stdout(), manual);
}

#[test]
fn reader_that_has_seen_enough() {
    let world = World::new();
    let mut child = world.command("man").spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(world.wait(child).code(), Some(0));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = world.command("man");
    assert_run!(
        world.finish(command.stdout(Stdio::from(full))),
        str![[r#"
exit 1
--- stderr
error: standard output can't be written
  because: No space left on device (os error 28)
  fault: on this side, not the CA's
  next: what is there is cut short; send it where there is room

"#]]
    );
}

#[test]
fn they_need_no_home() {
    let world = World::new();
    for line in ["completions bash", "man", "dev-ca -- true"] {
        let run = world.finish(world.command(line).env_remove("HOME").env_remove("ACME_DIR"));
        assert_eq!(run.code(), Some(0), "{line}: {}", run.stderr());
    }
}
