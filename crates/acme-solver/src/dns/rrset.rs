//! Services that hold the values of a name as one set, which is read, changed and written.

use super::api::{Api, Task};
use super::change::{Action, Change, Record};
use super::error::{DnsError, DnsErrorKind};
use super::zone::Zone;

/// A service that reads and writes whole TXT RRsets.
pub(super) trait Rrsets: Sync {
    /// Reads what is at some names, in their order.
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>>;
    /// Writes RRsets, in one request where the service can.
    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written>;
}

/// The TXT values at a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rrset {
    pub(super) values: Vec<String>,
    /// In seconds; `None` where there are no values.
    pub(super) ttl: Option<u64>,
    /// What the service calls this state of it, where it compares states.
    pub(super) tag: Option<String>,
}

impl Rrset {
    pub(super) fn new(values: Vec<String>, ttl: Option<u64>) -> Self {
        Self { values, ttl, tag: None }
    }
}

/// What is to become of an RRset.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) name: String,
    pub(super) before: Rrset,
    /// Empty where the RRset is to go.
    pub(super) after: Vec<String>,
}

/// How sure a service is of what it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Something was not as it was read; nothing is known of what was written.
    Conflict,
    /// Everything was as it was read.
    Surely,
    /// The service does not compare: somebody may have written in between.
    Unseen,
}

/// Changes RRsets, and again when somebody else was faster.
pub(super) async fn rewrite(
    rrsets: &impl Rrsets,
    api: &Api,
    zone: &Zone,
    change: &Change,
) -> Result<(), DnsError> {
    let names: Vec<&str> = change.records.iter().map(|record| record.name.as_str()).collect();
    let mut changed = String::new();
    for _ in 0..MAX_REWRITES {
        let edits = edits(change, rrsets.read(api, zone, &names).await?);
        let Some(first) = edits.first() else { return Ok(()) };
        if rrsets.write(api, zone, &edits).await? == Written::Surely {
            return Ok(());
        }
        changed.clone_from(&first.name);
    }
    Err(api.error(DnsErrorKind::Conflict { name: changed }))
}

/// What has to be written, given what was read.
fn edits(change: &Change, reads: Vec<Rrset>) -> Vec<Edit> {
    let pairs = change.records.iter().zip(reads);
    pairs.filter_map(|(record, before)| edit(record, change.action, before)).collect()
}

fn edit(record: &Record, action: Action, before: Rrset) -> Option<Edit> {
    let after = record.applied_to(action, &before.values);
    (after != before.values).then(|| Edit { name: record.name.clone(), before, after })
}

/// How often RRsets are read and written at most. The last read of a service that does not compare
/// confirms what was written.
const MAX_REWRITES: u32 = 5;
