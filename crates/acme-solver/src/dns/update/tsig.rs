//! Signing messages with a key that a server shares, and checking its signatures.
//!
//! <https://www.rfc-editor.org/rfc/rfc8945>

use acme_keys::TsigKey;
use hickory_proto::op::{Header, Query};
use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _, DecodeError};

use super::error::{FUDGE, TsigFault, UpdateError};

/// A key and its name.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    name: Name,
    /// The name as it is signed.
    name_octets: Vec<u8>,
    algorithm_octets: Vec<u8>,
    key: TsigKey,
}

/// A signed message.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) octets: Vec<u8>,
    /// What the reply's signature covers too.
    pub(super) mac: Vec<u8>,
}

/// What a TSIG record says.
#[derive(Debug)]
pub(super) struct Signature {
    /// Where the record begins.
    start: usize,
    name: Name,
    algorithm: Name,
    time: u64,
    fudge: u16,
    mac: Vec<u8>,
    original_id: u16,
    error: u16,
    other: Vec<u8>,
}

impl Signer {
    pub(super) fn new(name: &str, key: TsigKey) -> Result<Self, UpdateError> {
        let no_name = || UpdateError::Name(name.to_owned());
        let parsed = fqdn(name).ok_or_else(no_name)?;
        let name_octets = parsed.to_bytes().map_err(|_| no_name())?;
        let algorithm = fqdn(key.algorithm().name()).and_then(|name| name.to_bytes().ok());
        let algorithm_octets = algorithm.ok_or_else(no_name)?;
        Ok(Self { name: parsed, name_octets, algorithm_octets, key })
    }

    /// Signs a message, at a time in seconds since 1970.
    pub(super) fn sign(&self, message: &[u8], time: u64) -> Signed {
        let id = u16::from_be_bytes([octet(message, 0), octet(message, 1)]);
        let variables = self.variables(time, FUDGE, 0, &[]);
        let mac = self.key.sign(&[message, &variables].concat());
        let mut octets = message.to_vec();
        octets.extend_from_slice(&self.name_octets);
        octets.extend_from_slice(&TSIG.to_be_bytes());
        octets.extend_from_slice(&ANY.to_be_bytes());
        octets.extend_from_slice(&0_u32.to_be_bytes());
        let data = [
            &self.algorithm_octets,
            time_octets(time).as_slice(),
            &FUDGE.to_be_bytes(),
            &length(&mac).to_be_bytes(),
            &mac,
            &id.to_be_bytes(),
            &0_u16.to_be_bytes(),
            &0_u16.to_be_bytes(),
        ]
        .concat();
        octets.extend_from_slice(&length(&data).to_be_bytes());
        octets.extend_from_slice(&data);
        set_additional(&mut octets, additional(message).saturating_add(1));
        Signed { octets, mac }
    }

    /// Checks the signature of a reply to a message with this signature.
    pub(super) fn check(
        &self,
        reply: &[u8],
        signature: &Signature,
        request_mac: &[u8],
        now: u64,
    ) -> Result<(), TsigFault> {
        let key = || self.name_text();
        match signature.error {
            BADSIG => return Err(TsigFault::Secret { key: key() }),
            BADKEY => {
                return Err(TsigFault::Key { key: key(), algorithm: self.key.algorithm().name() });
            }
            _ => {}
        }
        let algorithm = signature.algorithm.to_bytes().unwrap_or_default();
        let is_same_algorithm = algorithm.eq_ignore_ascii_case(&self.algorithm_octets);
        if signature.name != self.name || !is_same_algorithm {
            return Err(TsigFault::OtherKey { key: key() });
        }
        if !self.key.verifies(&self.signed_part(reply, signature, request_mac), &signature.mac) {
            return Err(TsigFault::Mac { key: key() });
        }
        match signature.error {
            0 => {}
            BADTIME => return Err(TsigFault::Clock { seconds: signature.server_time().abs_diff(now) }),
            code => return Err(TsigFault::Code { key: key(), code }),
        }
        match signature.time.abs_diff(now) {
            seconds if seconds > signature.fudge.into() => Err(TsigFault::Clock { seconds }),
            _ => Ok(()),
        }
    }

    pub(super) fn name_text(&self) -> String {
        let text = self.name.to_ascii();
        text.strip_suffix('.').unwrap_or(&text).to_owned()
    }

    /// What the MAC of a reply is computed over.
    fn signed_part(&self, reply: &[u8], signature: &Signature, request_mac: &[u8]) -> Vec<u8> {
        let mut message = reply.get(..signature.start).unwrap_or_default().to_vec();
        if let Some(id) = message.get_mut(..2) {
            id.copy_from_slice(&signature.original_id.to_be_bytes());
        }
        set_additional(&mut message, additional(reply).saturating_sub(1));
        let variables = self.variables(signature.time, signature.fudge, signature.error, &signature.other);
        [&length(request_mac).to_be_bytes(), request_mac, &message, &variables].concat()
    }

