//! dns-01 as RFC 8555 section 8.4 describes it, and its kin: dns-account-01 and dns-persist-01.

use std::net::SocketAddr;

use hickory_proto::rr::{RData, RecordType};
use jiff::Timestamp;

use super::{Shared, dns, lock};
use crate::{problem::Problem, validation::Validation};

/// Asks for the TXT records and looks at them. Gives until when they permit, if they say so.
pub(super) async fn validate(shared: &Shared, validation: &Validation) -> Result<Option<Timestamp>, Problem> {
    let name = validation.record_name().unwrap_or_default();
    let texts = texts(resolver(shared, validation)?, &name).await?;
    validation.check_texts(&texts)
}

/// The TXT records of a name, the strings of each put together. An absent name is a problem.
async fn texts(resolver: SocketAddr, name: &str) -> Result<Vec<Vec<u8>>, Problem> {
    let records = dns::look_up(resolver, name, RecordType::TXT).await?;
    if !records.name_exists {
        return Err(Problem::new("dns", 400, format!("TXT of {name}: the name does not exist")));
    }
    let texts = records.found.iter().filter_map(|record| {
        let RData::TXT(text) = record else {
            return None;
        };
        Some(text.txt_data.concat())
    });
    Ok(texts.collect())
}

fn resolver(shared: &Shared, validation: &Validation) -> Result<SocketAddr, Problem> {
    lock(&shared.dns).ok_or_else(|| {
        Problem::server_internal(format!(
            "{}: the test CA was not told which resolver to ask",
            validation.method.challenge_type()
        ))
    })
}
