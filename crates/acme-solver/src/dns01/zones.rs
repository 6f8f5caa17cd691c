//! The records, and the answer to a question.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        let name = Name::from_ascii(server_name).map_err(|error| BindError::ServerName(error.into()))?;
        let mut server_name = name.to_lowercase();
        server_name.set_fqdn(true);
        Ok(Self { server_name, records: Mutex::default() })
    }

    pub(super) fn insert(&self, name: &str, value: String) {
        let Some(name) = key(name) else { return };
        let mut records = self.records();
        let values = records.values.entry(name).or_default();
        if !values.contains(&value) {
            values.push(value);
            records.serial = records.serial.wrapping_add(1);
        }
    }

    pub(super) fn remove(&self, name: &str, value: &str) {
        let Some(name) = key(name) else { return };
        let mut records = self.records();
        if let Some(values) = records.values.get_mut(&name) {
            values.retain(|other| other != value);
            if values.is_empty() {
                records.values.remove(&name);
            }
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
        let apex = match apex(&name) {
            Some(apex) if question.query_class() == DNSClass::IN => apex,
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

    fn records(&self) -> MutexGuard<'_, Records> {
        // A map between two operations is whole, whoever panicked.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name as records are found by; `None` for one that no packet can hold, nor ask for.
fn key(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?.to_lowercase();
    name.set_fqdn(true);
    Some(name)
}

/// The name of the zone that a name is in: from the label `_acme-challenge` on.
fn apex(name: &Name) -> Option<Name> {
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
