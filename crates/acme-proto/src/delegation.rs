//! Certificates for names whose owner delegates them (RFC 9115).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::call::Call;
use crate::flow::Operation;
use crate::json;
use crate::request::{Request, Target};

/// What an account may have certified in the name of somebody else.
///
/// <https://www.rfc-editor.org/rfc/rfc9115#section-2.3.1>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delegation {
    /// What the CSR has to be like.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9115#section-4>
    pub csr_template: Value,
    /// Which name the owner makes an alias of which.
    pub cname_map: BTreeMap<String, String>,
}

impl Delegation {
    /// Reads a delegation.
    pub fn read(url: &str) -> Call<Self> {
        Call::new(Request::post_as_get(Operation::Account, Target::Text(url.to_string())), |reply| {
            let document = reply.json()?;
            let names = document.get("cname-map").and_then(Value::as_object).into_iter().flatten();
            Ok(Self {
                csr_template: document.get("csr-template").cloned().unwrap_or_default(),
                cname_map: names
                    .filter_map(|(name, target)| Some((name.clone(), target.as_str()?.to_string())))
                    .collect(),
            })
        })
    }

    /// The DNS names that the template lists, without the wildcards `*` and `**`.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = self.csr_template.pointer("/extensions/subjectAltName/DNS").and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.filter(|name| !matches!(*name, "*" | "**")).map(ToString::to_string).collect()
    }
}

/// One page of the delegations of an account.
///
/// <https://www.rfc-editor.org/rfc/rfc9115#section-2.3.1.1>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DelegationsPage {
    /// The URLs of the delegations.
    pub delegations: Vec<String>,
    /// Where the list goes on.
    pub next: Option<String>,
}

impl DelegationsPage {
    /// Asks the account where its delegations are listed; `None` where the CA knows none.
    pub fn locate() -> Call<Option<String>> {
        Call::new(Request::post_as_get(Operation::Account, Target::Account), |reply| {
            Ok(reply.url_member(&reply.json()?, "delegations").map(|url| url.to_string()))
        })
    }

    /// Reads one page of the list.
    pub fn read(url: &str) -> Call<Self> {
        Call::new(Request::post_as_get(Operation::Account, Target::Text(url.to_string())), |reply| {
            Ok(Self {
                delegations: json::array(&reply.json()?, "delegations")
                    .iter()
                    .filter_map(Value::as_str)
                    .filter_map(|url| reply.url.join(url))
                    .map(|url| url.to_string())
                    .collect(),
                next: reply.links("next").into_iter().next(),
            })
        })
    }
}
