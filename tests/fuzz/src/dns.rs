//! What DNS services answer.

use acme_solver::dns::{Action, Change, change_zones, find_zones, quoted, service, unquoted};

use crate::conversation::{drive, gone, response, split};

/// The first line names the service and what is done; then responses, as in a conversation.
pub(crate) fn service_replies(data: &[u8]) {
    let (first, rest) = split(data, b'\n');
    let (name, action) = split(first, b' ');
    let Some(service) = str::from_utf8(name).ok().and_then(service) else { return };
    let provider = service.provider(&|name| credential(name).map(str::to_owned)).expect("credentials");
    let mut responses = rest.split(|byte| *byte == 0);
    let mut peer = |_: &_| responses.next().map_or_else(gone, response);
    let owner = OWNER.to_owned();
    let found = drive(find_zones(provider.clone(), vec![owner.clone()]), &mut (), None, &mut peer);
    let Ok(Ok(zones)) = found else { return };
    let action = if action == b"remove" { Action::Remove } else { Action::Add };
    let change = Change::new(action, [(owner.clone(), "one".to_owned()), (owner.clone(), "two".to_owned())]);
    for zone in zones.into_iter().flatten() {
        assert!(zone.holds(&owner), "{zone:?}");
        let _ = drive(change_zones(provider.clone(), vec![(zone, change.clone())]), &mut (), None, &mut peer);
    }
}

/// Something for every variable by which a service knows who writes.
fn credential(name: &str) -> Option<&'static str> {
    match name {
        // With them, only one zone would be looked at.
        "AWS_HOSTED_ZONE_ID" | "GCE_ZONE_ID" => None,
        "ACME_DNS_FULLDOMAIN" => Some(OWNER),
        _ => match name.rsplit('_').next() {
            Some("BASE" | "ENDPOINT" | "URL") => Some("https://dns.example/"),
            Some("ID" | "PROJECT" | "USERNAME") => Some("a-name"),
            Some("KEY" | "PASSWORD" | "SECRET" | "TOKEN") => Some("0123456789abcdef0123456789abcdef01234567"),
            _ => None,
        },
    }
}

/// The value of a TXT record in quotes.
pub(crate) fn txt_value(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    assert_eq!(unquoted(&quoted(text)), text);
    let _ = unquoted(text);
}

const OWNER: &str = "_acme-challenge.www.a.example";
