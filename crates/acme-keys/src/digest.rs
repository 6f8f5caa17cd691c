//! Digests.

use aws_lc_rs::digest::{Algorithm, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// Computes SHA-256, in the form in which [`acme_proto`] takes it.
///
/// ```
/// let digest: fn(&[u8]) -> [u8; 32] = acme_keys::sha256;
/// assert_eq!(digest(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc6234>
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes)
}

/// Computes SHA-1, which collides: for signatures of services that take no other, and nothing else.
///
/// ```
/// assert_eq!(acme_keys::danger_sha1(b"abc")[..4], [0xa9, 0x99, 0x3e, 0x36]);
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc3174>
#[must_use]
pub fn danger_sha1(bytes: &[u8]) -> [u8; 20] {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

fn digest<const LENGTH: usize>(algorithm: &'static Algorithm, bytes: &[u8]) -> [u8; LENGTH] {
    let mut context = Context::new(algorithm);
    context.update(bytes);
    let mut output = [0; LENGTH];
    output.copy_from_slice(context.finish().as_ref());
    output
}
