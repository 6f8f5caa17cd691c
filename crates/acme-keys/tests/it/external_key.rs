//! Keys that are elsewhere: what is known of them, and what they sign.

use acme_keys::AccountKey;
use acme_proto::{Algorithm, Signer};

/// What a service says of a key is what the key says of itself.
#[test]
fn key_that_is_elsewhere_is_described_by_its_public_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256] {
        let key = AccountKey::generate(algorithm).unwrap();
        let described = acme_keys::external_key("name", key.public_key_der()).unwrap();
        assert_eq!((described.algorithm, &described.jwk), (algorithm, key.jwk()));
        assert_eq!(described.public_key_der, key.public_key_der());
    }
    for damaged in [&b""[..], b"\x30\x00", b"no DER"] {
        assert!(acme_keys::external_key("name", damaged).is_err());
    }
}

#[test]
fn signature_in_der_gets_its_fixed_length() {
    let read = |der: &[u8]| acme_keys::signature_from_der(der, 4);
    // R has a leading zero octet for its sign, S is shorter than its field.
    let fixed = read(&[0x30, 10, 2, 5, 0, 0xff, 1, 2, 3, 2, 1, 7]).unwrap();
    assert_eq!(fixed, [0xff, 1, 2, 3, 0, 0, 0, 7]);
    // At the limit, and one octet past it.
    assert!(read(&[0x30, 12, 2, 4, 1, 2, 3, 4, 2, 4, 5, 6, 7, 8]).is_ok());
    assert!(read(&[0x30, 13, 2, 5, 1, 2, 3, 4, 5, 2, 4, 5, 6, 7, 8]).is_err());
    for damaged in [&[][..], &[0x30, 0], &[0x30, 3, 2, 1, 7], &[0x30, 6, 2, 1, 0x80, 2, 1, 7]] {
        assert!(read(damaged).is_err(), "{damaged:?}");
    }
}
