//! The DNS server in this program: `--dns builtin`, to which `_acme-challenge` names are delegated.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use acme_proto::Identifier;
use acme_solver::check::{own_address_towards, registered_domain};
use acme_solver::{BindError, Dns01, NameServer, ResolveError, Resolver, Zone};
use acme_store::Settings;

use crate::advice::Advice;
use crate::challenge::{ChallengeError, Over};

/// Why the DNS server can't answer for the names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponderError {
    #[error("'{text}' is no address to listen at")]
    Address { text: String },
    #[error("the DNS server can't go by these names")]
    Name(#[source] BindError),
    #[error("{name} is not delegated to this program: {seen}")]
    Undelegated { name: String, seen: String, records: Vec<Paste> },
    #[error("{name} is delegated to this program, and {seen}")]
    Unreachable { name: String, seen: String },
}

impl ResponderError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Address { .. } => vec![Advice::text("give it as in 127.0.0.1:5353 or [::1]:5353")],
            Self::Name(_) => vec![Advice::text(
                "give --dns-name the name of this machine, which is outside of the zone of --dns-zone",
            )],
            Self::Undelegated { records, .. } => {
                let records = records.iter().map(|record| Advice::paste(record.to_string()));
                std::iter::once(Advice::text("add these records where the domain is served, once:"))
                    .chain(records)
                    .collect()
            }
            Self::Unreachable { .. } => vec![Advice::text(
                "let port 53 lead here from everywhere, over UDP and TCP, and check the server's address in DNS",
            )],
        }
    }
}

/// A record to paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paste {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) value: String,
}

impl fmt::Display for Paste {
    /// As a line of a zone file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {TTL} IN {} {}", self.name, self.kind, self.value)
    }
}

/// How the DNS server is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Responder<'a> {
    /// Where it listens, if not at port 53 of this machine's addresses.
    listen: Option<SocketAddr>,
    server: Option<&'a str>,
    /// What names lead into as CNAMEs.
    zone: Option<&'a str>,
}

impl<'a> Responder<'a> {
    pub(crate) fn new(
        listen: Option<&str>,
        server: Option<&'a str>,
        zone: Option<&'a str>,
    ) -> Result<Self, ResponderError> {
        let parse = |text: &str| text.parse().map_err(|_| ResponderError::Address { text: text.to_owned() });
        Ok(Self { listen: listen.map(parse).transpose()?, server, zone })
    }

    /// As the settings of a certificate have it.
    pub(crate) fn of(settings: &'a Settings) -> Result<Self, ResponderError> {
        let Settings { dns_listen, dns_name, dns_zone, .. } = settings;
        Self::new(dns_listen.as_deref(), dns_name.as_deref(), dns_zone.as_deref())
    }

    /// Listens, as the server that delegations name.
    pub(crate) fn listen(self, names: &[Identifier], is_dev: bool) -> Result<Dns01, ChallengeError> {
        let (first, others) = self.addresses(is_dev);
        let failed = |error| Over::Dns.error(error);
        let mut solver = Dns01::bind(first, &self.server_name(names)).map_err(failed)?;
        for address in others {
            solver = solver.listen_also(address).map_err(failed)?;
        }
        match self.zone {
            Some(zone) => solver.serve_zone(zone).map_err(failed),
            None => Ok(solver),
        }
    }

    /// The records that have to be added where the domains are served.
    pub(crate) fn records(self, names: &[Identifier]) -> Vec<Paste> {
        let server = format!("{}.", self.server_name(names));
        let mut records = Vec::new();
        if self.server.is_none() {
            records.extend(addresses_to_paste().into_iter().map(|(kind, value)| Paste {
                name: server.clone(),
                kind,
                value,
            }));
        }
        if let Some(zone) = self.zone {
            records.push(Paste { name: dotted(zone), kind: "NS", value: server.clone() });
        }
        for domain in domains(names) {
            let (kind, value) = match self.zone {
                Some(zone) => ("CNAME", format!("{domain}.{}", dotted(zone))),
                None => ("NS", server.clone()),
            };
            records.push(Paste { name: format!("{LABEL}.{domain}."), kind, value });
        }
        records
    }

