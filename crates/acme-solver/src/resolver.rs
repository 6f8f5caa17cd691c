//! DNS as others see it: what a resolver says, and what each server of a zone says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use acme_proto::SolverError;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::dns::Delegation;
use query::{Peer, Question};

mod query;

/// Looks names up: at resolvers, and at the servers that are authoritative for a zone.
///
/// It keeps nothing and caches nothing: what it says is so now.
#[derive(Clone, Debug)]
pub struct Resolver {
    resolvers: Vec<SocketAddr>,
    authoritative_port: u16,
    time_limit: Duration,
}

/// A zone, and who serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Zone {
    /// The zone's name, without a dot at its end.
    pub name: String,
    /// Where the name that was looked up really is: at the end of its CNAMEs, without a dot at its end.
    pub canonical: String,
    /// The servers that the zone names, each with its addresses.
    pub servers: Vec<NameServer>,
}

/// A server that is authoritative for a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameServer {
    /// Its name, without a dot at its end.
    pub name: String,
    /// Its addresses; none where its name can't be resolved.
    pub addresses: Vec<SocketAddr>,
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Who may issue certificates.
    Caa,
    /// The servers of a zone.
    Ns,
    /// Texts.
    Txt,
}

/// The records of one type of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Records {
    /// Where the name's CNAMEs end, without a dot at its end; the name itself if it has none.
    pub canonical: String,
    /// Whether there is such a name, whatever records it has.
    pub exists: bool,
    /// The records, in no order.
    pub data: Vec<RecordData>,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordData {
    /// An address.
    Address(IpAddr),
    /// Who may issue certificates.
    Caa {
        /// Whether a CA that does not know the tag has to refuse.
        is_critical: bool,
        /// The property's tag.
        tag: String,
        /// The property's value.
        value: String,
    },
    /// A server's name, without a dot at its end.
    Server(String),
    /// A text, its parts put together.
    Text(String),
}

/// What one server says of the TXT records of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// These values, in no order; none where the name has no such record.
    Values(Vec<String>),
    /// The name does not exist.
    NoSuchName,
    /// The server refuses, in its own word.
    Refused(String),
    /// No answer came, for this reason.
    Silent(String),
}

/// Why a look-up came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is nobody to ask.
    #[error("no resolver is set up")]
    NoResolver,
    /// It is no domain name.
    #[error("{0} is no domain name")]
    Name(String),
    /// No resolver answered.
    #[error("no resolver answered the question for {kind} of {name}")]
    Silent {
        /// What was asked for.
        name: String,
        /// The type of record.
        kind: String,
        /// Why the last one did not.
        #[source]
        source: io::Error,
    },
    /// The resolver answered with an error; `SERVFAIL` is also what DNSSEC failures look like.
    #[error("the resolver answered {code} for {kind} of {name}")]
    Code {
        /// What was asked for.
        name: String,
        /// The type of record.
        kind: String,
        /// The word for the error.
        code: String,
    },
    /// The name leads to another one, and that to another, without end.
    #[error("{0} has too many CNAMEs one after the other")]
    Aliases(String),
    /// No zone holds the name.
    #[error("no zone holds {0}")]
    NoZone(String),
}

