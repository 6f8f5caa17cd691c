//! The systemd units that renew: what is in them, and how they are put in place.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::advice::Advice;
use crate::exit::Status;
use crate::invocation;
use crate::timer;

/// Why the units are not installed, or not active.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("the path of this program is not known")]
    Program(#[source] io::Error),
    #[error("{} may only be written by root", dir.display())]
    Denied {
        dir: PathBuf,
        /// The directory of the store: root's is another one.
        store: PathBuf,
    },
    #[error("'{line}' can't be run")]
    Run {
        line: String,
        #[source]
        source: io::Error,
    },
    #[error("'{line}' failed: {message}")]
    Failed { line: String, message: String },
}

impl UnitError {
    /// What to do next.
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Program(_) => vec![Advice::text("call it by its absolute path")],
            Self::Denied { store, .. } => {
                let store = invocation::quoted(&store.display().to_string());
                vec![
                    Advice::text("let root do it:"),
                    Advice::paste(format!("sudo {} systemd --install --dir {store}", invocation::program())),
                ]
            }
            Self::Run { .. } | Self::Failed { .. } => {
                let text = "the units are written; mend what systemd says, and start the timer:";
                let lines = activation().map(|words| Advice::paste(format!("systemctl {}", words.join(" "))));
                std::iter::once(Advice::text(text)).chain(lines).collect()
            }
        }
    }

    /// What the run came to if this is how it ended.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Denied { .. } => Status::Usage,
            Self::Failed { .. } | Self::Program(_) | Self::Run { .. } => Status::Failed,
        }
    }
}

/// The two units.
#[derive(Clone, Debug)]
pub(crate) struct Units {
    pub(crate) service: String,
    pub(crate) timer: String,
}

/// What the units depend on.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The absolute path of this program.
    pub(crate) program: PathBuf,
    /// The directory of the store, unless it is what the service finds by itself.
    pub(crate) dir: Option<PathBuf>,
    /// Who has the store, unless that is root.
    pub(crate) user: Option<u32>,
}

impl Units {
    pub(crate) fn new(setup: &Setup) -> Self {
        let dir = setup.dir.as_deref().map(|dir| format!(" --dir {}", word(dir))).unwrap_or_default();
        let program = word(&setup.program);
        let rights = match setup.user {
            Some(user) => format!("User={user}\n{UNPRIVILEGED}"),
            None => HARDENING.to_owned(),
        };
        Self {
            service: format!("{SERVICE}ExecStart={program} renew --quiet{dir}\n{rights}"),
            timer: TIMER.to_owned(),
        }
    }

    /// Their names and what is in them.
    pub(crate) fn files(&self) -> [(&'static str, &str); 2] {
        [(SERVICE_NAME, &self.service), (timer::UNIT, &self.timer)]
    }
}

/// The lines that make systemd take up the units.
pub(crate) fn activation() -> [Vec<&'static str>; 2] {
    [vec!["daemon-reload"], vec!["enable", "--now", timer::UNIT]]
}

/// Makes systemd take up the units.
pub(crate) fn activate(systemctl: &Path) -> Result<(), UnitError> {
    for words in activation() {
        let line = format!("systemctl {}", words.join(" "));
        let output = Command::new(systemctl)
            .args(&words)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| UnitError::Run { line: line.clone(), source })?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let message = if message.is_empty() { output.status.to_string() } else { message };
            return Err(UnitError::Failed { line, message });
        }
    }
    Ok(())
}

/// A path as a word of ExecStart: `%` and `$` mean something there, and there is no shell.
fn word(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%").replace('$', "$$");
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%$,=".contains(c);
    if text.chars().all(is_plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The unit that the timer starts.
const SERVICE_NAME: &str = "acmectl.service";

/// Where an administrator's units are.
pub(crate) const UNIT_DIRECTORY: &str = "/etc/systemd/system";

// Exit status 3 is a failure that passes by itself; the next run tries again.
const SERVICE: &str = "\
[Unit]
Description=Renew certificates
Documentation=man:acmectl(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
SuccessExitStatus=3
";

const HARDENING: &str = "\
# Webroots and what hooks touch may be anywhere, and hooks may run anything:
# no ProtectSystem=, ProtectHome=, PrivateTmp= or CapabilityBoundingSet=.
LockPersonality=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
RestrictRealtime=yes
";

// Most of the hardening would imply NoNewPrivileges=yes here, and hooks may need sudo.
const UNPRIVILEGED: &str = "\
# Port 80 is for http-01.
AmbientCapabilities=CAP_NET_BIND_SERVICE
";

const TIMER: &str = "\
[Unit]
Description=Renew certificates twice a day
Documentation=man:acmectl(1)

[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=12h
Persistent=true

[Install]
WantedBy=timers.target
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves_to_systemd() {
        let words = ["/usr/bin/acmectl", "/srv/my certs", "/srv/100%", "/srv/$HOME", "/a\"b\\c"]
            .map(|path| word(Path::new(path)));
        let expected =
            ["/usr/bin/acmectl", "\"/srv/my certs\"", "/srv/100%%", "/srv/$$HOME", "\"/a\\\"b\\\\c\""];
        assert_eq!(words, expected);
    }

    #[test]
    fn stores_of_others_are_renewed_as_them() {
        let setup =
            Setup { program: "/usr/bin/acmectl".into(), dir: Some("/srv/a/certs".into()), user: Some(1000) };
        let service = Units::new(&setup).service;
        assert!(service.contains("\nExecStart=/usr/bin/acmectl renew --quiet --dir /srv/a/certs\n"));
        assert!(service.contains("\nUser=1000\n"));
        assert!(service.contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n"));
    }
}
