//! The units that renew.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::world::{Run, World, assert_run};
use snapbox::str;

#[test]
fn units_are_printed() {
    let run = World::new().run("systemd");
    assert_eq!((run.code(), run.stderr().as_str()), (Some(0), ""));
    let units = run.stdout();
    let (service, timer) = units.split_once("# /etc/systemd/system/acmectl.timer\n").unwrap();
    for line in ["Type=oneshot", "After=network-online.target", "SuccessExitStatus=3"] {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
    let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert!(start.starts_with('/') && start.contains("/acmectl renew --quiet --dir /"), "{start}");
    assert!(start.ends_with("/state"), "{start}");
    assert_eq!(
        timer,
        "\
[Unit]
Description=Renew certificates twice a day
Documentation=man:acmectl(1)

[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=12h
Persistent=true

[Install]
WantedBy=timers.target
"
    );
}

#[test]
fn units_are_printed_as_json() {
    let run = World::new().run("systemd --json");
    let units: Vec<serde_json::Value> =
        run.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(units.len(), 2);
    assert_eq!(units[0]["name"], "acmectl.service");
    assert!(units[0]["content"].as_str().unwrap().contains("\n[Service]\n"));
    assert_eq!(units[1]["name"], "acmectl.timer");
}

#[test]
fn units_are_written_where_systemd_does_not_run() {
    let world = World::new();
    std::fs::create_dir(world.path("units")).unwrap();
    assert_run!(
        world.run("systemd --install --unit-dir units"),
        str![[r#"
exit 0
--- stderr
written: [WORLD]/units/acmectl.service
written: [WORLD]/units/acmectl.timer
warning: the timer is not started: systemd does not run here
  next: where it runs:
      systemctl daemon-reload
      systemctl enable --now acmectl.timer

"#]]
    );
    let mode = |name: &str| world.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("units/acmectl.service"), mode("units/acmectl.timer")), (0o644, 0o644));
    let printed = world.run("systemd").stdout();
    for name in ["acmectl.service", "acmectl.timer"] {
        assert!(printed.contains(&format!("/{name}\n{}", world.read(&format!("units/{name}")))), "{name}");
    }
    // Once more is no harm, and nothing else is left behind.
    assert_eq!(world.run("systemd --install --unit-dir units").code(), Some(0));
    assert_eq!(world.path("units").read_dir().unwrap().count(), 2);
}

#[test]
fn systemd_takes_the_units_up() {
    let world = World::new();
    assert_run!(
        install_with(&world, "echo \"$@\" >> calls"),
        str![[r#"
exit 0
--- stderr
written: [WORLD]/units/acmectl.service
written: [WORLD]/units/acmectl.timer
enabled: acmectl.timer; it renews from now on

"#]]
    );
    assert_eq!(world.read("calls"), "daemon-reload\nenable --now acmectl.timer\n");
}

#[test]
fn systemd_that_refuses() {
    let world = World::new();
    assert_run!(
        install_with(&world, "echo 'Access denied' >&2; exit 4"),
        str![[r#"
exit 1
--- stderr
written: [WORLD]/units/acmectl.service
written: [WORLD]/units/acmectl.timer
error: 'systemctl daemon-reload' failed: Access denied
  fault: on this side, not the CA's
  next: the units are written; mend what systemd says, and start the timer:
      systemctl daemon-reload
      systemctl enable --now acmectl.timer

"#]]
    );
}

#[test]
fn issue_tells_of_the_timer_where_systemd_runs() {
    let world = World::new();
    world.script("systemctl", "exit 1");
    let run = world.run("issue www.example.test --ca dev --systemctl ./systemctl");
    let stderr = run.snapshot();
    let (_, advice) = stderr.split_once("warning: ").unwrap();
    let sudo = if advice.contains("sudo ") { "sudo " } else { "" };
    assert_eq!(
        advice,
        format!(
            "nothing will renew it
  next: let systemd do it:
      {sudo}[ACMECTL] systemd --install --dir [WORLD]/state
    or: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state
"
        )
    );
}

#[test]
fn systemctl_that_is_none() {
    let world = World::new();
    std::fs::create_dir(world.path("units")).unwrap();
    assert_run!(
        world.run("systemd --install --unit-dir units --systemctl ./absent"),
        str![[r#"
exit 1
--- stderr
written: [WORLD]/units/acmectl.service
written: [WORLD]/units/acmectl.timer
error: 'systemctl daemon-reload' can't be run
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: the units are written; mend what systemd says, and start the timer:
      systemctl daemon-reload
      systemctl enable --now acmectl.timer

"#]]
    );
}

#[test]
fn place_that_is_none() {
    assert_run!(
        World::new().run("systemd --install --unit-dir absent"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/absent/acmectl.service can't be used
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: check the path [WORLD]/absent/acmectl.service

"#]]
    );
}

#[test]
fn systemd_finds_nothing_to_complain_of() {
    let world = World::new();
    std::fs::create_dir(world.path("units")).unwrap();
    let dir = world.path("a state of 100% $HOME").display().to_string();
    let mut command = world.command("systemd --install --unit-dir units --dir");
    assert_eq!(world.finish(command.arg(&dir)).code(), Some(0));
    let service = world.read("units/acmectl.service");
    assert!(service.contains("/a state of 100%% $$HOME\"\n"), "{service}");
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(["acmectl.service", "acmectl.timer"].map(|name| world.path("units").join(name)))
        .output();
    // Where the program is absent the lines above are all that can be said.
    if let Ok(verify) = verify {
        let complaints = String::from_utf8(verify.stderr).unwrap();
        assert!(!complaints.contains("acmectl."), "{complaints}");
    }
}

/// Installs the units, with this in place of systemctl.
fn install_with(world: &World, systemctl: &str) -> Run {
    std::fs::create_dir(world.path("units")).unwrap();
    world.script("systemctl", systemctl);
    world.run("systemd --install --unit-dir units --systemctl ./systemctl")
}
