//! Services that hold each value as a record of its own.

use super::api::{Api, Task, all};
use super::change::{Action, Change};
use super::error::{DnsError, DnsErrorKind};
use super::rrset::Written;
use super::zone::Zone;

/// A service that lists, creates and deletes TXT records.
pub(super) trait Records: Sync {
    /// Lists the TXT records at a name.
    fn list<'a>(&'a self, api: &'a Api, zone: &'a Zone, name: &'a str) -> Task<'a, Vec<Held>>;
    /// Creates and deletes, in one request where the service can.
    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, work: &'a Work) -> Task<'a, Written>;
}

/// A record that is there.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) value: String,
}

/// What has to be done.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    /// Names and values of records to create.
    pub(super) create: Vec<(String, String)>,
    /// The identities of records to delete.
    pub(super) delete: Vec<String>,
}

/// Changes records, and again when something was not as it was listed.
pub(super) async fn edit(
    records: &impl Records,
    api: &Api,
    zone: &Zone,
    change: &Change,
) -> Result<(), DnsError> {
    for _ in 0..MAX_EDITS {
        let lists = all(change.records.iter().map(|record| records.list(api, zone, &record.name))).await;
        let lists = lists.into_iter().collect::<Result<Vec<_>, _>>()?;
        let work = work(change, &lists);
        let is_done = work.create.is_empty() && work.delete.is_empty();
        if is_done || records.write(api, zone, &work).await? == Written::Surely {
            return Ok(());
        }
    }
    let name = change.records.first().map(|record| record.name.clone()).unwrap_or_default();
    Err(api.error(DnsErrorKind::Conflict { name }))
}

fn work(change: &Change, lists: &[Vec<Held>]) -> Work {
    let mut work = Work::default();
    for (record, held) in change.records.iter().zip(lists) {
        let is_there = |value: &&String| held.iter().any(|held| held.value == **value);
        let is_ours = |held: &&Held| record.values.contains(&held.value);
        match change.action {
            Action::Add => {
                let missing = record.values.iter().filter(|value| !is_there(value));
                work.create.extend(missing.map(|value| (record.name.clone(), value.clone())));
            }
            Action::Remove => {
                work.delete.extend(held.iter().filter(is_ours).map(|held| held.id.clone()));
            }
        }
    }
    work
}

/// How often records are listed and written at most.
const MAX_EDITS: u32 = 4;
