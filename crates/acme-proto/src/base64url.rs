//! Base64url without padding (RFC 8555, section 6.1).

use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn append(bytes: impl AsRef<[u8]>, to: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, to);
}

/// Tells whether a text uses the alphabet of base64url.
pub(crate) fn is_alphabet(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
