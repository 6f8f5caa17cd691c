//! The names on the command line: what can't be certified is found here, before any CA is asked.

use std::net::{IpAddr, SocketAddr};

use acme_proto::{Identifier, IdentifierError};

use crate::advice::Advice;
use crate::ca::{Addresses, NamePolicy};
use crate::invocation::{Invocation, quoted};

/// A name, and what had to be changed to get it.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) identifier: Identifier,
    pub(crate) note: Option<String>,
}

/// Why a text is no name to certify.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    #[error("no name is given")]
    Absent,
    #[error("{ca} does not certify the IP address {address}")]
    Address { address: IpAddr, ca: String },
    #[error("{ca} certifies the IP address {address} only with the profile {profile}")]
    AddressProfile { address: IpAddr, ca: String, profile: &'static str },
    #[error("'{text}' is an e-mail address, not a name to certify")]
    Email { text: String },
    #[error("'{text}' can't be written in ASCII, as certificates need it")]
    Idn { text: String },
    #[error("'{text}' can't be certified")]
    Identifier {
        text: String,
        #[source]
        source: IdentifierError,
    },
    #[error("'{text}' has a port; certificates are for names, whatever the port")]
    Port { text: String, host: String },
    #[error("'{text}' is no public name: {ca} certifies what is registered below a public suffix")]
    Private { text: String, ca: String },
    #[error("{address} is no public address, and {ca} certifies no other")]
    PrivateAddress { address: IpAddr, ca: String },
    #[error("'{text}' is a URL or path, not a name to certify")]
    Url { text: String, host: String },
}

impl NameError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::Absent => vec![
                Advice::text("name what the certificate is for:"),
                Advice::paste(invocation.with("www.example.com")),
            ],
            Self::Address { .. } => {
                vec![Advice::text("ask for a DNS name, or use a CA that certifies addresses")]
            }
            Self::AddressProfile { profile, .. } => vec![
                Advice::text("ask for that profile:"),
                Advice::paste(
                    invocation.without(&["--profile"]).with(&format!("--profile {}", quoted(profile))),
                ),
            ],
            Self::Email { .. } => {
                vec![Advice::text("give the address with --email, and the name to certify beside it")]
            }
            Self::Idn { .. } => vec![Advice::text("check the spelling of the name")],
            Self::Identifier { source, text } => of_identifier(source, text, invocation),
            Self::Port { text, host } | Self::Url { text, host } => {
                if host.is_empty() {
                    return vec![Advice::text("give the name alone, as in www.example.com")];
                }
                vec![Advice::text("give the name alone:"), Advice::paste(invocation.replacing(text, host))]
            }
            Self::Private { .. } | Self::PrivateAddress { .. } => vec![
                Advice::text(
                    "use one that the world can reach; for tests, the CA in this program takes any:",
                ),
                Advice::paste(invocation.at_ca("dev")),
            ],
        }
    }
}

/// Reads the names of a certificate, each once, in the order they are given.
pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Name>, NameError> {
    let mut names: Vec<Name> = Vec::with_capacity(texts.len());
    for text in texts {
        let name = parse(text)?;
        if names.iter().all(|other| other.identifier != name.identifier) {
            names.push(name);
        }
    }
    if names.is_empty() { Err(NameError::Absent) } else { Ok(names) }
}

