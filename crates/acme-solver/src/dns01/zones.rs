//! The records, and the answer to a question.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{NS, SOA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::listener::BindError;

/// How a question came, which says how long its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Tcp,
    Udp,
}

pub(super) struct Zones {
    server_name: Name,
    /// The zones that somebody named, beside those of `_acme-challenge`.
    named: Mutex<Vec<Name>>,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    /// By name, in lower case.
    values: BTreeMap<Name, Vec<String>>,
    serial: u32,
}

impl Zones {
    pub(super) fn new(server_name: &str) -> Result<Self, BindError> {
        let server_name = key(server_name).map_err(|error| BindError::ServerName(error.into()))?;
        let zones = Self { server_name, named: Mutex::default(), records: Mutex::default() };
        zones.check_server_name()?;
        Ok(zones)
    }

    /// Answers for a zone that somebody named.
    pub(super) fn add(&self, zone: &str) -> Result<(), BindError> {
        let name = key(zone).map_err(|error| BindError::ZoneName(error.into()))?;
        self.named().push(name);
        self.check_server_name()
    }

    /// Where the server is in its own zone, it would have to know from where it is seen.
    fn check_server_name(&self) -> Result<(), BindError> {
        match self.apex(&self.server_name) {
            None => Ok(()),
            Some(zone) => {
                Err(BindError::ServerInZone { server: self.server_name.to_ascii(), zone: zone.to_ascii() })
            }
        }
    }

    /// Puts a value at a name; false where the name is in none of the zones.
    pub(super) fn insert(&self, name: &str, value: String) -> bool {
        let Some(name) = key(name).ok().filter(|name| self.apex(name).is_some()) else { return false };
        let mut records = self.records();
        let values = records.values.entry(name).or_default();
        if !values.contains(&value) {
            values.push(value);
            records.serial = records.serial.wrapping_add(1);
        }
        true
    }

    /// Takes a value away wherever it is: it belongs to one challenge.
    pub(super) fn remove(&self, value: &str) {
        let mut records = self.records();
        let before = records.count();
        records.values.retain(|_, values| {
            values.retain(|other| other != value);
            !values.is_empty()
        });
        if records.count() != before {
            records.serial = records.serial.wrapping_add(1);
        }
    }

    /// The answer to a packet; `None` for one that nobody should answer.
    pub(super) fn answer(&self, packet: &[u8], way: Way) -> Option<Vec<u8>> {
        let Ok(query) = Message::from_vec(packet) else { return malformed(packet) };
        if query.metadata.message_type != MessageType::Query {
            return None; // two servers would go on for ever
        }
        let response = self.respond(&query);
        let bytes = response.to_vec().ok()?;
        let room = usize::from(query.max_payload().min(MAX_PAYLOAD));
        if way == Way::Udp && bytes.len() > room { response.truncate().to_vec().ok() } else { Some(bytes) }
    }

    fn respond(&self, query: &Message) -> Message {
        let mut response = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
        response.metadata.recursion_desired = query.metadata.recursion_desired;
        response.add_queries(query.queries.iter().cloned());
        if query.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_PAYLOAD);
            // RFC 3225, section 3: as it was asked.
            edns.set_dnssec_ok(query.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok));
            response.set_edns(edns);
        }
        response.metadata.response_code = match query.queries.as_slice() {
            _ if query.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
            _ if query.version() > 0 => ResponseCode::BADVERS,
            [question] => self.fill(&mut response, question),
            _ => ResponseCode::FormErr,
        };
        response
    }

    fn fill(&self, response: &mut Message, question: &Query) -> ResponseCode {
        let name = question.name().to_lowercase();
        let apex = match self.apex(&name) {
            Some(apex) if question.query_class() == DNSClass::IN && !is_transfer(question) => apex,
            Some(_) | None => return ResponseCode::Refused,
        };
        response.metadata.authoritative = true;
        let records = self.records();
        let is_wanted = |kind| [kind, RecordType::ANY].contains(&question.query_type());
        let mut found = Vec::new();
        if is_wanted(RecordType::TXT) {
            let values = records.values.get(&name).into_iter().flatten();
            found.extend(values.map(|value| RData::TXT(TXT::new(vec![value.clone()]))));
        }
        if name == apex && is_wanted(RecordType::NS) {
            found.push(RData::NS(NS(self.server_name.clone())));
        }
        if name == apex && is_wanted(RecordType::SOA) {
            found.push(self.soa(&apex, records.serial));
        }
        if found.is_empty() {
            response.add_authority(Record::from_rdata(apex.clone(), TTL, self.soa(&apex, records.serial)));
        }
        // As it was asked for: some resolvers tell by the case of letters that it is theirs.
        let owner = question.name();
        response.add_answers(found.into_iter().map(|data| Record::from_rdata(owner.clone(), TTL, data)));
        let exists = name == apex || records.values.keys().any(|other| name.zone_of(other));
        if exists { ResponseCode::NoError } else { ResponseCode::NXDomain }
    }

    fn soa(&self, apex: &Name, serial: u32) -> RData {
        let responsible = apex.prepend_label("hostmaster").unwrap_or_else(|_| apex.clone());
        RData::SOA(SOA::new(self.server_name.clone(), responsible, serial, REFRESH, RETRY, EXPIRE, TTL))
    }

    /// The name of the zone that a name is in: the longest that somebody named, else from the label
    /// `_acme-challenge` on.
    fn apex(&self, name: &Name) -> Option<Name> {
        let named = self.named();
        let above = named.iter().filter(|zone| zone.zone_of(name));
        above.max_by_key(|zone| zone.num_labels()).cloned().or_else(|| challenge_apex(name))
    }

    fn named(&self) -> MutexGuard<'_, Vec<Name>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // A map between two operations is whole, whoever panicked.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn count(&self) -> usize {
        self.values.values().map(Vec::len).sum()
    }
}

/// Nobody else serves these zones.
fn is_transfer(question: &Query) -> bool {
    matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR)
}

/// A name as records are found by.
fn key(name: &str) -> Result<Name, ProtoError> {
    let mut name = Name::from_ascii(name)?.to_lowercase();
    name.set_fqdn(true);
    Ok(name)
}

/// From the label `_acme-challenge` on.
fn challenge_apex(name: &Name) -> Option<Name> {
    let labels = name.iter().count();
    let from_the_root = name.iter().rev().position(|label| label == LABEL)?;
    // The label alone is under no domain.
    (from_the_root > 0 && from_the_root < labels).then(|| name.trim_to(from_the_root + 1))
}

/// Says to somebody whose packet can't be read that it can't; `None` if it has no whole header.
fn malformed(packet: &[u8]) -> Option<Vec<u8>> {
    let [first, second, flags, ..] = *packet.get(..HEADER)? else { return None };
    let is_response = flags & 0x80 != 0;
    let id = u16::from_be_bytes([first, second]);
    let mut response = Message::new(id, MessageType::Response, OpCode::Query);
    response.metadata.response_code = ResponseCode::FormErr;
    (!is_response).then(|| response.to_vec().ok())?
}

const LABEL: &[u8] = b"_acme-challenge";

/// Octets of a DNS header (RFC 1035, section 4.1.1).
const HEADER: usize = 12;

/// Octets of a packet that no network in use has to cut up.
const MAX_PAYLOAD: u16 = 1232;

/// Seconds for which others may keep a record, or that there is none.
const TTL: u32 = 1;

/// For secondary servers, of which there are none.
const REFRESH: i32 = 3600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 86_400;
