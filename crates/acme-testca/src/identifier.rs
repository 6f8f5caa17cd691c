//! Identifiers: which names the CA accepts in an order.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{onion, problem::Problem};

/// An identifier of an order or an authorization.
///
/// See [RFC 8555 section 7.1.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// The type: `dns` or `ip`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name, in lower case, which in an order may begin with `*.`; or the address, in the form of
    /// RFC 8738 section 3.
    pub value: String,
}

impl Identifier {
    /// Makes a `dns` identifier of a name as it is.
    pub fn dns(name: impl Into<String>) -> Self {
        Self { kind: DNS.to_owned(), value: name.into() }
    }

    /// Makes an `ip` identifier, whose value is in canonical form.
    ///
    /// See [RFC 8738 section 3](https://www.rfc-editor.org/rfc/rfc8738#section-3).
    pub fn ip(address: IpAddr) -> Self {
        Self { kind: IP.to_owned(), value: address.to_string() }
    }

    /// Makes the identifier that a certificate has this name for. No DNS name looks like an address.
    pub(crate) fn of_name(name: &str) -> Self {
        name.parse().map_or_else(|_| Self::dns(name), Self::ip)
    }

    /// The address, if it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.value.parse().ok().filter(|_| self.kind == IP)
    }

    /// The name without `*.`, and whether it had one (RFC 8555 section 7.1.4).
    pub(crate) fn split_wildcard(&self) -> (Self, bool) {
        match self.value.strip_prefix("*.") {
            Some(base) => (Self::dns(base), true),
            None => (self.clone(), false),
        }
    }
}

/// Which types of identifiers are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    Dns,
    DnsAndIp,
}

/// Which identifiers are taken.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) kinds: Kinds,
    pub(crate) wildcards: bool,
    pub(crate) onion: bool,
    pub(crate) most: usize,
    /// Domains of which no name is taken.
    pub(crate) blocked: &'a [String],
}

