//! Certificates for onion services (RFC 9799).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::authorization::Authorization;
use crate::base64url;
use crate::call::Call;
use crate::challenge::ChallengeStatus;
use crate::error::{Error, SignError, Violation};
use crate::flow::Operation;
use crate::identifier::Identifier;
use crate::json;
use crate::request::{Request, Target};

/// The key of an onion service; the private part stays behind this trait.
///
/// <https://www.rfc-editor.org/rfc/rfc9799#section-3.2>
pub trait OnionService: Send + Sync + fmt::Debug {
    /// The name of the service: 56 letters and digits, and `.onion`.
    fn name(&self) -> &str;
    /// The Ed25519 key that the name stands for.
    fn public_key(&self) -> [u8; 32];
    /// Signs a message with it.
    ///
    /// # Errors
    /// When the key can't be used; nothing is sent then.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
    /// Octets that nobody has seen; each call gives others.
    fn nonce(&self) -> [u8; 16];
    /// The CAA records of the service, a line each, as its descriptor has them; `None` if there are none.
    fn caa(&self) -> Option<&str> {
        None
    }
}

/// An onion-csr-01 challenge in an authorization.
#[derive(Clone, Debug)]
pub(crate) struct OnionChallenge {
    pub(crate) authorization: Authorization,
    pub(crate) url: String,
    pub(crate) nonce: Vec<u8>,
}

impl OnionChallenge {
    /// Reads an authorization, for the challenge of it that wants to be answered with a CSR.
    pub(crate) fn read(url: &str) -> Call<Option<Self>> {
        let request = Request::post_as_get(Operation::Authorization, Target::Text(url.to_string()));
        Call::new(request, |reply| {
            let authorization = Authorization::decode(reply)?;
            let document = reply.json()?;
            let offered = json::array(&document, "challenges");
            let offered = offered.iter().find(|one| json::string(one, "type") == Some(CHALLENGE));
            let Some(offered) = offered else { return Ok(None) };
            let is_open = json::string(offered, "status").is_none_or(|status| status == "pending");
            let nonce = json::string(offered, "nonce").and_then(|text| STANDARD.decode(text).ok());
            match (nonce, reply.url_member(offered, "url")) {
                (Some(nonce), Some(url)) if is_open => {
                    Ok(Some(Self { authorization, url: url.to_string(), nonce }))
                }
                (Some(_), Some(_)) => Ok(None),
                (_, _) => Err(reply.violation(Violation::Member("nonce"))),
            }
        })
    }

    /// Answers with a CSR that the service signs.
    pub(crate) fn answer(&self, service: &dyn OnionService) -> Result<Call<ChallengeStatus>, Error> {
        let csr = csr(service, &self.nonce).map_err(Error::Sign)?;
        let payload = json!({"csr": base64url::encode(&csr)}).to_string();
        Ok(Call::new(Request::post(Operation::Challenge, Target::Text(self.url.clone()), payload), |reply| {
            let document = reply.json()?;
            Ok(ChallengeStatus::from_wire(json::string(&document, "status").unwrap_or("pending")))
        }))
    }
}

/// The service that a name belongs to, among those whose keys are at hand.
pub(crate) fn service_of<'a>(
    name: &Identifier,
    services: &'a [Arc<dyn OnionService>],
) -> Option<&'a dyn OnionService> {
    let name = name.base().to_string();
    let is_of = |service: &&Arc<dyn OnionService>| {
        let below = name.strip_suffix(service.name());
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    };
    services.iter().find(is_of).map(AsRef::as_ref)
}

/// Tells whether a name is that of an onion service.
pub(crate) fn is_onion(name: &Identifier) -> bool {
    matches!(name, Identifier::Dns(name) if name.ends_with(".onion"))
}

/// The CAA records of the services, signed (RFC 9799 section 6.4).
pub(crate) fn signed_caa(
    identifiers: &[Identifier],
    services: &[Arc<dyn OnionService>],
    now: Timestamp,
) -> Result<Map<String, Value>, Error> {
    let expiry = now.saturating_add(CAA_LIFETIME).unwrap_or(now).as_second();
    let mut records = Map::new();
    for service in identifiers.iter().filter_map(|name| service_of(name, services)) {
        let caa = service.caa();
        let signed = format!("onion-caa|{expiry}|{}", caa.unwrap_or_default());
        let signature = service.sign(signed.as_bytes()).map_err(Error::Sign)?;
        let signature = base64url::encode(signature);
        let record = json!({"caa": caa, "expiry": expiry, "signature": signature});
        records.insert(service.name().to_string(), record);
    }
    Ok(records)
}

/// A PKCS#10 request with the nonces of both sides, without subject or names.
fn csr(service: &dyn OnionService, ca_nonce: &[u8]) -> Result<Vec<u8>, SignError> {
    let algorithm = tlv(SEQUENCE, &tlv(OID, &ED25519));
    let key = tlv(BIT_STRING, &[&[0][..], &service.public_key()].concat());
    let attribute = |oid: &[u8], nonce: &[u8]| {
        tlv(SEQUENCE, &[tlv(OID, oid), tlv(SET, &tlv(OCTET_STRING, nonce))].concat())
    };
    let nonces = [attribute(&CA_NONCE, ca_nonce), attribute(&APPLICANT_NONCE, &service.nonce())].concat();
    let info = [
        tlv(INTEGER, &[0]),
        tlv(SEQUENCE, &[]),
        tlv(SEQUENCE, &[algorithm.clone(), key].concat()),
        tlv(ATTRIBUTES, &nonces),
    ];
    let info = tlv(SEQUENCE, &info.concat());
    let signature = tlv(BIT_STRING, &[&[0][..], &service.sign(&info)?].concat());
    Ok(tlv(SEQUENCE, &[info, algorithm, signature].concat()))
}

/// A DER value: tag, length, content.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|octet| *octet != 0).unwrap_or(length.len() - 1);
    let digits = length.get(significant..).unwrap_or_default();
    let mut value = Vec::from([tag]);
    if content.len() >= 0x80 {
        value.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
    }
    value.extend_from_slice(digits);
    value.extend_from_slice(content);
    value
}

const CHALLENGE: &str = "onion-csr-01";
/// RFC 9799, section 6.4: not more than eight hours.
const CAA_LIFETIME: Duration = Duration::from_secs(3600);
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const ATTRIBUTES: u8 = 0xa0;
/// 1.3.101.112.
const ED25519: [u8; 3] = [0x2b, 0x65, 0x70];
/// 2.23.140.41.
const CA_NONCE: [u8; 4] = [0x67, 0x81, 0x0c, 0x29];
/// 2.23.140.42.
const APPLICANT_NONCE: [u8; 4] = [0x67, 0x81, 0x0c, 0x2a];
