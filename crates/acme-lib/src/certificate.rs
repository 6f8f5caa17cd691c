//! The functions that acme-lib is known for making keys with.

use acme_keys::{KeyType, PrivateKey};

/// Makes an RSA key of 2048, 3072 or 4096 bits.
///
/// # Panics
/// With any other number of bits: [`PrivateKey::generate`] has no such number.
#[must_use]
pub fn create_rsa_key(bits: u32) -> PrivateKey {
    let key_type = match bits {
        2048 => KeyType::Rsa2048,
        3072 => KeyType::Rsa3072,
        4096 => KeyType::Rsa4096,
        _ => panic!("an RSA key has 2048, 3072 or 4096 bits, not {bits}"),
    };
    generate(key_type)
}

/// Makes a P-256 key.
///
/// # Panics
/// When the system has no randomness to give; [`PrivateKey::generate`] returns that as an error.
#[must_use]
pub fn create_p256_key() -> PrivateKey {
    generate(KeyType::EcdsaP256)
}

/// Makes a P-384 key.
///
/// # Panics
/// As [`create_p256_key`].
#[must_use]
pub fn create_p384_key() -> PrivateKey {
    generate(KeyType::EcdsaP384)
}

fn generate(key_type: KeyType) -> PrivateKey {
    PrivateKey::generate(key_type).unwrap_or_else(|error| panic!("{error}"))
}