/// The first few of some names.
pub(crate) fn listed(names: &[&Identifier]) -> String {
    let first = names.iter().take(MOST_LISTED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Refuses names that a CA is not worth asking for. `profile` is the one that is asked for.
pub(crate) fn check(
    identifiers: &[Identifier],
    policy: &NamePolicy,
    profile: Option<&str>,
) -> Result<(), NameError> {
    let NamePolicy::Public { ca, addresses } = policy else { return Ok(()) };
    for identifier in identifiers {
        match identifier {
            Identifier::Dns(name) if is_private(name) => {
                return Err(NameError::Private { text: name.clone(), ca: ca.clone() });
            }
            Identifier::Ip(address) => check_address(*address, ca, *addresses, profile)?,
            Identifier::Dns(_) | _ => {}
        }
    }
    Ok(())
}

fn check_address(
    address: IpAddr,
    ca: &str,
    addresses: Addresses,
    profile: Option<&str>,
) -> Result<(), NameError> {
    let ca = ca.to_owned();
    match addresses {
        Addresses::No => Err(NameError::Address { address, ca }),
        Addresses::WithProfile(needed) if profile != Some(needed) => {
            Err(NameError::AddressProfile { address, ca, profile: needed })
        }
        Addresses::Any => Ok(()),
        Addresses::Maybe | Addresses::WithProfile(_) if is_private_address(address) => {
            Err(NameError::PrivateAddress { address, ca })
        }
        Addresses::Maybe | Addresses::WithProfile(_) => Ok(()),
    }
}

pub(crate) fn parse(text: &str) -> Result<Name, NameError> {
    refuse_look_alikes(text)?;
    // As an address stands in a URL.
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let (ascii, note) = to_ascii(bare)?;
    let identifier =
        ascii.parse().map_err(|source| NameError::Identifier { text: text.to_owned(), source })?;
    Ok(Name { identifier, note })
}

/// Refuses what is meant well and is no name.
fn refuse_look_alikes(text: &str) -> Result<(), NameError> {
    let owned = || text.to_owned();
    let address = text.parse::<SocketAddr>().ok().map(|address| address.ip().to_string());
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    if after_scheme.contains('/') || after_scheme.len() != text.len() {
        let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
        let host = without_port(authority).unwrap_or(authority);
        return Err(NameError::Url { text: owned(), host: host.to_owned() });
    }
    if text.contains('@') {
        return Err(NameError::Email { text: owned() });
    }
    match address.or_else(|| without_port(text).map(str::to_owned)) {
        Some(host) => Err(NameError::Port { text: owned(), host }),
        None => Ok(()),
    }
}

/// The host of `HOST:PORT`; an IPv6 address has more colons and is none.
fn without_port(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !host.is_empty() && (!host.contains(':') || host.ends_with(']'))).then_some(host)
}

/// Converts letters outside ASCII, and says so.
fn to_ascii(text: &str) -> Result<(String, Option<String>), NameError> {
    if text.is_ascii() {
        return Ok((text.to_owned(), None));
    }
    let (wildcard, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
    let ascii = idna::domain_to_ascii(name).map_err(|_| NameError::Idn { text: text.to_owned() })?;
    let ascii = format!("{wildcard}{ascii}");
    let note = format!("{text} is {ascii} in the certificate");
    Ok((ascii, Some(note)))
}

/// Tells whether no public CA may certify a name.
fn is_private(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    !name.contains('.') || RESERVED.contains(&last)
}

/// Tells whether an address is not reached from everywhere (RFC 6890).
fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_documentation()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
        }
        IpAddr::V6(address) => {
            let documentation = address.segments().starts_with(&[0x2001, 0xdb8]);
            address.is_unique_local()
                || address.is_loopback()
                || address.is_unicast_link_local()
                || documentation
                || address.is_unspecified()
                || address.is_multicast()
        }
    }
}

fn of_identifier(error: &IdentifierError, text: &str, invocation: &Invocation) -> Vec<Advice> {
    match error {
        IdentifierError::Character('_') => {
            vec![Advice::text("underscores are for records such as _dmarc; hosts to certify have none")]
        }
        IdentifierError::Wildcard => {
            let base = text.trim_start_matches(['*', '.']);
            vec![
                Advice::text("one wildcard covers one level:"),
                Advice::paste(invocation.replacing(text, &format!("*.{base}"))),
            ]
        }
        IdentifierError::Empty => vec![Advice::text("check the variable that the name came from")],
        IdentifierError::Character(_)
        | IdentifierError::EmptyLabel
        | IdentifierError::Hyphen { .. }
        | IdentifierError::LongLabel { .. }
        | IdentifierError::NotAscii
        | IdentifierError::TooLong { .. }
        | _ => vec![Advice::text("check the spelling of the name")],
    }
}

/// Domains that are nobody's (RFC 2606, RFC 6761, RFC 6762 and ICANN's `internal`).
const RESERVED: [&str; 7] = ["example", "home", "internal", "invalid", "local", "localhost", "test"];

/// Names that one line has room for.
const MOST_LISTED: usize = 4;