impl Resolver {
    /// Asks these resolvers, one after the other until one answers.
    #[must_use]
    pub fn new(resolvers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            resolvers: resolvers.into_iter().take(MAX_RESOLVERS).collect(),
            authoritative_port: DNS_PORT,
            time_limit: TRY_LIMIT,
        }
    }

    /// Asks authoritative servers at another port than 53.
    #[must_use]
    pub fn authoritative_port(self, port: u16) -> Self {
        Self { authoritative_port: port, ..self }
    }

    /// How long one try may take; a question is tried twice.
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Looks up one type of records of a name, at the end of its CNAMEs.
    ///
    /// # Errors
    /// When no resolver answers, or when they answer with an error. That a name does not exist is
    /// none.
    pub fn look_up(&self, name: &str, kind: RecordKind) -> Result<Records, ResolveError> {
        let mut canonical = parse(name)?;
        for _ in 0..=MAX_ALIASES {
            let answer = self.ask(&canonical, kind.into())?;
            let Some(end) = end_of_aliases(&answer, &canonical) else { break };
            let of_end = answer.answers.iter().filter(|record| record.name == end);
            let data: Vec<_> = of_end.filter_map(|record| RecordData::read(&record.data)).collect();
            let exists = answer.metadata.response_code == ResponseCode::NoError;
            if !data.is_empty() || end == canonical || !exists {
                return Ok(Records { canonical: text(&end), exists, data });
            }
            canonical = end;
        }
        Err(ResolveError::Aliases(name.to_string()))
    }

    /// Tells whether a question that failed is answered by a resolver that is told not to validate:
    /// then DNSSEC is what fails.
    #[must_use]
    pub fn is_bogus(&self, name: &str, kind: RecordKind) -> bool {
        let Ok(name) = parse(name) else { return false };
        self.resolvers.iter().any(|&address| {
            let peer = Peer { is_validating: false, ..self.peer(address) };
            let answer = peer.ask_one(Question { name: name.clone(), kind: kind.into() });
            let is_good = |code| matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
            answer.is_ok_and(|answer| is_good(answer.metadata.response_code))
        })
    }

    /// Finds the zone that holds a name, at the end of the name's CNAMEs, and the zone's servers.
    ///
    /// # Errors
    /// When no resolver answers, or when they find no zone below a top-level domain.
    pub fn zone(&self, name: &str) -> Result<Zone, ResolveError> {
        let (owner, canonical) = self.locate(name)?;
        Ok(Zone { name: text(&owner), canonical: text(&canonical), servers: self.servers_of(&owner)? })
    }

    /// Finds the zones of several names, as [`zone`](Self::zone) does; the servers of a zone are looked
    /// up once.
    pub fn zones(&self, names: &[String]) -> Vec<Result<Zone, ResolveError>> {
        let mut known: BTreeMap<Name, Vec<NameServer>> = BTreeMap::new();
        let mut find = |name: &String| {
            let (owner, canonical) = self.locate(name)?;
            let servers = match known.get(&owner) {
                Some(servers) => servers.clone(),
                None => self.servers_of(&owner)?,
            };
            known.insert(owner.clone(), servers.clone());
            Ok(Zone { name: text(&owner), canonical: text(&canonical), servers })
        };
        names.iter().map(&mut find).collect()
    }

    /// The zone's name, and where the name's CNAMEs end.
    fn locate(&self, name: &str) -> Result<(Name, Name), ResolveError> {
        let mut canonical = parse(name)?;
        for _ in 0..=MAX_ALIASES {
            let answer = self.ask(&canonical, RecordType::SOA)?;
            let Some(end) = end_of_aliases(&answer, &canonical) else { break };
            let records = answer.answers.iter().chain(&answer.authorities);
            let owner = records
                .filter(|record| record.record_type() == RecordType::SOA && record.name.zone_of(&end))
                .map(|record| &record.name)
                .max_by_key(|owner| owner.num_labels());
            match owner {
                // What the root or a top-level domain answers for is a name that nobody has.
                Some(owner) if owner.num_labels() > 1 => return Ok((owner.clone(), end)),
                Some(_) => return Err(ResolveError::NoZone(name.to_string())),
                None if end == canonical => return Err(ResolveError::NoZone(name.to_string())),
                None => canonical = end,
            }
        }
        Err(ResolveError::Aliases(name.to_string()))
    }

    /// Asks every address of every server of a zone for the TXT records of some names.
    ///
    /// The answers come by server and address; each has one [`Answer`] for each name, in the same
    /// order. All servers are asked at the same time.
    #[must_use]
    pub fn ask_each(&self, zone: &Zone, names: &[&str]) -> Vec<Testimony> {
        let asked: Vec<_> =
            zone.servers.iter().flat_map(NameServer::each_address).take(MAX_SERVERS).collect();
        thread::scope(|scope| {
            let threads: Vec<_> = asked
                .into_iter()
                .map(|(server, address)| {
                    let thread = scope.spawn(move || self.texts(address, names));
                    (server, address, thread)
                })
                .collect();
            let silent =
                || names.iter().map(|_| Answer::Silent("the thread that asks failed".into())).collect();
            threads
                .into_iter()
                .map(|(server, address, thread)| Testimony {
                    server: server.to_string(),
                    address,
                    answers: thread.join().unwrap_or_else(|_| silent()),
                })
                .collect()
        })
    }

    fn texts(&self, address: SocketAddr, names: &[&str]) -> Vec<Answer> {
        let peer = Peer { recursion: false, ..self.peer(address) };
        let parsed: Vec<_> = names.iter().map(|name| parse(name)).collect();
        let questions: Vec<_> = parsed
            .iter()
            .flatten()
            .map(|name| Question { name: name.clone(), kind: RecordType::TXT })
            .collect();
        let mut answers = peer.ask(&questions).into_iter();
        let answer = |name: Result<Name, ResolveError>| match name.map(|name| (answers.next(), name)) {
            Err(error) => Answer::Refused(error.to_string()),
            Ok((Some(Ok(answer)), name)) => Answer::read(&answer, &name),
            Ok((Some(Err(error)), _)) => Answer::Silent(error.to_string()),
            Ok((None, _)) => Answer::Silent("no answer".to_string()),
        };
        parsed.into_iter().map(answer).collect()
    }

    fn servers_of(&self, owner: &Name) -> Result<Vec<NameServer>, ResolveError> {
        let answer = self.ask(owner, RecordType::NS)?;
        let names: BTreeSet<_> = answer.answers.iter().filter_map(name_server).cloned().collect();
        let server = |name: Name| NameServer { addresses: self.addresses(&name), name: text(&name) };
        Ok(names.into_iter().take(MAX_SERVERS).map(server).collect())
    }

    /// The addresses of a name; none where they can't be found out.
    fn addresses(&self, name: &Name) -> Vec<SocketAddr> {
        let of_kind = |kind| {
            let answer = self.ask(name, kind).ok();
            answer.map(|answer| answer.answers).unwrap_or_default()
        };
        let records = of_kind(RecordType::A).into_iter().chain(of_kind(RecordType::AAAA));
        records
            .filter_map(|record| record.data.ip_addr())
            .map(|ip| SocketAddr::new(ip, self.authoritative_port))
            .collect()
    }

    fn peer(&self, address: SocketAddr) -> Peer {
        Peer { address, recursion: true, is_validating: true, time_limit: self.time_limit }
    }

    /// Asks the resolvers, one after the other until one answers.
    fn ask(&self, name: &Name, kind: RecordType) -> Result<Message, ResolveError> {
        let mut last = None;
        for &address in &self.resolvers {
            let peer = self.peer(address);
            match peer.ask_one(Question { name: name.clone(), kind }) {
                Ok(answer) => {
                    let code = answer.metadata.response_code;
                    if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                        return Ok(answer);
                    }
                    let (name, kind) = (text(name), kind.to_string());
                    last = Some(ResolveError::Code { name, kind, code: code.to_string() });
                }
                Err(source) => {
                    last = Some(ResolveError::Silent { name: text(name), kind: kind.to_string(), source })
                }
            }
        }
        Err(last.unwrap_or(ResolveError::NoResolver))
    }
}

