//! dns-01 by dynamic updates of a zone, sent to its primary name server.

mod error;
mod key_file;
mod message;
mod server;
mod tsig;
mod variables;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use acme_keys::TsigKey;
use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use jiff::Timestamp;

use super::change::{Action, Change};
use super::delegation::Delegation;
use super::plan::{Plan, Undelegated};
use super::turns::Turns;
use super::zone::{Zone, closest};
use crate::response::dns_types;
use crate::together::each;
use error::NO_ZONE;
use server::Server;
use tsig::{Signer, fqdn};

pub use error::{TsigFault, UpdateError};

/// Writes the TXT records of dns-01 by dynamic updates (RFC 2136), signed with a key that the server
/// shares (TSIG, RFC 8945), on the calling thread.
///
/// The server is the primary of the zones, such as BIND, Knot or PowerDNS. Which zone a name is in it
/// is asked for, unless [zones](Self::with_zones) are given. All values of an order that go to a zone
/// are in one message. Values of others at the same name stay, and what is there already, or gone
/// already, is no error. Where the key is given, replies count only when they are signed with it.
///
/// A message goes over UDP where it is small, else over TCP, and over TCP too where nothing comes over
/// UDP that settles it. Clones take turns at a zone.
///
/// Returns when the primary has taken the records; wrap it in [`Propagated`](crate::Propagated) to wait
/// for the other servers.
///
/// ```
/// use acme_keys::{TsigAlgorithm, TsigKey};
/// use acme_solver::dns::DnsUpdate;
///
/// let key = TsigKey::from_base64(TsigAlgorithm::HmacSha256, "c2VjcmV0IG9mIHRoZSB0d28gb2YgdGhlbQ==")?;
/// let solver = DnsUpdate::new("ns1.example.com")?.with_key("acme", key)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc2136> and <https://www.rfc-editor.org/rfc/rfc8945>
#[derive(Clone)]
pub struct DnsUpdate {
    server: Server,
    zones: Vec<Zone>,
    ttl: u32,
    delegation: Arc<dyn Delegation>,
    turns: Turns,
}

impl DnsUpdate {
    /// The time to live of the records in seconds, unless another one is set.
    pub const TTL: u32 = 120;

    /// Sets a solver up for a name server: `HOST` or `HOST:PORT`, where the host may be an address.
    ///
    /// # Errors
    /// [`UpdateError::Server`] if it is neither.
    pub fn new(server: &str) -> Result<Self, UpdateError> {
        let delegation = Arc::new(Undelegated);
        let (server, turns) = (Server::parse(server)?, Turns::default());
        Ok(Self { server, zones: Vec::new(), ttl: Self::TTL, delegation, turns })
    }

    /// Signs with a key, and takes only replies that are signed with it.
    ///
    /// # Errors
    /// [`UpdateError::Name`] if the key's name is no domain name, as that of every key is.
    pub fn with_key(mut self, name: &str, key: TsigKey) -> Result<Self, UpdateError> {
        self.server.signer = Some(Signer::new(name, key)?);
        Ok(self)
    }

