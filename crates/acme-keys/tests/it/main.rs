//! The public contract of `acme-keys`, with `openssl` and `rcgen` as witnesses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod account_key;
mod certificate;
mod certificate_key;
mod challenge_certificate;
mod external_key;
mod key_file;
mod openssl;
mod pem;
mod request;
mod vectors;