/// Writes where a CNAME leads; where nothing can be looked up, at the name itself.
impl Delegation for Resolver {
    fn canonical(&self, name: &str) -> Result<String, SolverError> {
        match self.zone(name) {
            Ok(zone) => Ok(zone.canonical),
            Err(ResolveError::NoResolver | ResolveError::NoZone(_) | ResolveError::Silent { .. }) => {
                Ok(name.to_string())
            }
            Err(error @ ResolveError::Code { .. }) => Err(SolverError::temporary(error)),
            Err(error @ (ResolveError::Aliases(_) | ResolveError::Name(_))) => {
                Err(SolverError::permanent(error))
            }
        }
    }
}

impl NameServer {
    fn each_address(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.addresses.iter().map(|address| (self.name.as_str(), *address))
    }
}

/// What one address of one server says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Testimony {
    /// The server's name, without a dot at its end.
    pub server: String,
    /// The address that was asked.
    pub address: SocketAddr,
    /// One answer for each name that was asked for, in the same order.
    pub answers: Vec<Answer>,
}

impl Answer {
    fn read(answer: &Message, name: &Name) -> Self {
        let code = answer.metadata.response_code;
        if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
            return Self::Refused(code.to_string());
        }
        // A server that was told of no such zone points elsewhere.
        if !answer.metadata.authoritative {
            return Self::Refused("without authority for the zone".to_string());
        }
        if code == ResponseCode::NXDomain {
            return Self::NoSuchName;
        }
        let Some(end) = end_of_aliases(answer, name) else {
            return Self::Refused("with CNAMEs without end".to_string());
        };
        let of_name = answer.answers.iter().filter(|record| record.name == end);
        Self::Values(of_name.filter_map(text_value).collect())
    }

    /// Whether the server answered for the zone, whatever the answer is.
    #[must_use]
    pub fn is_given(&self) -> bool {
        matches!(self, Self::Values(_) | Self::NoSuchName)
    }

    /// Whether the server has a value.
    #[must_use]
    pub fn shows(&self, value: &str) -> bool {
        matches!(self, Self::Values(values) if values.iter().any(|shown| shown == value))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) if values.is_empty() => f.write_str("has no TXT record"),
            Self::Values(values) => write!(f, "has {}", values.join(", ")),
            Self::NoSuchName => f.write_str("knows no such name"),
            Self::Refused(code) => write!(f, "answers {code}"),
            Self::Silent(reason) => write!(f, "does not answer ({reason})"),
        }
    }
}

