//! The directory: what a CA offers, and where.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::Value;

use crate::call::Call;
use crate::error::Error;
use crate::flow::Operation;
use crate::json;
use crate::reply::Reply;
use crate::request::{Request, Target};
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
    pub(crate) new_authz: Option<Url>,
    pub(crate) revoke_cert: Option<Url>,
    pub(crate) key_change: Option<Url>,
    pub(crate) renewal_info: Option<Url>,
    /// The whole document, as the CA sent it.
    pub document: Value,
    /// What the CA says of itself.
    pub meta: DirectoryMeta,
}

/// What a CA says of itself in its directory.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-9.7.6>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// The profiles that an order may ask for, each with its description for people.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-profiles-01#section-3>
    pub profiles: BTreeMap<String, String>,
    /// Whether one authorization may serve the subdomains of its name.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9444#section-4.4>
    pub subdomain_auth_allowed: bool,
    /// The CA renews certificates by itself, within these bounds.
    pub auto_renewal: Option<AutoRenewalMeta>,
    /// Whether the CA lets a name's owner delegate its certificates.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9115>
    pub delegation_enabled: bool,
    /// Whether a certificate may be downloaded without an account, where an order asks for it.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9115>
    pub allow_certificate_get: bool,
    /// What hashed account URIs in dns-persist-01 records start with.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist>
    pub account_hash_prefix: Option<String>,
    /// The names that stand for the CA in dns-persist-01 records.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist>
    pub issuer_domain_names: Vec<String>,
    /// Whether the CA wants the CAA records of .onion names with the finalize request.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9799>
    pub in_band_onion_caa_required: bool,
}

/// Within which bounds a CA renews certificates by itself.
///
/// <https://www.rfc-editor.org/rfc/rfc8739#section-3.2>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoRenewalMeta {
    /// The shortest lifetime of one certificate.
    pub min_lifetime: Option<Duration>,
    /// The longest time between the first certificate's start and the last one's end.
    pub max_duration: Option<Duration>,
    /// Whether these certificates may be downloaded without an account.
    pub allow_certificate_get: bool,
}

impl Directory {
    /// Fetches the directory; the session remembers it.
    pub fn fetch() -> Call<Self> {
        Call::new(Request::get(Operation::Directory, Target::Directory), Self::decode)
    }

    /// Tells whether the CA has a resource for renewal information (RFC 9773).
    #[must_use]
    pub fn has_renewal_info(&self) -> bool {
        self.renewal_info.is_some()
    }

    /// Tells whether the CA has a resource for pre-authorizations (RFC 8555, section 7.4.1).
    #[must_use]
    pub fn has_new_authz(&self) -> bool {
        self.new_authz.is_some()
    }

    /// Tells whether the CA has a resource for new account keys (RFC 8555, section 7.3.5).
    #[must_use]
    pub fn has_key_change(&self) -> bool {
        self.key_change.is_some()
    }

    pub(crate) fn decode(reply: &Reply) -> Result<Self, Error> {
        let document = reply.json()?;
        Ok(Self {
            new_nonce: reply.url_member(&document, "newNonce"),
            new_account: reply.url_member(&document, "newAccount"),
            new_order: reply.url_member(&document, "newOrder"),
            new_authz: reply.url_member(&document, "newAuthz"),
            revoke_cert: reply.url_member(&document, "revokeCert"),
            key_change: reply.url_member(&document, "keyChange"),
            renewal_info: reply.url_member(&document, "renewalInfo"),
            meta: DirectoryMeta::from_json(document.get("meta").unwrap_or(&Value::Null)),
            document,
        })
    }
}

impl DirectoryMeta {
    fn from_json(meta: &Value) -> Self {
        Self {
            terms_of_service: json::string(meta, "termsOfService").map(ToString::to_string),
            website: json::string(meta, "website").map(ToString::to_string),
            caa_identities: json::strings(meta, "caaIdentities"),
            external_account_required: json::boolean(meta, "externalAccountRequired"),
            profiles: profiles(meta),
            subdomain_auth_allowed: json::boolean(meta, "subdomainAuthAllowed"),
            auto_renewal: meta.get("auto-renewal").filter(|value| value.is_object()).map(|value| {
                AutoRenewalMeta {
                    min_lifetime: json::seconds(value, "min-lifetime"),
                    max_duration: json::seconds(value, "max-duration"),
                    allow_certificate_get: json::boolean(value, "allow-certificate-get"),
                }
            }),
            delegation_enabled: json::boolean(meta, "delegation-enabled"),
            allow_certificate_get: json::boolean(meta, "allow-certificate-get"),
            account_hash_prefix: json::string(meta, "accountHashPrefix").map(ToString::to_string),
            issuer_domain_names: json::strings(meta, "issuerDomainNames"),
            in_band_onion_caa_required: json::boolean(meta, "inBandOnionCAARequired"),
        }
    }
}

/// A description that is no text makes its profile no less there.
fn profiles(meta: &Value) -> BTreeMap<String, String> {
    let profiles = meta.get("profiles").and_then(Value::as_object).into_iter().flatten();
    profiles
        .map(|(name, description)| (name.clone(), description.as_str().unwrap_or_default().to_string()))
        .collect()
}
