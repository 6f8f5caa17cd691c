use acme_proto::{Challenge, Identifier, SolverError};
use serde_json::json;

pub(crate) const TOKEN: &str = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";

/// An http-01 challenge for a name.
pub(crate) fn http(name: &str, token: &str) -> Challenge {
    of_kind("http-01", name, token)
}

pub(crate) fn of_kind(kind: &str, name: &str, token: &str) -> Challenge {
    let identifier = identifier(name.trim_start_matches("*."));
    serde_json::from_value(json!({
        "identifier": identifier,
        "wildcard": name.starts_with("*."),
        "kind": kind,
        "url": "https://ca.example/challenge/1",
        "token": token,
        "key_authorization": format!("{token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"),
        "digest": vec![7; 32],
    }))
    .unwrap()
}

/// A dns-account-01 challenge for a name.
#[cfg(feature = "dns")]
pub(crate) fn account(name: &str) -> Challenge {
    let mut json = serde_json::to_value(of_kind("dns-account-01", name, TOKEN)).unwrap();
    json["account_label"] = "_ujmmovf2vn55tgye".into();
    serde_json::from_value(json).unwrap()
}

pub(crate) fn identifier(name: &str) -> Identifier {
    name.parse().unwrap()
}

/// A token of a length.
pub(crate) fn token(length: usize) -> String {
    "t".repeat(length)
}

/// Tells for each result whether it is good; the errors have to be permanent.
pub(crate) fn good(results: &[Result<(), SolverError>]) -> Vec<bool> {
    assert!(results.iter().flat_map(|result| result.as_ref().err()).all(|error| !error.is_temporary()));
    results.iter().map(Result::is_ok).collect()
}
