//! What the server answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

/// All that it was told.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) default_ipv4: Option<Ipv4Addr>,
    pub(super) default_ipv6: Option<Ipv6Addr>,
    pub(super) a: BTreeMap<String, Vec<Ipv4Addr>>,
    pub(super) aaaa: BTreeMap<String, Vec<Ipv6Addr>>,
    pub(super) caa: BTreeMap<String, Vec<Policy>>,
    pub(super) txt: BTreeMap<String, Vec<String>>,
    pub(super) cname: BTreeMap<String, String>,
    pub(super) failing: BTreeSet<String>,
    /// Key authorizations by token.
    pub(super) http: BTreeMap<String, String>,
    /// URLs by path.
    pub(super) redirects: BTreeMap<String, String>,
    /// Key authorizations by host.
    pub(super) tls: BTreeMap<String, String>,
}

/// A CAA record.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) flags: u8,
    pub(super) tag: String,
    pub(super) value: String,
}

impl Answers {
    pub(super) fn new(default_ipv4: Option<Ipv4Addr>, default_ipv6: Option<Ipv6Addr>) -> Self {
        Self { default_ipv4, default_ipv6, ..Self::default() }
    }
}

/// A host name as it is a key of the maps: lower case, without a final dot.
pub(super) fn host(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
