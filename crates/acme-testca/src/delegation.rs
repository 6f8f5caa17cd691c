//! Names that are delegated to another account, and the template its CSRs must follow (RFC 9115).

use std::collections::{BTreeMap, BTreeSet};

use const_oid::{AssociatedOid, ObjectIdentifier};
use der::Decode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use x509_cert::{
    ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages},
    request::{CertReq, ExtensionReq},
};

use crate::{key::PublicKey, problem::Problem};

/// What an account may have certified in the name of somebody else.
///
/// See [RFC 9115 section 2.3.1](https://www.rfc-editor.org/rfc/rfc9115#section-2.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Delegation {
    /// What CSRs must be like (RFC 9115 section 4). A value `**` must be there and can be anything, `*`
    /// can be there, any other must be there as it is; what is not in the template must not be.
    #[serde(rename = "csr-template")]
    pub csr_template: Value,
    /// Which name is to be an alias of which, both with a final dot.
    #[serde(rename = "cname-map", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cname_map: BTreeMap<String, String>,
}

impl Delegation {
    /// A delegation with a template, and no aliases.
    #[must_use]
    pub fn new(csr_template: Value) -> Self {
        Self { csr_template, cname_map: BTreeMap::new() }
    }

    /// A delegation of these names, for P-256 keys.
    #[must_use]
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        Self::new(json!({
            "keyTypes": [{
                "PublicKeyType": "id-ecPublicKey",
                "namedCurve": "secp256r1",
                "SignatureType": "ecdsa-with-SHA256",
            }],
            "extensions": {"subjectAltName": {"DNS": names}},
        }))
    }

    /// Adds an alias: the first name is to point to the second one.
    #[must_use]
    pub fn alias(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.cname_map.insert(from.into(), to.into());
        self
    }

    /// Compares a CSR with the template.
    pub(crate) fn check(&self, csr: &CertReq, key: &PublicKey, names: &[String]) -> Result<(), Problem> {
        let template = self.csr_template.as_object().ok_or_else(|| refusal("it is no object"))?;
        check_key(template.get("keyTypes"), key)?;
        check_subject(template.get("subject").and_then(Value::as_object), csr)?;
        let none = Map::new();
        let extensions = template.get("extensions").and_then(Value::as_object).unwrap_or(&none);
        let alternative = extensions.get("subjectAltName").and_then(|one| one.get("DNS"));
        check_set("subjectAltName", alternative, &names.iter().cloned().collect())?;
        let requested = Requested::of(csr)?;
        check_set("keyUsage", extensions.get("keyUsage"), &requested.usages)?;
        check_set("extendedKeyUsage", extensions.get("extendedKeyUsage"), &requested.extended_usages)
    }
}

/// What a CSR asks for beside names, in the words of the template.
#[derive(Default)]
struct Requested {
    usages: BTreeSet<String>,
    extended_usages: BTreeSet<String>,
}

impl Requested {
    fn of(csr: &CertReq) -> Result<Self, Problem> {
        let unreadable = |_| refusal("an extension cannot be read");
        let mut requested = Self::default();
        for attribute in csr.info.attributes.iter().filter(|one| one.oid == ExtensionReq::OID) {
            for value in attribute.values.iter() {
                let extensions: ExtensionReq = value.decode_as().map_err(unreadable)?;
                for extension in &extensions.0 {
                    requested.add(extension.extn_id, extension.extn_value.as_bytes()).map_err(unreadable)?;
                }
            }
        }
        Ok(requested)
    }

    fn add(&mut self, id: ObjectIdentifier, der: &[u8]) -> der::Result<()> {
        if id == KeyUsage::OID {
            let usages = KeyUsage::from_der(der)?;
            self.usages.extend(usages.0.into_iter().map(usage_name).map(str::to_owned));
        } else if id == ExtendedKeyUsage::OID {
            let usages = ExtendedKeyUsage::from_der(der)?;
            self.extended_usages.extend(usages.0.iter().map(extended_usage_name));
        }
        Ok(())
    }
}

