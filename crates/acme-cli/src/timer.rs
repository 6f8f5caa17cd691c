//! What will renew: a systemd timer, or a line of a crontab.

use std::fs;
use std::path::{Path, PathBuf};

/// The unit that `acmectl systemd` writes.
pub(crate) const UNIT: &str = "acmectl.timer";

/// What will run `acmectl renew`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Renewer {
    /// A line of this crontab.
    Cron(PathBuf),
    /// The timer, which is enabled.
    Timer,
    /// The timer, which is there and not enabled.
    TimerDisabled,
}

impl Renewer {
    /// Looks for what will renew on this machine.
    pub(crate) fn find() -> Option<Self> {
        let units = unit_directories();
        if units.iter().any(|dir| dir.join("timers.target.wants").join(UNIT).symlink_metadata().is_ok()) {
            return Some(Self::Timer);
        }
        let crontab = crontabs().into_iter().find(|path| renews(path));
        let is_there = || units.iter().any(|dir| dir.join(UNIT).exists());
        crontab.map(Self::Cron).or_else(|| is_there().then_some(Self::TimerDisabled))
    }
}

/// The program that starts and enables units, where systemd runs.
pub(crate) fn systemctl() -> Option<PathBuf> {
    // As sd_booted(3) has it.
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("systemctl")).find(|program| program.is_file())
}

fn unit_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
    ]
    .map(PathBuf::from)
    .to_vec();
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
    directories.extend(config.map(|config| config.join("systemd/user")));
    directories
}

fn crontabs() -> Vec<PathBuf> {
    let mut crontabs = vec![PathBuf::from("/etc/crontab")];
    for dir in
        ["/etc/cron.d", "/etc/cron.daily", "/etc/cron.hourly", "/var/spool/cron", "/var/spool/cron/crontabs"]
    {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        crontabs.extend(entries.map(|entry| entry.path()));
    }
    crontabs
}

fn renews(crontab: &Path) -> bool {
    let Ok(text) = fs::read_to_string(crontab) else { return false };
    text.lines()
        .any(|line| !line.trim_start().starts_with('#') && line.contains("acmectl") && line.contains("renew"))
}
