//! What scripts written for Pebble and its challenge server say to them: flags, a configuration file,
//! variables.

mod config;
mod flags;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

pub(crate) use config::PebbleConfig;
pub(crate) use flags::{Flag, Flags};

use crate::advice::Advice;

/// Why something written for Pebble is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PebbleError {
    #[error("'{text}' is no address to listen at")]
    Address { text: String },
    #[error("flag provided but not defined: {flag}")]
    Flag { flag: String },
    #[error("flag needs an argument: {flag}")]
    FlagValue { flag: String },
    #[error("{} can't be read", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is no configuration of Pebble", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the key of the external account {kid} is not base64url")]
    MacKey { kid: String },
    #[error("{name} is '{value}', and must be a number")]
    Variable { name: &'static str, value: String },
}

impl PebbleError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Address { .. } => vec![Advice::text("write ADDRESS:PORT or :PORT, on loopback")],
            Self::Flag { .. } | Self::FlagValue { .. } => vec![Advice::text(
                "the flags are those of pebble and pebble-challtestsrv, and come after all others",
            )],
            Self::File { path, .. } => vec![Advice::text(format!("check the path {}", path.display()))],
            Self::Json { .. } | Self::MacKey { .. } | Self::Variable { .. } => {
                vec![Advice::text("Pebble's documentation says what it may be")]
            }
        }
    }
}

/// The loopback addresses that stand for an address of Pebble's, which may be all of the machine's.
pub(crate) fn loopback(text: &str) -> Result<Vec<SocketAddr>, PebbleError> {
    let wrong = || PebbleError::Address { text: text.to_owned() };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    let hosts = match host.trim_matches(['[', ']']) {
        "" | "::" => both.to_vec(),
        "0.0.0.0" | "localhost" => vec![Ipv4Addr::LOCALHOST.into()],
        host => vec![host.parse().map_err(|_| wrong())?],
    };
    Ok(hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect())
}

/// A number in a variable of the environment.
pub(crate) fn variable(name: &'static str) -> Result<Option<u64>, PebbleError> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(PebbleError::Variable { name, value }),
    }
}

/// Whether a variable of the environment says yes.
pub(crate) fn switch(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| matches!(value.as_str(), "1" | "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Option<Vec<String>> {
        Some(loopback(text).ok()?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_address_is_brought_to_loopback() {
        assert_eq!(listen("0.0.0.0:14000").unwrap(), ["127.0.0.1:14000"]);
        assert_eq!(listen(":8055").unwrap(), ["127.0.0.1:8055", "[::1]:8055"]);
        assert_eq!(listen("[::1]:53").unwrap(), ["[::1]:53"]);
        assert_eq!(listen("localhost:1").unwrap(), ["127.0.0.1:1"]);
        assert_eq!(listen("8055"), None);
        assert_eq!(listen("pebble:14000"), None);
        assert_eq!(listen("127.0.0.1:65536"), None);
    }
}