    /// Takes the closest of these zones for a name, and asks nobody for it.
    ///
    /// # Errors
    /// [`UpdateError::Name`] if one is no domain name.
    pub fn with_zones<'a>(self, zones: impl IntoIterator<Item = &'a str>) -> Result<Self, UpdateError> {
        let zone = |name: &str| {
            let is_name = fqdn(name).is_some();
            if is_name { Ok(Zone::new(name, "")) } else { Err(UpdateError::Name(name.to_owned())) }
        };
        Ok(Self { zones: zones.into_iter().map(zone).collect::<Result<_, _>>()?, ..self })
    }

    /// Gives the records another time to live, in seconds.
    #[must_use]
    pub fn with_ttl(self, ttl: u32) -> Self {
        Self { ttl, ..self }
    }

    /// How long one exchange with the server may take; ten seconds without this call.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.server.time_limit = time_limit;
        self
    }

    /// Takes the time that signatures have from here instead of from the system.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.server.clock = clock;
        self
    }

    /// Writes where the names lead to.
    #[must_use]
    pub fn with_delegation(self, delegation: Arc<dyn Delegation>) -> Self {
        Self { delegation, ..self }
    }

    fn act(&self, action: Action, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let mut plan = Plan::new(action, challenges, &self.delegation);
        let names = plan.names();
        plan.place(&names, Ok(each(&names, |name| self.zone(name))));
        let changes = plan.changes();
        let turn = self.turns.take(changes.iter().map(|(zone, _)| zone.name.clone()).collect());
        let outcomes = each(&changes, |(zone, change)| self.change(&zone.name, change));
        drop(turn);
        plan.settle(&changes, Ok(outcomes));
        plan.results()
    }

    /// Finds the zone of a name: of those that are given, or by the SOA record that the server shows
    /// for the name, or for one above it.
    fn zone(&self, name: &str) -> Result<Zone, UpdateError> {
        let no_zone = || UpdateError::NoZone { server: self.server.title(), name: name.to_owned() };
        if !self.zones.is_empty() {
            return closest(&self.zones, name).cloned().ok_or_else(no_zone);
        }
        let full = fqdn(name).ok_or_else(|| UpdateError::Name(name.to_owned()))?;
        let mut asked = full.clone();
        while !asked.is_root() {
            let reply = match self.server.ask(&message::question(&asked)) {
                Err(error) if error.is_unsigned_refusal() => return Err(no_zone()),
                outcome => outcome?,
            };
            let code = reply.metadata.response_code;
            if NO_ZONE.contains(&code) {
                return Err(no_zone());
            }
            if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                return Err(UpdateError::refusal(&self.server.title(), name, code));
            }
            if let Some(zone) = owner(&reply, RecordType::SOA, &full) {
                return Ok(Zone::new(&zone.to_ascii(), ""));
            }
            if let Some(zone) = owner(&reply, RecordType::NS, &full) {
                let (server, name, zone) = (self.server.title(), name.to_owned(), text(zone));
                return Err(UpdateError::Delegated { server, name, zone, to: servers(&reply) });
            }
            asked = asked.base_name();
        }
        Err(no_zone())
    }

    fn change(&self, zone: &str, change: &Change) -> Result<(), UpdateError> {
        let apex = fqdn(zone).ok_or_else(|| UpdateError::Name(zone.to_owned()))?;
        for message in message::updates(&apex, change, self.ttl)? {
            let code = self.send(&message)?;
            if code == ResponseCode::YXRRSet {
                let (server, zone) = (self.server.title(), zone.to_owned());
                return Err(UpdateError::Alias { server, zone, names: message::names(&change.records) });
            }
            if code != ResponseCode::NoError {
                return Err(UpdateError::refusal(&self.server.title(), zone, code));
            }
        }
        Ok(())
    }

    /// Sends an update, and again while the server fails at it, as one does that is busy with its
    /// database.
    fn send(&self, message: &Message) -> Result<ResponseCode, UpdateError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            let code = self.server.ask(message)?.metadata.response_code;
            if code != ResponseCode::ServFail {
                return Ok(code);
            }
            thread::sleep(pause);
            pause *= 2;
        }
        Ok(self.server.ask(message)?.metadata.response_code)
    }
}

impl Solver for DnsUpdate {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        dns_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.act(Action::Add, challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.act(Action::Remove, challenges)
    }
}

impl fmt::Debug for DnsUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server.title();
        f.debug_struct("DnsUpdate")
            .field("server", &server)
            .field("zones", &self.zones)
            .finish_non_exhaustive()
    }
}

/// The longest owner of records of a type in an answer that is a name or above it.
fn owner<'a>(reply: &'a Message, kind: RecordType, name: &Name) -> Option<&'a Name> {
    let records = reply.answers.iter().chain(&reply.authorities);
    let of_kind = records.filter(|record| record.record_type() == kind && record.name.zone_of(name));
    of_kind.map(|record| &record.name).max_by_key(|owner| owner.num_labels())
}

fn servers(reply: &Message) -> Vec<String> {
    let server = |data: &RData| {
        let RData::NS(server) = data else { return None };
        Some(text(&server.0))
    };
    reply.authorities.iter().filter_map(|record| server(&record.data)).collect()
}

fn text(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
/// How often an update is sent to a server that answers that it failed.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
