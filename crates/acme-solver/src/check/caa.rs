//! CAA records: who may issue, to whom, and how (RFC 8659, RFC 8657).

use acme_proto::ChallengeType;

use super::{Examination, Fault, Findings, Issuer, remedy};
use crate::resolver::{RecordData, RecordKind, ResolveError};

/// Looks for the records that count, from the name up, and at what they say.
pub(super) fn examine(
    examination: &Examination,
    name: &str,
    method: &ChallengeType,
    findings: &mut Findings,
) {
    for owner in std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent)) {
        let records = match examination.resolver.look_up(owner, RecordKind::Caa) {
            Ok(records) => records,
            Err(error) => return failed(examination, owner, &error, findings),
        };
        let properties: Vec<_> = records.data.iter().filter_map(Property::of).collect();
        if !properties.is_empty() {
            let is_wildcard = findings.identifier.is_wildcard();
            return judge(&examination.issuer, owner, &properties, is_wildcard, method, findings);
        }
    }
}

/// One record.
struct Property<'a> {
    is_critical: bool,
    tag: String,
    value: &'a str,
}

impl<'a> Property<'a> {
    fn of(data: &'a RecordData) -> Option<Self> {
        match data {
            RecordData::Caa { is_critical, tag, value } => {
                Some(Self { is_critical: *is_critical, tag: tag.to_ascii_lowercase(), value })
            }
            RecordData::Address(_) | RecordData::Server(_) | RecordData::Text(_) | RecordData::Version(_) => {
                None
            }
        }
    }
}

fn failed(examination: &Examination, owner: &str, error: &ResolveError, findings: &mut Findings) {
    let (fault, seen) = examination.failed(owner, RecordKind::Caa, error, Fault::CaaLookup);
    let otherwise =
        "let the servers of the zone answer questions for CAA records, with none if there are none";
    findings.add(fault, seen, remedy(fault, otherwise));
}

/// Judges the records of the first name that has some.
fn judge(
    issuer: &Issuer,
    owner: &str,
    properties: &[Property<'_>],
    is_wildcard: bool,
    method: &ChallengeType,
    findings: &mut Findings,
) {
    let unknown = |property: &&Property<'_>| property.is_critical && !KNOWN.contains(&property.tag.as_str());
    if let Some(property) = properties.iter().find(unknown) {
        let seen = format!("{owner} has the CAA property '{}', marked as critical", property.tag);
        findings.add(Fault::CaaCritical, seen, "remove the record, or set its flags to 0");
        return;
    }
    let Some(identity) = issuer.identities.first() else { return };
    let of_tag = |tag: &'static str| {
        properties.iter().filter(move |property| property.tag == tag).map(|property| property.value)
    };
    let wild: Vec<_> = if is_wildcard { of_tag("issuewild").collect() } else { Vec::new() };
    let (tag, values) = match wild.is_empty() {
        true => ("issue", of_tag("issue").collect()),
        false => ("issuewild", wild),
    };
    let obstacle = values.iter().map(|value| Obstacle::of(value, issuer, method)).min();
    let Some(Some(obstacle)) = obstacle else { return };
    let shown = values.iter().map(|value| format!("{tag} \"{value}\"")).collect::<Vec<_>>().join(", ");
    let fault = match obstacle {
        Obstacle::Method => Fault::CaaMethod,
        Obstacle::Account => Fault::CaaAccount,
        Obstacle::Malformed => Fault::CaaMalformed,
        Obstacle::Issuer if tag == "issuewild" => Fault::CaaWildcard,
        Obstacle::Issuer => Fault::CaaForbids,
    };
    let line = format!("{owner}. CAA 0 {tag} \"{identity}{}\"", parameters(issuer));
    findings.add(fault, format!("{owner} has CAA {shown}"), format!("add the record: {line}"));
}

/// The parameters that bind a record to the account, where there is one.
fn parameters(issuer: &Issuer) -> String {
    issuer.account_url.as_ref().map(|url| format!("; accounturi={url}")).unwrap_or_default()
}

/// What keeps one record from allowing it; the one that is nearest to allowing it comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    Method,
    Account,
    Malformed,
    Issuer,
}

impl Obstacle {
    fn of(value: &str, issuer: &Issuer, method: &ChallengeType) -> Option<Self> {
        let Some((name, parameters)) = parse(value) else { return Some(Self::Malformed) };
        if !issuer.identities.iter().any(|own| own.eq_ignore_ascii_case(name.trim_end_matches('.'))) {
            return Some(Self::Issuer);
        }
        let all = |tag: &str| -> Vec<&str> {
            let same = parameters.iter().filter(|(found, _)| found.eq_ignore_ascii_case(tag));
            same.map(|(_, value)| *value).collect()
        };
        // An account that is not there yet has no URL that could be the right one.
        let is_account = |url: &str| issuer.account_url.as_deref().is_none_or(|own| own == url);
        if !matches!(all("accounturi").as_slice(), [] | [_]) || !all("accounturi").into_iter().all(is_account)
        {
            return Some(Self::Account);
        }
        let is_method = |list: &str| list.split(',').any(|one| one.trim() == method.as_str());
        (!all("validationmethods").into_iter().all(is_method)).then_some(Self::Method)
    }
}

/// The issuer and the parameters of a value (RFC 8659, section 4.2); `None` if it is malformed.
pub(super) fn parse(value: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let (issuer, rest) = value.split_once(';').unwrap_or((value, ""));
    let issuer = issuer.trim_matches(BLANK);
    if !issuer.is_empty() && !issuer.trim_end_matches('.').split('.').all(is_label) {
        return None;
    }
    let rest = rest.trim_matches(BLANK);
    let mut parameters = Vec::new();
    for parameter in rest.split(';').filter(|_| !rest.is_empty()) {
        let (tag, value) = parameter.split_once('=')?;
        let (tag, value) = (tag.trim_matches(BLANK), value.trim_matches(BLANK));
        if !is_label(tag) || !value.bytes().all(|octet| matches!(octet, 0x21..=0x3a | 0x3c..=0x7e)) {
            return None;
        }
        parameters.push((tag, value));
    }
    Some((issuer, parameters))
}

fn is_label(label: &str) -> bool {
    let is_inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_inner)
}

const BLANK: [char; 2] = [' ', '\t'];
const KNOWN: [&str; 6] = ["issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"];