    /// Where others find this machine, unless somebody said.
    fn server_name(self, names: &[Identifier]) -> String {
        if let Some(server) = self.server {
            return server.trim_end_matches('.').to_owned();
        }
        let below = match (self.zone, domains(names).into_iter().next()) {
            (Some(zone), _) => {
                zone.trim_end_matches('.').split_once('.').map_or("", |(_, rest)| rest).to_owned()
            }
            (None, Some(domain)) => registered_domain(&domain).map(str::to_owned).unwrap_or(domain),
            (None, None) => String::new(),
        };
        format!("acme-dns.{below}").trim_end_matches('.').to_owned()
    }

    /// Where to listen: at the first address, and at the others.
    fn addresses(self, is_dev: bool) -> (SocketAddr, Vec<SocketAddr>) {
        let mut addresses: Vec<SocketAddr> = self.listen.into_iter().collect();
        if addresses.is_empty() && is_dev {
            addresses.push((Ipv4Addr::LOCALHOST, 0).into());
        }
        if addresses.is_empty() {
            // Not the wildcard: other addresses of port 53 are often taken, by the system's own resolver.
            addresses.extend(own_addresses().map(|address| SocketAddr::from((address, DNS_PORT))));
        }
        let mut addresses = addresses.into_iter();
        let first = addresses.next().unwrap_or_else(|| (Ipv6Addr::UNSPECIFIED, DNS_PORT).into());
        (first, addresses.collect())
    }

    /// Refuses names that do not lead here.
    pub(crate) fn check_delegation(
        self,
        resolver: &Resolver,
        names: &[Identifier],
    ) -> Result<(), ResponderError> {
        let names: Vec<String> = domains(names).iter().map(|domain| format!("{LABEL}.{domain}")).collect();
        for (name, found) in names.iter().zip(resolver.zones(&names)) {
            match found {
                Ok(zone) => self.check_zone(name, &zone)?,
                Err(error @ ResolveError::Code { .. }) => {
                    return Err(ResponderError::Unreachable { name: name.clone(), seen: error.to_string() });
                }
                // What nobody can see is for the CA to judge.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn check_zone(self, name: &str, zone: &Zone) -> Result<(), ResponderError> {
        let domain = name.strip_prefix(LABEL).unwrap_or_default().trim_start_matches('.');
        let own = self.zone.map_or(name, |zone| zone.trim_end_matches('.'));
        let seen = if !zone.name.eq_ignore_ascii_case(own) {
            format!("it is in the zone {}", zone.name)
        } else if zone.servers.iter().all(|server| server.addresses.is_empty()) {
            let servers: Vec<&str> =
                zone.servers.iter().map(|server: &NameServer| server.name.as_str()).collect();
            format!("its server {} has no address", servers.join(", "))
        } else {
            return Ok(());
        };
        let records = domain.parse().map(|name| self.records(&[name])).unwrap_or_default();
        Err(ResponderError::Undelegated { name: name.to_owned(), seen, records })
    }
}

/// The domains of some names, each once.
fn domains(names: &[Identifier]) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    for name in names.iter().filter(|name| matches!(name, Identifier::Dns(_))) {
        let domain = name.base().to_string();
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains
}

/// The addresses from which this machine reaches others, one of each family.
fn own_addresses() -> impl Iterator<Item = IpAddr> {
    let beyond: [IpAddr; 2] = [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::from(DOCUMENTATION_V6).into()];
    beyond.into_iter().filter_map(own_address_towards).filter(|own| !own.is_loopback())
}

/// The addresses that others may find this machine at.
fn addresses_to_paste() -> Vec<(&'static str, String)> {
    let is_private = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    let public = own_addresses().filter(|address| !is_private(address));
    let records: Vec<_> =
        public.map(|address| (if address.is_ipv4() { "A" } else { "AAAA" }, address.to_string())).collect();
    if records.is_empty() { vec![("A", "ADDRESS".to_owned())] } else { records }
}

/// Where the test CA reaches a listener.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    }
}

fn dotted(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

/// What `--dns` calls it.
pub(crate) const NAME: &str = "builtin";

/// Its name for people.
pub(crate) const TITLE: &str = "the DNS server in this program";

const LABEL: &str = "_acme-challenge";
const DNS_PORT: u16 = 53;
/// Seconds: a delegation stays.
const TTL: u32 = 3600;
/// 2001:db8::1, to which nothing is sent.
const DOCUMENTATION_V6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1];
