//! The programs of other people that the tests run against.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes sure that every peer is there: installs what is missing, or says how to.
pub(crate) fn require(install: bool) -> Result<(), Box<dyn Error>> {
    let missing = missing(&directories());
    if missing.is_empty() {
        return Ok(());
    }
    for peer in &missing {
        println!("missing: {} ({}), from the Debian package {}", peer.program, peer.purpose, peer.package);
    }
    if !install {
        return Err(advice(&missing).into());
    }
    let directories = directories();
    let privilege = privilege(&directories)?;
    if !apt_get(privilege, &["update"])? {
        println!("apt-get update failed; the package lists that are here may do");
    }
    let install: Vec<&str> = ["install", "-y"].into_iter().chain(packages(&missing)).collect();
    if !without_services(privilege, || apt_get(privilege, &install))? {
        return Err(format!("apt-get could not install {}", packages(&missing).join(", ")).into());
    }
    match self::missing(&directories).as_slice() {
        [] => Ok(()),
        [still, ..] => {
            Err(format!("{} is installed, but there is no {} in PATH", still.package, still.program).into())
        }
    }
}

/// A program that some tests need.
struct Peer {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

fn missing(directories: &[PathBuf]) -> Vec<&'static Peer> {
    PEERS.iter().filter(|peer| !is_in(directories, peer.program)).collect()
}

fn packages<'a>(peers: &[&'a Peer]) -> Vec<&'a str> {
    peers.iter().map(|peer| peer.package).collect()
}

fn advice(missing: &[&Peer]) -> String {
    let packages = packages(missing).join(" ");
    format!(
        "the tests need programs that are not here; install them, or run again with --install\n\n    apt-get install -y {packages}\n"
    )
}

/// Where programs are; servers are often outside an ordinary user's PATH.
fn directories() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect()
}

fn is_in(directories: &[PathBuf], program: &str) -> bool {
    directories.iter().any(|directory| directory.join(program).is_file())
}

/// The command to put before `apt-get`, if any.
fn privilege(directories: &[PathBuf]) -> Result<Option<&'static str>, Box<dyn Error>> {
    if !is_in(directories, "apt-get") {
        return Err("there is no apt-get here; install the programs above by hand".into());
    }
    let id = Command::new("id").arg("-u").output()?;
    match (id.stdout.as_slice() == b"0\n", is_in(directories, "sudo")) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some("sudo")),
        (false, false) => Err("only root can install packages, and there is no sudo".into()),
    }
}

/// Does something while Debian's packages start none of the services that they bring: the tests start
/// what they need themselves, on ports of their own.
fn without_services(
    privilege: Option<&str>,
    act: impl FnOnce() -> Result<bool, Box<dyn Error>>,
) -> Result<bool, Box<dyn Error>> {
    if Path::new(POLICY).exists() {
        return act();
    }
    let script = |text: &str| {
        let line: Vec<&str> = privilege.into_iter().chain(["sh", "-c", text]).collect();
        Command::new(line[0]).args(&line[1..]).status()
    };
    script(&format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"))?;
    let done = act();
    script(&format!("rm -f {POLICY}"))?;
    done
}

fn apt_get(privilege: Option<&str>, arguments: &[&str]) -> Result<bool, Box<dyn Error>> {
    let line: Vec<&str> = privilege.into_iter().chain(QUIET).chain(arguments.iter().copied()).collect();
    println!("apt-get {}", arguments.join(" "));
    Ok(Command::new(line[0]).args(&line[1..]).stdin(Stdio::null()).status()?.success())
}

/// What is asked whether a service may be started, if it is there.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// `env` after `sudo`, which clears the environment.
const QUIET: [&str; 8] =
    ["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", WITHOUT_SERVICES, "sh", "apt-get", "-q"];

/// Keeps packages from starting their services, which would listen on every address: the tests start
/// servers by themselves. See invoke-rc.d(8).
const WITHOUT_SERVICES: &str = r#"policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
fi
"$@""#;

const DNS: &str = "a DNS server with an API, for dns-01";
const DNS_UPDATE: &str = "a DNS server that takes dynamic updates, for dns-01";
const WEB: &str = "a web server that answers http-01 for the command";
const CLIENT: &str = "a client of other people's, for the test CA";

const PEERS: [Peer; 21] = [
    Peer { program: "apache2", package: "apache2", purpose: WEB },
    Peer {
        program: "caddy",
        package: "caddy",
        purpose: "a CA of other people's, for the libraries and the command",
    },
    Peer { program: "certbot", package: "certbot", purpose: CLIENT },
    Peer { program: "dehydrated", package: "dehydrated", purpose: CLIENT },
    Peer { program: "haproxy", package: "haproxy", purpose: WEB },
    Peer { program: "ip", package: "iproute2", purpose: "sets up the networks of single tests" },
    Peer { program: "lego", package: "lego", purpose: CLIENT },
    Peer { program: "knotd", package: "knot", purpose: DNS_UPDATE },
    Peer { program: "named", package: "bind9", purpose: DNS_UPDATE },
    Peer { program: "npm", package: "npm", purpose: "installs clients written for Node.js" },
    Peer { program: "uacme", package: "uacme", purpose: CLIENT },
    Peer { program: "virtualenv", package: "virtualenv", purpose: "holds clients written in Python" },
    Peer { program: "nginx", package: "nginx", purpose: "a server that takes what the command publishes" },
    Peer { program: "nsupdate", package: "bind9-dnsutils", purpose: "writes records as scripts do" },
    Peer {
        program: "openssl",
        package: "openssl",
        purpose: "a second opinion on keys, CSRs and certificates",
    },
    Peer { program: "pdns_server", package: "pdns-server", purpose: DNS },
    Peer {
        program: "../share/pdns-backend-sqlite3/schema/schema.sqlite3.sql",
        package: "pdns-backend-sqlite3",
        purpose: DNS,
    },
    Peer { program: "sqlite3", package: "sqlite3", purpose: "makes the database of the DNS server" },
    Peer {
        program: "pebble",
        package: "pebble",
        purpose: "a CA of other people's, for the library and the command",
    },
    Peer { program: "softhsm2-util", package: "softhsm2", purpose: "a PKCS#11 token in software" },
    Peer { program: "valgrind", package: "valgrind", purpose: "counts the instructions of the benchmarks" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_nowhere_are_missing() {
        let nowhere = [PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
        assert_eq!(missing(&nowhere).len(), PEERS.len());
        assert!(is_in(&nowhere, "Cargo.toml"));
        assert!(!is_in(&nowhere, "src"));
    }

    #[test]
    fn advice_can_be_pasted() {
        assert!(advice(&[&PEERS[2], &PEERS[3]]).contains("\n    apt-get install -y certbot dehydrated\n"));
    }
}