impl From<RecordKind> for RecordType {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::A => Self::A,
            RecordKind::Aaaa => Self::AAAA,
            RecordKind::Caa => Self::CAA,
            RecordKind::Ns => Self::NS,
            RecordKind::Txt => Self::TXT,
        }
    }
}

impl RecordData {
    fn read(data: &RData) -> Option<Self> {
        if let Some(address) = data.ip_addr() {
            return Some(Self::Address(address));
        }
        if let RData::CAA(caa) = data {
            let value = String::from_utf8_lossy(&caa.value).into_owned();
            return Some(Self::Caa { is_critical: caa.issuer_critical, tag: caa.tag.clone(), value });
        }
        if let RData::NS(server) = data {
            return Some(Self::Server(text(&server.0)));
        }
        let RData::TXT(text) = data else { return None };
        Some(Self::Text(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()))
    }
}

fn parse(name: &str) -> Result<Name, ResolveError> {
    let mut parsed = Name::from_ascii(name).map_err(|_| ResolveError::Name(name.to_string()))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

fn text(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_string()
}

fn name_server(record: &Record) -> Option<&Name> {
    let RData::NS(server) = &record.data else { return None };
    Some(&server.0)
}

/// The character strings of a TXT record are one value (RFC 1035, section 3.3.14).
fn text_value(record: &Record) -> Option<String> {
    let RData::TXT(text) = &record.data else { return None };
    Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned())
}

/// Where the CNAMEs of an answer lead to from a name on; `None` where that is in a circle.
fn end_of_aliases(answer: &Message, start: &Name) -> Option<Name> {
    let mut end = start;
    for _ in 0..=answer.answers.len() {
        let mut of_name = answer.answers.iter().filter(|record| record.name == *end);
        let next = of_name.find_map(|record| {
            let RData::CNAME(target) = &record.data else { return None };
            Some(&target.0)
        });
        match next {
            Some(next) => end = next,
            None => return Some(end.clone()),
        }
    }
    None
}

const DNS_PORT: u16 = 53;
const TRY_LIMIT: Duration = Duration::from_secs(2);
const MAX_ALIASES: usize = 8;
const MAX_RESOLVERS: usize = 4;
/// Addresses of a zone's servers that are asked.
const MAX_SERVERS: usize = 26;
