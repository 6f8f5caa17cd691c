//! The directory: what a CA offers, and where.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::call::{Call, Request, Target};
use crate::error::Error;
use crate::flow::Operation;
use crate::json;
use crate::reply::Reply;
use crate::url::Url;

/// A CA's directory. Members that this library does not know are left out.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.1>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Directory {
    pub(crate) new_nonce: Option<Url>,
    pub(crate) new_account: Option<Url>,
    pub(crate) new_order: Option<Url>,
    pub(crate) revoke_cert: Option<Url>,
    /// The whole document, as the CA sent it.
    pub document: Value,
    /// What the CA says of itself.
    pub meta: DirectoryMeta,
}

/// What a CA says of itself in its directory.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DirectoryMeta {
    /// The URL of the terms of service; without one there is nothing to agree to.
    pub terms_of_service: Option<String>,
    /// The CA's web site.
    pub website: Option<String>,
    /// The names that stand for the CA in CAA records.
    pub caa_identities: Vec<String>,
    /// Whether a new account has to be bound to one outside ACME.
    pub external_account_required: bool,
}

impl Directory {
    /// Fetches the directory; the session remembers it.
    pub fn fetch() -> Call<Self> {
        Call::new(Request::get(Operation::Directory, Target::Directory), Self::decode)
    }

    pub(crate) fn decode(reply: &Reply) -> Result<Self, Error> {
        let document = reply.json()?;
        let meta = document.get("meta").unwrap_or(&Value::Null);
        Ok(Self {
            new_nonce: reply.url_member(&document, "newNonce"),
            new_account: reply.url_member(&document, "newAccount"),
            new_order: reply.url_member(&document, "newOrder"),
            revoke_cert: reply.url_member(&document, "revokeCert"),
            meta: DirectoryMeta {
                terms_of_service: json::string(meta, "termsOfService").map(ToString::to_string),
                website: json::string(meta, "website").map(ToString::to_string),
                caa_identities: json::array(meta, "caaIdentities")
                    .iter()
                    .filter_map(Value::as_str)
                    .map(ToString::to_string)
                    .collect(),
                external_account_required: json::boolean(meta, "externalAccountRequired"),
            },
            document,
        })
    }
}
