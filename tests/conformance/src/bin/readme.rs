//! The example of acme-lib's own description, with the URL, the name and the web-server line
//! filled in: `readme DIRECTORY-URL WEB-ROOT NAME...` keeps everything in the current directory.

use acme_lib::create_p384_key;
use acme_lib::persist::FilePersist;
use acme_lib::{Directory, DirectoryUrl, Error};

fn request_cert(url: &str, web_root: &str, name: &str, others: &[&str]) -> Result<(), Error> {
    // Use DirectoryUrl::LetsEncrypStaging for dev/testing.
    let url = DirectoryUrl::Other(url);

    // Save/load keys and certificates to current dir.
    let persist = FilePersist::new(".");

    // Create a directory entrypoint.
    let dir = Directory::from_url(persist, url)?;

    // Reads the private account key from persistence, or
    // creates a new one before accessing the API to establish
    // that it's there.
    let acc = dir.account("admin@example.com")?;

    // Order a new TLS certificate for a domain.
    let mut ord_new = acc.new_order(name, others)?;

    // If the ownership of the domain(s) have already been
    // authorized in a previous order, you might be able to
    // skip validation. The ACME API provider decides.
    let ord_csr = loop {
        // are we done?
        if let Some(ord_csr) = ord_new.confirm_validations() {
            break ord_csr;
        }

        // Get the possible authorizations (for a single domain
        // this will only be one element).
        let auths = ord_new.authorizations()?;

        // For HTTP, the challenge is a text file that needs to
        // be placed in your web server's root:
        // /var/www/.well-known/acme-challenge/<token>
        let chall = auths[0].http_challenge();

        // The token is the filename.
        let token = chall.http_token();
        let path = format!(".well-known/acme-challenge/{}", token);

        // The proof is the contents of the file
        let proof = chall.http_proof();

        // Here you must do "something" to place the file.
        std::fs::write(format!("{web_root}/{path}"), &proof)?;

        // Then this tells the ACME API to start checking.
        chall.validate(10)?;

        // Update the state against the ACME API.
        ord_new.refresh()?;
    };

    // Ownership is proven. Create a private key for the certificate.
    let pkey_pri = create_p384_key();

    // Submit the CSR.
    let ord_cert = ord_csr.finalize_pkey(pkey_pri, 10)?;

    // Now download the certificate. Also stores the cert in
    // the persistence.
    let cert = ord_cert.download_and_save_cert()?;

    assert!(cert.valid_days_left() > 0);
    assert!(acc.certificate(name)?.is_some());
    Ok(())
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [url, web_root, name, others @ ..] = arguments.as_slice() else {
        return Err("readme DIRECTORY-URL WEB-ROOT NAME...".into());
    };
    request_cert(url, web_root, name, others)
}