/// Reads and checks the identifiers of a newOrder request; one refused name refuses the order, with
/// a subproblem for each (RFC 8555 section 6.7.1).
pub(crate) fn parse_all(value: Option<&Value>, rules: Rules<'_>) -> Result<Vec<Identifier>, Problem> {
    let Some(list) = value.and_then(Value::as_array) else {
        return Err(Problem::malformed("RFC 8555 section 7.4: newOrder needs an array \"identifiers\""));
    };
    if list.is_empty() {
        return Err(Problem::malformed("RFC 8555 section 7.4: \"identifiers\" is empty"));
    }
    if list.len() > rules.most {
        return Err(Problem::malformed(format!(
            "an order has at most {} identifiers, this one has {}",
            rules.most,
            list.len()
        )));
    }
    let mut identifiers = Vec::new();
    let mut refusals = Vec::new();
    for item in list {
        match parse(item, rules) {
            Ok(identifier) if identifiers.contains(&identifier) => {}
            Ok(identifier) => identifiers.push(identifier),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() {
        return Ok(identifiers);
    }
    Err(summary(refusals))
}

/// Reads and checks the identifier of a newAuthz request (RFC 8555 section 7.4.1).
pub(crate) fn parse_one(value: Option<&Value>, rules: Rules<'_>) -> Result<Identifier, Problem> {
    let value = value
        .ok_or_else(|| Problem::malformed("RFC 8555 section 7.4.1: newAuthz needs an \"identifier\""))?;
    let identifier = parse(value, rules).map_err(|refusal| Problem { identifier: None, ..refusal })?;
    if identifier.split_wildcard().1 {
        return Err(Problem::new(
            "rejectedIdentifier",
            400,
            "RFC 8555 section 7.4.1: wildcards cannot be authorized before there is an order",
        ));
    }
    Ok(identifier)
}

fn summary(mut refusals: Vec<Problem>) -> Problem {
    let kind = match refusals.as_slice() {
        [only] => only.kind.clone(),
        [first, rest @ ..] if rest.iter().all(|one| one.kind == first.kind) => first.kind.clone(),
        _ => "compound".to_owned(),
    };
    let detail = match refusals.as_slice() {
        [only] => only.detail.clone(),
        several => format!("{} identifiers are refused, see the subproblems", several.len()),
    };
    for refusal in &mut refusals {
        refusal.status = 400;
    }
    Problem::new(&kind, 400, detail).with_subproblems(refusals)
}

fn parse(item: &Value, rules: Rules<'_>) -> Result<Identifier, Problem> {
    let (Some(kind), Some(value)) =
        (item.get("type").and_then(Value::as_str), item.get("value").and_then(Value::as_str))
    else {
        return Err(Problem::malformed(
            "RFC 8555 section 7.4: an identifier has a \"type\" and a \"value\", both strings",
        ));
    };
    let unsupported = |kinds: &str| {
        let detail = format!("RFC 8555 section 9.7.7: this CA knows identifiers of type {kinds}");
        Problem::new("unsupportedIdentifier", 400, detail)
    };
    let identifier = Identifier { kind: kind.to_owned(), value: value.to_ascii_lowercase() };
    let fault = match (kind, rules.kinds) {
        (DNS, Kinds::Dns | Kinds::DnsAndIp) if identifier.split_wildcard().1 && !rules.wildcards => {
            Some("this CA issues no certificates for wildcards")
        }
        (DNS, Kinds::Dns | Kinds::DnsAndIp) if is_blocked(&identifier.value, rules.blocked) => {
            Some("the policy of this CA forbids it to issue for this domain")
        }
        (DNS, Kinds::Dns | Kinds::DnsAndIp) => {
            name_fault(&identifier.value).or_else(|| onion_fault(&identifier.value, rules))
        }
        (IP, Kinds::DnsAndIp) => address_fault(value),
        (_, Kinds::Dns) => return Err(unsupported("dns").about(identifier)),
        (_, Kinds::DnsAndIp) => return Err(unsupported("dns and ip").about(identifier)),
    };
    match fault {
        None => Ok(identifier),
        Some(reason) => Err(Problem::new("rejectedIdentifier", 400, reason).about(identifier)),
    }
}

/// Whether a name is one of these domains, or in one.
fn is_blocked(name: &str, domains: &[String]) -> bool {
    domains.iter().any(|domain| {
        let above = name.strip_suffix(domain.as_str());
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

/// Says what is wrong with an address, if anything is.
fn address_fault(text: &str) -> Option<&'static str> {
    match text.parse::<IpAddr>() {
        Ok(address) if address.to_string() == text => None,
        Ok(_) => Some("RFC 8738 section 3: an IPv6 address is in the canonical form of RFC 5952 section 4"),
        Err(_) => Some("RFC 8738 section 3: the value of an identifier of type ip is an address"),
    }
}

/// Says what is wrong with a name, if anything is.
fn name_fault(name: &str) -> Option<&'static str> {
    let base = name.strip_prefix("*.").unwrap_or(name);
    if base.contains('*') {
        return Some("RFC 8555 section 7.1.3: a wildcard is a single * as the whole leftmost label");
    }
    if base.len() != name.len() && !base.contains('.') {
        return Some("a wildcard directly below a top-level domain is refused");
    }
    if base.len() > MAX_NAME_LEN {
        return Some("RFC 1035 section 2.3.4: a name has at most 253 characters");
    }
    if !base.is_ascii() {
        return Some("RFC 8555 section 7.1.4: names are in ASCII, internationalised ones as A-labels");
    }
    if base.ends_with('.') {
        return Some("RFC 5280 section 4.2.1.6: a name in a certificate has no final dot");
    }
    if base.split('.').any(|label| !is_label(label)) {
        return Some("RFC 1034 section 3.5: a label has 1 to 63 letters, digits and inner hyphens");
    }
    let last = base.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("RFC 8738 section 3: an IP address is no identifier of type dns");
    }
    None
}

/// Says what is wrong with the name of an onion service, if it is one.
fn onion_fault(name: &str, rules: Rules<'_>) -> Option<&'static str> {
    let base = name.strip_prefix("*.").unwrap_or(name);
    match (onion::is_onion(base), rules.onion) {
        (true, false) => Some("RFC 7686 section 2: this CA issues nothing for .onion"),
        (true, true) if onion::public_key(base).is_none() => {
            Some("RFC 9799 section 2: this is no name of a version 3 onion service")
        }
        _ => None,
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_LEN).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The most identifiers in one order.
pub(crate) const MAX_IDENTIFIERS: usize = 100;

const MAX_NAME_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;
const DNS: &str = "dns";
const IP: &str = "ip";
