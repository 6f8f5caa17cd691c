//! Where a response is fetched from.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use acme_proto::Identifier;

use super::Detour;

/// An http or https URL in parts, each of which can be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    scheme: Scheme,
    /// Without brackets.
    host: String,
    port: u16,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// The ports that stand for those of http and https.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) http: u16,
    pub(super) https: u16,
}

impl Target {
    /// `None` if a part can't be in a request: names may come from a CA or from storage.
    pub(super) fn new(identifier: &Identifier, port: u16, path: String) -> Option<Self> {
        Self::checked(Scheme::Http, &identifier.to_string(), port, &path)
    }

    /// Where a `Location` leads; why not, where no CA goes there. Like Let's Encrypt, it follows to names,
    /// and to the ports of http and https only.
    pub(super) fn follow(&self, location: &str, ports: Ports) -> Result<Self, Detour> {
        let location = location.split('#').next().unwrap_or_default();
        let (scheme, rest) = match location.split_once(':') {
            Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => (Some(scheme), rest),
            _ => (None, location),
        };
        let scheme = match scheme.map(str::to_ascii_lowercase).as_deref() {
            None => self.scheme,
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => return Err(Detour::Scheme),
        };
        let Some(rest) = rest.strip_prefix("//") else {
            let path = self.join(rest);
            return Self::checked(self.scheme, &self.host, self.port, &path).ok_or(Detour::Form);
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, "/"),
        };
        let (host, asked) = split_port(authority).ok_or(Detour::Form)?;
        if host.parse::<IpAddr>().is_ok() && host != self.host {
            return Err(Detour::Host);
        }
        let port = scheme.at(asked, ports).ok_or(Detour::Port)?;
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        Self::checked(scheme, host, port, &path).ok_or(Detour::Form)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
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
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }

    /// Asks the system, which may take longer than anybody wants to wait.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }

    fn checked(scheme: Scheme, host: &str, port: u16, path: &str) -> Option<Self> {
        let is_name =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let is_host = is_name || host.parse::<Ipv6Addr>().is_ok();
        let is_path = path.bytes().all(|b| b.is_ascii_graphic());
        (is_host && is_path).then(|| Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            path: path.to_owned(),
        })
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

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => HTTP,
            Self::Https => HTTPS,
        }
    }

    /// The port to connect to for a port in a URL; none for one that no CA goes to.
    fn at(self, asked: Option<u16>, ports: Ports) -> Option<u16> {
        match asked.unwrap_or_else(|| self.port()) {
            HTTP => Some(ports.http),
            HTTPS => Some(ports.https),
            port => [ports.http, ports.https].contains(&port).then_some(port),
        }
    }
}

/// The host of an authority without brackets, and its port if it has one.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port = port.strip_prefix(':').map(|port| port.parse().ok());
        return port.map_or(Some((host, None)), |port| Some((host, Some(port?))));
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

/// The port of http URLs that name none.
const HTTP: u16 = 80;
/// The port of https URLs that name none.
const HTTPS: u16 = 443;

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { http: 5002, https: 5001 };

    fn target(port: u16, path: &str) -> Target {
        Target::checked(Scheme::Http, "example.com", port, path).unwrap()
    }

    #[test]
    fn locations_lead_where_a_ca_would_go() {
        let target = target(5002, "/a/b?c=/d");
        let followed = |location: &str| {
            target.follow(location, PORTS).map(|next| (next.authority(), next.path.clone(), next.is_tls()))
        };
        let to = |authority: &str, path: &str, is_tls| Ok((authority.to_owned(), path.to_owned(), is_tls));
        assert_eq!(followed("/x?y=http://z"), to("example.com:5002", "/x?y=http://z", false));
        assert_eq!(followed("x#fragment"), to("example.com:5002", "/a/x", false));
        assert_eq!(followed("//www.Example.com"), to("www.example.com:5002", "/", false));
        assert_eq!(followed("HTTP://www.example.com?x"), to("www.example.com:5002", "/?x", false));
        assert_eq!(followed("http://www.example.com:5002/"), to("www.example.com:5002", "/", false));
        assert_eq!(followed("https://www.example.com/"), to("www.example.com:5001", "/", true));
        assert_eq!(followed("https://www.example.com:80/"), to("www.example.com:5002", "/", true));
    }

    #[test]
    fn nothing_else_is_followed_and_the_reason_is_told() {
        let target = target(80, "/");
        let ports = Ports { http: 80, https: 443 };
        for (location, detour) in [
            ("ftp://example.com/", Detour::Scheme),
            ("http://example.com:8080/", Detour::Port),
            ("https://example.com:8443/", Detour::Port),
            ("http://[2001:db8::1]/x", Detour::Host),
            ("https://192.0.2.1/", Detour::Host),
            ("http://example.com:/", Detour::Form),
            ("http://user@example.com/", Detour::Form),
            ("http:///x", Detour::Form),
            ("http://[::1/x", Detour::Form),
            ("http://[::g]/x", Detour::Form),
            ("http://exa mple.com/", Detour::Form),
            ("/x y", Detour::Form),
            ("/x\u{e9}", Detour::Form),
        ] {
            assert_eq!(target.follow(location, ports), Err(detour), "{location}");
        }
    }

    #[test]
    fn own_port_is_not_in_the_host_header() {
        let authority = |scheme, host, port| Target::checked(scheme, host, port, "/").unwrap().authority();
        assert_eq!(authority(Scheme::Http, "::1", 80), "[::1]");
        assert_eq!(authority(Scheme::Https, "a.example", 443), "a.example");
        assert_eq!(authority(Scheme::Http, "a.example", 8080), "a.example:8080");
        assert_eq!(Target::checked(Scheme::Http, "a.example\r\nX: y", 80, "/"), None);
    }
}
