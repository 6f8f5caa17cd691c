//! Writes a store with the real acme-lib 0.9.1: `cargo run -- DIRECTORY`.
//!
//! What it wrote is in `crates/acme-lib/tests/data/old-store`, where a test reads it. The old
//! library takes a CA without TLS, so the test CA serves plain HTTP, and validates everything:
//! the old library has no solver.

use acme_lib::persist::FilePersist;
use acme_lib::{Directory, DirectoryUrl, create_p256_key, create_p384_key, create_rsa_key};
use acme_testca::{Action, Config, Fault, MemberFault, Operation, TestCa};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("old-store DIRECTORY")?;
    std::fs::create_dir_all(&directory)?;
    let mut config = Config::gentle();
    config.always_valid = true;
    // The old library wants a member that RFC 8555 leaves to the CA.
    let value = "http://127.0.0.1/key-change".into();
    let key_change = Action::Member(MemberFault { name: "keyChange".into(), value });
    let key_change = Fault::on(Operation::Directory, key_change).always();
    let ca = TestCa::builder().config(config).fault(key_change).plain_http().start()?;
    let persist = FilePersist::new(&directory);
    let old = Directory::from_url(persist, DirectoryUrl::Other(ca.directory_url()))?;
    let account = old.account("admin@example.com")?;
    for (name, key) in [
        ("p256.example.com", create_p256_key()),
        ("p384.example.com", create_p384_key()),
        ("*.rsa.example.com", create_rsa_key(2048)),
    ] {
        let mut order = account.new_order(name, &[])?;
        let order = loop {
            if let Some(order) = order.confirm_validations() {
                break order;
            }
            for authorization in order.authorizations()? {
                if authorization.need_challenge() {
                    authorization.dns_challenge().validate(1)?;
                }
            }
            order.refresh()?;
        };
        order.finalize_pkey(key, 1)?.download_and_save_cert()?;
    }
    Ok(())
}
