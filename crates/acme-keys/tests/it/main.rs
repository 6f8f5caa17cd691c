//! The public contract of `acme-keys`, with `openssl` and `rcgen` as witnesses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod account_key;
mod certificate;
mod certificate_key;
mod challenge_certificate;
mod external_key;
mod key_file;
#[cfg(feature = "preview")]
mod ml_dsa;
#[cfg(not(feature = "preview"))]
mod no_ml_dsa;
mod openssl;
mod pem;
mod request;
mod vectors;
