//! CAA records as the resolver has them (RFC 8659 section 3).

use std::net::SocketAddr;

use hickory_proto::rr::{RData, RecordType};

use super::{Shared, dns, lock};
use crate::{
    caa::{CaaPolicy, CaaRecord},
    onion,
    problem::Problem,
    validation::Validation,
};

/// Asks for the records of the name and of its parents, and compares the first that there are.
pub(super) async fn check(shared: &Shared, validation: &Validation) -> Result<(), Problem> {
    let Some(resolver) = *lock(&shared.dns) else {
        return Ok(());
    };
    let has_records = validation.identifier.address().is_none() && !onion::is_onion(&validation.name);
    if validation.caa.issuers.is_empty() || !has_records {
        return Ok(());
    }
    for name in CaaPolicy::climb(&validation.name) {
        let records = records(resolver, name).await?;
        if !records.is_empty() {
            return validation.caa.permits(name, &records);
        }
    }
    Ok(())
}

async fn records(resolver: SocketAddr, name: &str) -> Result<Vec<CaaRecord>, Problem> {
    let found = dns::look_up(resolver, name, RecordType::CAA).await.map_err(|failure| {
        let detail = format!("RFC 8659 section 3: no answer is not no record: {}", failure.detail);
        Problem::new("caa", 403, detail)
    })?;
    let records = found.found.into_iter().filter_map(|record| {
        let RData::CAA(record) = record else {
            return None;
        };
        let value = String::from_utf8_lossy(&record.value).into_owned();
        Some(CaaRecord { flags: record.flags(), tag: record.tag, value })
    });
    Ok(records.collect())
}
