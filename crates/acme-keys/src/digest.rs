//! Digests.

use aws_lc_rs::digest::{Context, SHA256};

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
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    let mut output = [0; 32];
    output.copy_from_slice(context.finish().as_ref());
    output
}
