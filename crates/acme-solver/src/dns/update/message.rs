//! The messages: questions for the zone of a name, and updates.
//!
//! <https://www.rfc-editor.org/rfc/rfc2136>

use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::error::UpdateError;
use super::tsig::fqdn;
use crate::dns::change::{self, Action, Change};

/// A question for the SOA record of a name, which is the zone's in the answer.
pub(super) fn question(name: &Name) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(name.clone(), RecordType::SOA));
    message
}

/// The messages that change a zone: one, or as many as it takes to stay below [`MAX_UPDATE`].
pub(super) fn updates(zone: &Name, change: &Change, ttl: u32) -> Result<Vec<Message>, UpdateError> {
    let mut messages = Vec::new();
    let mut message = start(zone);
    let mut size = 0;
    for record in &change.records {
        let name = fqdn(&record.name).ok_or_else(|| UpdateError::Name(record.name.clone()))?;
        let mut is_guarded = false;
        for value in &record.values {
            let most = 2 * (name.len() + RECORD_HEADER) + value.len() + value.len() / MAX_STRING + 1;
            if size + most > MAX_UPDATE && size > 0 {
                messages.push(std::mem::replace(&mut message, start(zone)));
                (size, is_guarded) = (0, false);
            }
            size += most;
            if change.action == Action::Add && !is_guarded {
                message.add_answer(no_alias(&name));
                is_guarded = true;
            }
            message.add_authority(text(change.action, &name, value, ttl));
        }
    }
    messages.push(message);
    Ok(messages)
}

/// The names that a message writes.
pub(super) fn names(records: &[change::Record]) -> Vec<String> {
    records.iter().map(|record| record.name.clone()).collect()
}

fn start(zone: &Name) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.add_query(Query::query(zone.clone(), RecordType::SOA));
    message
}

/// A server keeps silent about a record that it does not add because a CNAME is there, unless it is
/// told before that there must be none.
///
/// <https://www.rfc-editor.org/rfc/rfc2136#section-3.4.2.2>
fn no_alias(name: &Name) -> Record {
    let mut record = Record::update0(name.clone(), 0, RecordType::CNAME);
    record.dns_class = DNSClass::NONE;
    record
}

fn text(action: Action, name: &Name, value: &str, ttl: u32) -> Record {
    let data = RData::TXT(TXT::from_bytes(value.as_bytes().chunks(MAX_STRING).collect()));
    match action {
        Action::Add => Record::from_rdata(name.clone(), ttl, data),
        Action::Remove => {
            let mut record = Record::from_rdata(name.clone(), 0, data);
            record.dns_class = DNSClass::NONE;
            record
        }
    }
}

/// Octets of the records of one update: a message of 65535 has room for its header, its zone and a
/// signature besides.
const MAX_UPDATE: usize = 60_000;
/// Octets of a record besides its name and its data.
const RECORD_HEADER: usize = 10;
/// Octets of one string of a TXT record.
const MAX_STRING: usize = 255;