fn check_key(types: Option<&Value>, key: &PublicKey) -> Result<(), Problem> {
    let types = types.and_then(Value::as_array).ok_or_else(|| refusal("it has no \"keyTypes\""))?;
    let is = |one: &Value, name: &str, value: &str| one.get(name).and_then(Value::as_str) == Some(value);
    let fits = |one: &Value| match key {
        PublicKey::P256(_) => is(one, "namedCurve", "secp256r1"),
        PublicKey::P384(_) => is(one, "namedCurve", "secp384r1"),
        PublicKey::P521(_) => is(one, "namedCurve", "secp521r1"),
        PublicKey::Rsa { .. } => {
            let bits = one.get("PublicKeyLength").and_then(Value::as_u64);
            is(one, "PublicKeyType", "rsaEncryption")
                && bits.and_then(|bits| usize::try_from(bits).ok()) == key.modulus_bits()
        }
        PublicKey::Ed25519(_) | PublicKey::MlDsa { .. } => false,
    };
    if types.iter().any(fits) { Ok(()) } else { Err(refusal("the key is none of \"keyTypes\"")) }
}

fn check_subject(template: Option<&Map<String, Value>>, csr: &CertReq) -> Result<(), Problem> {
    let attributes: Vec<(ObjectIdentifier, String)> = csr
        .info
        .subject
        .iter()
        .map(|attribute| (attribute.oid, String::from_utf8_lossy(attribute.value.value()).into_owned()))
        .collect();
    for (name, oid) in SUBJECT {
        let found = attributes.iter().find(|(one, _)| *one == oid).map(|(_, value)| value.as_str());
        let wanted = template.and_then(|template| template.get(name)).and_then(Value::as_str);
        let fits = match (wanted, found) {
            (None | Some("*"), None) | (Some("*" | "**"), Some(_)) => true,
            (Some(wanted), Some(found)) => wanted == found,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !fits {
            return Err(refusal(&format!("\"{name}\" of the subject is {found:?}")));
        }
    }
    if attributes.iter().all(|(oid, _)| SUBJECT.iter().any(|(_, known)| known == oid)) {
        return Ok(());
    }
    Err(refusal("the subject has an attribute that no template can have"))
}

/// Compares the values of an extension with those of the template.
fn check_set(name: &str, template: Option<&Value>, found: &BTreeSet<String>) -> Result<(), Problem> {
    let wanted: Vec<&str> = match template {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(list) => list.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    };
    let is_wildcard = |one: &&str| matches!(*one, "*" | "**");
    let literals: Vec<&str> = wanted.iter().copied().filter(|one| !is_wildcard(one)).collect();
    let has_all = literals.iter().all(|one| found.contains(*one));
    let has_some = !wanted.contains(&"**") || found.len() > literals.len();
    let has_no_more = wanted.iter().any(is_wildcard) || found.len() <= literals.len();
    if has_all && has_some && has_no_more {
        return Ok(());
    }
    Err(refusal(&format!("\"{name}\" of the CSR is {found:?}")))
}

fn usage_name(usage: KeyUsages) -> &'static str {
    match usage {
        KeyUsages::DigitalSignature => "digitalSignature",
        KeyUsages::NonRepudiation => "nonRepudiation",
        KeyUsages::KeyEncipherment => "keyEncipherment",
        KeyUsages::DataEncipherment => "dataEncipherment",
        KeyUsages::KeyAgreement => "keyAgreement",
        KeyUsages::KeyCertSign => "keyCertSign",
        KeyUsages::CRLSign => "cRLSign",
        KeyUsages::EncipherOnly => "encipherOnly",
        KeyUsages::DecipherOnly => "decipherOnly",
    }
}

fn extended_usage_name(oid: &ObjectIdentifier) -> String {
    let known = EXTENDED_USAGES.iter().find(|(_, known)| known == oid);
    known.map_or_else(|| oid.to_string(), |(name, _)| (*name).to_owned())
}

fn refusal(what: &str) -> Problem {
    Problem::bad_csr(format!("RFC 9115 section 4: the CSR does not follow the template: {what}"))
}

const SUBJECT: [(&str, ObjectIdentifier); 7] = [
    ("country", ObjectIdentifier::new_unwrap("2.5.4.6")),
    ("stateOrProvince", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("locality", ObjectIdentifier::new_unwrap("2.5.4.7")),
    ("organization", ObjectIdentifier::new_unwrap("2.5.4.10")),
    ("organizationalUnit", ObjectIdentifier::new_unwrap("2.5.4.11")),
    ("emailAddress", ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1")),
    ("commonName", ObjectIdentifier::new_unwrap("2.5.4.3")),
];
const EXTENDED_USAGES: [(&str, ObjectIdentifier); 6] = [
    ("serverAuth", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1")),
    ("clientAuth", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2")),
    ("codeSigning", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3")),
    ("emailProtection", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4")),
    ("timeStamping", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8")),
    ("OCSPSigning", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9")),
];
