//! Without the feature `preview` there are no keys of ML-DSA.

use acme_keys::{AccountKey, Error};
use acme_proto::Algorithm;

/// PKCS#8 with the seed of 32 zero octets.
const SEED: &str = "-----BEGIN PRIVATE KEY-----
MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAA
-----END PRIVATE KEY-----
";

#[test]
fn they_are_neither_made_nor_read() {
    for (result, expected) in [
        (AccountKey::generate(Algorithm::MlDsa44), "ML-DSA-44"),
        (AccountKey::from_pem(SEED), "id-ml-dsa-44"),
    ] {
        let error = result.unwrap_err();
        let Error::UnsupportedKey { found } = &error else { panic!("{error:?}") };
        assert_eq!(found, expected);
    }
}
