//! SHA-256 (FIPS 180-4), so that digests can be compared with those in the RFCs.

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64) + if padded.len() % 64 > 56 { 64 } else { 0 }, 0);
    let end = padded.len();
    if padded.len() % 64 == 0 && bytes.len() % 64 == 56 {
        // 56 bytes and the mark leave no room for the length: one more block was not added above.
    }
    padded[end - 8..].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    let k = constants::<64>(|prime| prime.cbrt());
    let mut h = constants::<8>(|prime| prime.sqrt());
    for block in padded.chunks_exact(64) {
        compress(&mut h, &k, block);
    }
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(h) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}
