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
        let (scheme, rest) = match location.split_once(':') {
            Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => (scheme, rest),
            _ => ("http", location),
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let Some(rest) = rest.strip_prefix("//") else {
            return Self::checked(&self.host, self.port, &self.join(rest));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_lead_where_a_ca_would_go() {
        let target = Target::checked("example.com", 5002, "/a/b?c=/d").unwrap();
        let followed =
            |location: &str| target.follow(location, 5002).map(|next| (next.authority(), next.path));
        let to = |authority: &str, path: &str| Some((authority.to_owned(), path.to_owned()));
        assert_eq!(followed("/x?y=http://z"), to("example.com:5002", "/x?y=http://z"));
        assert_eq!(followed("x#fragment"), to("example.com:5002", "/a/x"));
        assert_eq!(followed("//www.Example.com"), to("www.example.com:5002", "/"));
        assert_eq!(followed("HTTP://www.example.com?x"), to("www.example.com:5002", "/?x"));
        assert_eq!(followed("http://[2001:db8::1]/x"), to("[2001:db8::1]:5002", "/x"));
        assert_eq!(followed("http://www.example.com:5002/"), to("www.example.com:5002", "/"));
    }

    #[test]
    fn other_ports_schemes_and_unsafe_parts_are_not_followed() {
        let target = Target::checked("example.com", 80, "/").unwrap();
        for location in [
            "https://example.com/",
            "ftp://example.com/",
            "http://example.com:8080/",
            "http://example.com:/",
            "http://user@example.com/",
            "http:///x",
            "http://[::1/x",
            "http://[::g]/x",
            "http://exa mple.com/",
            "/x y",
            "/x\u{e9}",
        ] {
            assert_eq!(target.follow(location, 80), None, "{location}");
        }
    }

    #[test]
    fn port_80_is_not_in_the_host_header() {
        assert_eq!(Target::checked("::1", 80, "/").unwrap().authority(), "[::1]");
        assert_eq!(Target::checked("a.example", 8080, "/").unwrap().authority(), "a.example:8080");
        assert_eq!(Target::checked("a.example\r\nX: y", 80, "/"), None);
    }
}
