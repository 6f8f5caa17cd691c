//! dns-01 as RFC 8555 section 8.4 describes it.

use std::net::SocketAddr;

use hickory_proto::rr::{RData, RecordType};

use super::{Shared, dns};
use crate::{problem::Problem, validation::Validation};

/// Looks for the digest of the key authorization among the TXT records.
pub(super) async fn validate(shared: &Shared, validation: &Validation) -> Result<(), Problem> {
    let name = format!("_acme-challenge.{}", validation.name);
    let texts = texts(resolver(shared, validation)?, &name).await?;
    if texts.contains(&validation.txt_value().into_bytes()) {
        return Ok(());
    }
    let found: Vec<_> = texts.iter().map(|text| String::from_utf8_lossy(text)).collect();
    Err(Problem::new(
        "incorrectResponse",
        403,
        format!(
            "RFC 8555 section 8.4: no TXT record of {name} is {:?}, there is {found:?}",
            validation.txt_value()
        ),
    ))
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
    shared.dns.ok_or_else(|| {
        Problem::server_internal(format!(
            "{}: the test CA was not told which resolver to ask",
            validation.method.challenge_type()
        ))
    })
}