    /// <https://www.rfc-editor.org/rfc/rfc8945#section-4.3.3>
    fn variables(&self, time: u64, fudge: u16, error: u16, other: &[u8]) -> Vec<u8> {
        [
            &self.name_octets,
            ANY.to_be_bytes().as_slice(),
            &0_u32.to_be_bytes(),
            &self.algorithm_octets,
            &time_octets(time),
            &fudge.to_be_bytes(),
            &error.to_be_bytes(),
            &length(other).to_be_bytes(),
            other,
        ]
        .concat()
    }
}

impl Signature {
    /// Reads the signature of a message; `None` where it has none.
    ///
    /// # Errors
    /// When the message can't be read to its end, or has a signature that is not its last record.
    pub(super) fn read(message: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut decoder = BinDecoder::new(message);
        let counts = Header::read(&mut decoder)?.counts;
        for _ in 0..counts.queries {
            Query::read(&mut decoder)?;
        }
        let records = [counts.answers, counts.authorities, counts.additionals].map(u64::from);
        let last = records.iter().sum::<u64>();
        for number in 1..=last {
            let start = decoder.index();
            let name = Name::read(&mut decoder)?;
            let kind = decoder.read_u16()?.unverified();
            let class = decoder.read_u16()?.unverified();
            decoder.read_u32()?;
            let end = usize::from(decoder.read_u16()?.unverified()) + decoder.index();
            if kind != TSIG {
                decoder.read_slice(end.saturating_sub(decoder.index()))?;
                continue;
            }
            let signature = Self::read_data(&mut decoder, start, name)?;
            let is_well_placed = number == last && counts.additionals > 0 && class == ANY;
            return match is_well_placed && decoder.index() == end && decoder.is_empty() {
                true => Ok(Some(signature)),
                false => Err(DecodeError::RecordAfterSig),
            };
        }
        Ok(None)
    }

    fn read_data(decoder: &mut BinDecoder<'_>, start: usize, name: Name) -> Result<Self, DecodeError> {
        let algorithm = Name::read(decoder)?;
        let high = u64::from(decoder.read_u16()?.unverified());
        let low = u64::from(decoder.read_u32()?.unverified());
        let fudge = decoder.read_u16()?.unverified();
        let mac = Self::read_octets(decoder)?;
        let original_id = decoder.read_u16()?.unverified();
        let error = decoder.read_u16()?.unverified();
        let other = Self::read_octets(decoder)?;
        let time = high << 32 | low;
        Ok(Self { start, name, algorithm, time, fudge, mac, original_id, error, other })
    }

    fn read_octets(decoder: &mut BinDecoder<'_>) -> Result<Vec<u8>, DecodeError> {
        let length = decoder.read_u16()?.unverified();
        Ok(decoder.read_vec(length.into())?.unverified())
    }

    /// The server's time, which only BADTIME has; else the time of the signature.
    fn server_time(&self) -> u64 {
        match <[u8; 6]>::try_from(self.other.as_slice()) {
            Ok([a, b, c, d, e, f]) => u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            Err(_) => self.time,
        }
    }
}

/// A name, of the root, in lower case.
pub(super) fn fqdn(name: &str) -> Option<Name> {
    let mut parsed = Name::from_ascii(name).ok()?.to_lowercase();
    parsed.set_fqdn(true);
    (!parsed.is_root()).then_some(parsed)
}

fn time_octets(time: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = time.to_be_bytes();
    [a, b, c, d, e, f]
}

fn additional(message: &[u8]) -> u16 {
    u16::from_be_bytes([octet(message, ADDITIONAL_AT), octet(message, ADDITIONAL_AT + 1)])
}

fn set_additional(message: &mut [u8], count: u16) {
    if let Some(place) = message.get_mut(ADDITIONAL_AT..ADDITIONAL_AT + 2) {
        place.copy_from_slice(&count.to_be_bytes());
    }
}

fn octet(message: &[u8], at: usize) -> u8 {
    message.get(at).copied().unwrap_or_default()
}

/// What is longer is not sent: see the limit of messages.
fn length(octets: &[u8]) -> u16 {
    u16::try_from(octets.len()).unwrap_or(u16::MAX)
}

const TSIG: u16 = 250;
const ANY: u16 = 255;
const BADSIG: u16 = 16;
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;
/// Where a header has the number of additional records.
const ADDITIONAL_AT: usize = 10;
