//! Where a response is fetched from.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};

use acme_proto::Identifier;

/// An http URL in parts, each of which can be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Without brackets.
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// `None` if a part can't be in a request: names may come from a CA or from storage.
    pub(super) fn new(identifier: &Identifier, port: u16, path: String) -> Option<Self> {
        Self::checked(&identifier.to_string(), port, &path)
    }

    /// Where a `Location` leads; `None` where the check does not go. Like Let's Encrypt's, it
    /// follows to port 80 only, and what `port` stands for port 80.
    pub(super) fn follow(&self, location: &str, port: u16) -> Option<Self> {
        let location = location.split('#').next().unwrap_or_default();
        let (scheme, rest) = match location.split_once("://") {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => ("http", location.strip_prefix("//")),
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let Some(rest) = rest else {
            return Self::checked(&self.host, self.port, &self.join(location));
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, "/"),
        };
        let (host, asked) = split_port(authority)?;
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        [HTTP, port].contains(&asked).then(|| Self::checked(host, port, &path))?
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The value of the `Host` header.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == HTTP { host } else { format!("{host}:{}", self.port) }
    }

    /// Asks the system, which may take longer than anybody wants to wait.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }

    fn checked(host: &str, port: u16, path: &str) -> Option<Self> {
        let is_name =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let is_host = is_name || host.parse::<Ipv6Addr>().is_ok();
        let is_path = path.bytes().all(|b| b.is_ascii_graphic());
        (is_host && is_path).then(|| Self { host: host.to_ascii_lowercase(), port, path: path.to_owned() })
    }

    /// The path that a location without a host means.
    fn join(&self, location: &str) -> String {
        if location.starts_with('/') {
            return location.to_owned();
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let parent = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("{parent}{location}")
    }
}

/// The host of an authority without brackets, and its port.
fn split_port(authority: &str) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return Some((host, port.strip_prefix(':').map_or(Some(HTTP), |port| port.parse().ok())?));
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, HTTP)),
    }
}

/// The port of http URLs that name none.
const HTTP: u16 = 80;
