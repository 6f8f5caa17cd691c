//! DNS as others see it: what a resolver says, and what each server of a zone says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use acme_http::Transport;
use acme_proto::SolverError;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use http::Uri;

use crate::dns::Delegation;
use crate::together::each;
use https::Server;
use query::{Peer, Question};

mod answer;
mod https;
mod query;

pub use answer::{Answer, Testimony};

/// Looks names up: at resolvers, and at the servers that are authoritative for a zone.
///
/// It keeps nothing and caches nothing: what it says is so now.
#[derive(Clone, Debug)]
pub struct Resolver {
    upstreams: Vec<Upstream>,
    authoritative_port: u16,
    time_limit: Duration,
}

/// Who is asked to ask others.
#[derive(Clone, Debug)]
enum Upstream {
    Dns(SocketAddr),
    Https(Server),
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
    /// How long resolvers may remember that there is no such name or record.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc2308#section-4>
    pub absent_for: Option<Duration>,
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
    /// Where a zone begins.
    Soa,
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
    /// How long a resolver may go on to say that there is none, where it says so now.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc2308#section-5>
    pub absent_for: Option<Duration>,
}

impl Records {
    /// The addresses among the records.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.data.iter().filter_map(|data| match data {
            RecordData::Address(address) => Some(*address),
            RecordData::Caa { .. } | RecordData::Server(_) | RecordData::Text(_) | RecordData::Version(_) => {
                None
            }
        })
    }
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
    /// The version of a zone.
    Version(u32),
    /// A text, its parts put together.
    Text(String),
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
            upstreams: resolvers.into_iter().map(Upstream::Dns).take(MAX_RESOLVERS).collect(),
            authoritative_port: DNS_PORT,
            time_limit: TRY_LIMIT,
        }
    }

    /// Asks a resolver over HTTPS, too, where those before it do not answer: for networks that let
    /// nobody ask at port 53.
    ///
    /// Its operator learns the names that are asked for, so that nobody is asked who was not chosen.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8484>
    #[must_use]
    pub fn over_https(mut self, url: Uri, transport: Arc<dyn Transport>) -> Self {
        if self.upstreams.len() < MAX_RESOLVERS {
            self.upstreams.push(Upstream::Https(Server::new(url, transport)));
        }
        self
    }

    /// Asks authoritative servers at another port than 53.
    #[must_use]
    pub fn authoritative_port(self, port: u16) -> Self {
        Self { authoritative_port: port, ..self }
    }

    /// The first resolver that is asked as DNS has it, without HTTPS.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.upstreams.iter().find_map(|upstream| match upstream {
            Upstream::Dns(address) => Some(*address),
            Upstream::Https(_) => None,
        })
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
                let absent_for = if data.is_empty() { absent_for(&answer) } else { None };
                return Ok(Records { canonical: text(&end), exists, data, absent_for });
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
        self.upstreams.iter().any(|upstream| {
            let question = Question { name: name.clone(), kind: kind.into() };
            let answer = self.ask_upstream(upstream, question, false);
            let is_good = |code| matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
            answer.is_ok_and(|answer| is_good(answer.metadata.response_code))
        })
    }

    /// Finds the zone that holds a name, at the end of the name's CNAMEs, and the zone's servers.
    ///
    /// # Errors
    /// When no resolver answers, or when they find no zone below a top-level domain.
    pub fn zone(&self, name: &str) -> Result<Zone, ResolveError> {
        let place = self.locate(name)?;
        Ok(place.zone(self.servers_of(&place.owner)?))
    }

    /// Finds the zones of several names, as [`zone`](Self::zone) does; the servers of a zone are looked
    /// up once.
    pub fn zones(&self, names: &[String]) -> Vec<Result<Zone, ResolveError>> {
        let mut known: BTreeMap<Name, Vec<NameServer>> = BTreeMap::new();
        let mut find = |place: Result<Place, ResolveError>| {
            let place = place?;
            let servers = match known.get(&place.owner) {
                Some(servers) => servers.clone(),
                None => self.servers_of(&place.owner)?,
            };
            known.insert(place.owner.clone(), servers.clone());
            Ok(place.zone(servers))
        };
        each(names, |name| self.locate(name)).into_iter().map(&mut find).collect()
    }

    fn locate(&self, name: &str) -> Result<Place, ResolveError> {
        let mut canonical = parse(name)?;
        for _ in 0..=MAX_ALIASES {
            let answer = self.ask(&canonical, RecordType::SOA)?;
            let Some(end) = end_of_aliases(&answer, &canonical) else { break };
            let records = answer.answers.iter().chain(&answer.authorities);
            let owner = records
                .filter(|record| record.record_type() == RecordType::SOA && record.name.zone_of(&end))
                .max_by_key(|record| record.name.num_labels());
            match owner {
                // What the root or a top-level domain answers for is a name that nobody has.
                Some(start) if start.name.num_labels() > 1 => {
                    let absent_for = minimum(start);
                    return Ok(Place { owner: start.name.clone(), canonical: end, absent_for });
                }
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
        let questions: Vec<_> = names.iter().map(|name| (*name, RecordKind::Txt)).collect();
        self.ask_each_for(zone, &questions)
    }

    /// Asks as [`ask_each`](Self::ask_each) does, for a type of records of each name.
    #[must_use]
    pub fn ask_each_for(&self, zone: &Zone, questions: &[(&str, RecordKind)]) -> Vec<Testimony> {
        let asked: Vec<_> =
            zone.servers.iter().flat_map(NameServer::each_address).take(MAX_SERVERS).collect();
        thread::scope(|scope| {
            let threads: Vec<_> = asked
                .into_iter()
                .map(|(server, address)| {
                    let thread = scope.spawn(move || self.answers(address, questions));
                    (server, address, thread)
                })
                .collect();
            let silent =
                || questions.iter().map(|_| Answer::Silent("the thread that asks failed".into())).collect();
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

    fn answers(&self, address: SocketAddr, asked: &[(&str, RecordKind)]) -> Vec<Answer> {
        let peer = Peer { recursion: false, ..self.peer(address) };
        let parsed: Vec<_> = asked
            .iter()
            .map(|(name, kind)| parse(name).map(|name| Question { name, kind: (*kind).into() }))
            .collect();
        let questions: Vec<_> = parsed.iter().flatten().cloned().collect();
        let mut answers = peer.ask(&questions).into_iter();
        let answer = |question: Result<Question, ResolveError>| match question
            .map(|question| (answers.next(), question))
        {
            Err(error) => Answer::Refused(error.to_string()),
            Ok((Some(Ok(answer)), question)) => Answer::read(&answer, &question.name, question.kind),
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

    fn ask_upstream(
        &self,
        upstream: &Upstream,
        question: Question,
        is_validating: bool,
    ) -> io::Result<Message> {
        match upstream {
            Upstream::Dns(address) => Peer { is_validating, ..self.peer(*address) }.ask_one(question),
            Upstream::Https(server) => server.ask(&question, is_validating, self.time_limit * 2),
        }
    }

    /// Asks the resolvers, one after the other until one answers.
    fn ask(&self, name: &Name, kind: RecordType) -> Result<Message, ResolveError> {
        let mut last = None;
        for upstream in &self.upstreams {
            match self.ask_upstream(upstream, Question { name: name.clone(), kind }, true) {
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
        match self.locate(name) {
            Ok(place) => Ok(text(&place.canonical)),
            Err(ResolveError::NoResolver | ResolveError::NoZone(_) | ResolveError::Silent { .. }) => {
                Ok(name.to_string())
            }
            Err(error @ ResolveError::Code { .. }) => Err(SolverError::temporary(error)),
            Err(error @ (ResolveError::Aliases(_) | ResolveError::Name(_))) => {
                Err(SolverError::permanent(error))
            }
        }
    }

    fn canonical_each(&self, names: &[String]) -> Vec<Result<String, SolverError>> {
        each(names, |name| self.canonical(name))
    }
}

impl NameServer {
    fn each_address(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.addresses.iter().map(|address| (self.name.as_str(), *address))
    }
}

impl From<RecordKind> for RecordType {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::A => Self::A,
            RecordKind::Aaaa => Self::AAAA,
            RecordKind::Caa => Self::CAA,
            RecordKind::Ns => Self::NS,
            RecordKind::Soa => Self::SOA,
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
        if let RData::SOA(start) = data {
            return Some(Self::Version(start.serial));
        }
        let RData::TXT(text) = data else { return None };
        Some(Self::Text(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()))
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Caa { is_critical, tag, value } => {
                write!(f, "{} {tag} \"{value}\"", if *is_critical { 128 } else { 0 })
            }
            Self::Server(text) | Self::Text(text) => f.write_str(text),
            Self::Version(serial) => write!(f, "{serial}"),
        }
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

/// The smaller of the SOA record's own time to live, which counts down, and the minimum in it.
fn absent_for(answer: &Message) -> Option<Duration> {
    let left = |record: &Record| Some(minimum(record)?.min(Duration::from_secs(record.ttl.into())));
    answer.authorities.iter().find_map(left)
}

fn minimum(record: &Record) -> Option<Duration> {
    let RData::SOA(start) = &record.data else { return None };
    Some(Duration::from_secs(start.minimum.into()))
}

/// Where a name is.
struct Place {
    /// The zone's name.
    owner: Name,
    /// The end of the name's CNAMEs.
    canonical: Name,
    absent_for: Option<Duration>,
}

impl Place {
    fn zone(&self, servers: Vec<NameServer>) -> Zone {
        let Self { owner, canonical, absent_for } = self;
        Zone { name: text(owner), canonical: text(canonical), servers, absent_for: *absent_for }
    }
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
