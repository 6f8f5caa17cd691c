//! Where names lead: always to loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::rr::{RData, RecordType};

use super::{Shared, dns, lock};
use crate::{error::Error, problem::Problem};

/// The addresses of a name: those of the rules, or the loopback ones that the resolver knows, where
/// it is asked for addresses too.
pub(super) async fn look_up(shared: &Shared, name: &str, port: u16) -> Result<Vec<SocketAddr>, Problem> {
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let Some(server) = lock(&shared.dns).filter(|_| shared.resolves_by_dns && !is_address) else {
        return Ok(lock(&shared.resolver).look_up(name, port));
    };
    let mut addresses = Vec::new();
    for kind in [RecordType::A, RecordType::AAAA] {
        addresses.extend(dns::look_up(server, name, kind).await?.found.iter().filter_map(RData::ip_addr));
    }
    let loopback = addresses.into_iter().filter(IpAddr::is_loopback);
    Ok(loopback.map(|address| SocketAddr::new(address, port)).collect())
}

/// The resolve rules.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    rules: Vec<(Pattern, Vec<Target>)>,
}

#[derive(Debug)]
enum Pattern {
    Any,
    Below(String),
    Name(String),
}

#[derive(Clone, Copy, Debug)]
struct Target {
    address: IpAddr,
    port: Option<u16>,
}

impl Resolver {
    /// Adds a rule `PATTERN=ADDRESS[,ADDRESS…]`.
    pub(super) fn add(&mut self, rule: &str) -> Result<(), Error> {
        let Some((pattern, addresses)) = rule.split_once('=') else {
            return Err(Error::ResolveRule(rule.to_owned()));
        };
        let pattern = pattern.trim().to_ascii_lowercase();
        let pattern = match (pattern.as_str(), pattern.strip_prefix("*.")) {
            ("", _) => return Err(Error::ResolveRule(rule.to_owned())),
            ("*", _) => Pattern::Any,
            (_, Some(domain)) => Pattern::Below(format!(".{domain}")),
            (_, None) => Pattern::Name(pattern.trim_matches(['[', ']']).to_owned()),
        };
        let mut targets = Vec::new();
        for text in addresses.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let target = Target::parse(text).ok_or_else(|| Error::ResolveRule(rule.to_owned()))?;
            if !target.address.is_loopback() {
                return Err(Error::NotLoopback(target.address));
            }
            targets.push(target);
        }
        self.rules.push((pattern, targets));
        Ok(())
    }

    /// The addresses of a name (or of an address), with a port where the rule has one.
    pub(super) fn look_up(&self, name: &str, port: u16) -> Vec<SocketAddr> {
        let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.route(&name, address, port);
        }
        let mut latest_first = self.rules.iter().rev();
        match latest_first.find(|(pattern, _)| pattern.fits(&name)) {
            Some((_, targets)) => targets.iter().map(|target| target.at(port)).collect(),
            None => vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()],
        }
    }

    /// Where an address is looked for: where a rule of its own says, or at itself if it is loopback.
    fn route(&self, name: &str, address: IpAddr, port: u16) -> Vec<SocketAddr> {
        let is_own = |pattern: &Pattern| matches!(pattern, Pattern::Name(own) if own == name);
        match self.rules.iter().rev().find(|(pattern, _)| is_own(pattern)) {
            Some((_, targets)) => targets.iter().map(|target| target.at(port)).collect(),
            None if address.is_loopback() => vec![SocketAddr::new(address, port)],
            None => Vec::new(),
        }
    }
}

impl Pattern {
    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(suffix) => name.ends_with(suffix),
            Self::Name(own) => own == name,
        }
    }
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Some(Self { address: socket.ip(), port: Some(socket.port()) });
        }
        let address = text.trim_matches(['[', ']']).parse().ok()?;
        Some(Self { address, port: None })
    }

    fn at(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(port))
    }
}
