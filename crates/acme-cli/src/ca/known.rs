//! The table of CAs that have a name here, and what is known of each.
//!
//! It is what a person would look up: nothing is decided by the words. Each fact has the date of the
//! text that it was taken from, so that old news can be told from new.

use super::{Addresses, Binding, Fact, Kind, KnownCa};
use crate::ledger::{Bucket, Limits};

/// The CA that is asked unless another is named.
pub(crate) const DEFAULT: &str = "letsencrypt";

/// The test CA in this process. Its port changes, so that its directory goes by its name.
pub(crate) const DEV: &str = "dev";

/// The table.
pub(crate) const KNOWN: [KnownCa; 16] = [
    KnownCa {
        staging: Some("letsencrypt-staging"),
        caa: Some("letsencrypt.org"),
        addresses: Addresses::WithProfile("shortlived"),
        limits: Some(LETSENCRYPT_LIMITS),
        facts: LETSENCRYPT,
        ..production(DEFAULT, "Let's Encrypt", "https://acme-v02.api.letsencrypt.org/directory")
    },
    KnownCa {
        caa: Some("letsencrypt.org"),
        addresses: Addresses::WithProfile("shortlived"),
        limits: Some(LETSENCRYPT_STAGING_LIMITS),
        facts: LETSENCRYPT_STAGING,
        ..staging(
            "letsencrypt-staging",
            "Let's Encrypt (staging)",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
        )
    },
    KnownCa {
        staging: Some("google-staging"),
        binding: Binding::Needed(GOOGLE_BINDING),
        caa: Some("pki.goog"),
        addresses: Addresses::Maybe,
        facts: GOOGLE,
        ..production("google", "Google Trust Services", "https://dv.acme-v02.api.pki.goog/directory")
    },
    KnownCa {
        binding: Binding::Needed(GOOGLE_BINDING),
        caa: Some("pki.goog"),
        addresses: Addresses::Maybe,
        facts: GOOGLE,
        ..staging(
            "google-staging",
            "Google Trust Services (staging)",
            "https://dv.acme-v02.test-api.pki.goog/directory",
        )
    },
    KnownCa {
        binding: Binding::ByEmail("https://app.zerossl.com/developer has them"),
        caa: Some("sectigo.com"),
        facts: ZEROSSL,
        ..production(ZEROSSL_NAME, "ZeroSSL", "https://acme.zerossl.com/v2/DV90")
    },
    KnownCa {
        binding: Binding::Needed(DASHBOARD_BINDING),
        caa: Some("ssl.com"),
        facts: SSLCOM,
        ..production("sslcom", "SSL.com", "https://acme.ssl.com/sslcom-dv-ecc")
    },
    KnownCa {
        binding: Binding::Needed(DASHBOARD_BINDING),
        caa: Some("ssl.com"),
        facts: SSLCOM,
        ..production("sslcom-rsa", "SSL.com (RSA)", "https://acme.ssl.com/sslcom-dv-rsa")
    },
    KnownCa {
        binding: Binding::Needed(DASHBOARD_BINDING),
        caa: Some("actalis.it"),
        facts: ACTALIS,
        ..production("actalis", "Actalis", "https://acme-api.actalis.com/acme/directory")
    },
    KnownCa {
        binding: Binding::Needed("CertCentral has them under ACME Directory URLs"),
        caa: Some("digicert.com"),
        facts: DIGICERT,
        ..production("digicert", "DigiCert", "https://one.digicert.com/mpki/api/v1/acme/v2/directory")
    },
    KnownCa {
        binding: Binding::Needed(CONTRACT_BINDING),
        caa: Some("sectigo.com"),
        facts: SECTIGO,
        ..production("sectigo", "Sectigo", "https://acme.sectigo.com/v2/DV")
    },
    KnownCa {
        binding: Binding::Needed(CONTRACT_BINDING),
        caa: Some("sectigo.com"),
        facts: SECTIGO,
        ..production("sectigo-ov", "Sectigo (OV)", "https://acme.sectigo.com/v2/OV")
    },
    KnownCa {
        binding: Binding::Needed(CONTRACT_BINDING),
        caa: Some("globalsign.com"),
        facts: ONLY_LISTED,
        ..production("globalsign", "GlobalSign", "https://emea.acme.atlas.globalsign.com/directory")
    },
    KnownCa {
        binding: Binding::Needed(DASHBOARD_BINDING),
        facts: ONLY_LISTED,
        ..production("litessl", "LiteSSL", "https://acme.litessl.com/acme/v2/directory")
    },
    KnownCa {
        binding: Binding::Needed(DASHBOARD_BINDING),
        facts: ONLY_LISTED,
        ..production("freessl", "FreeSSL", "https://acmepro.freessl.cn/v2/DV")
    },
    KnownCa {
        binding: Binding::Needed(DASHBOARD_BINDING),
        facts: ONLY_LISTED,
        ..production("peeringhub", "PeeringHub", "https://stica.peeringhub.io/acme")
    },
    KnownCa {
        kind: Kind::Dev,
        addresses: Addresses::Any,
        facts: DEV_FACTS,
        ..production(DEV, "the test CA", DEV)
    },
];

/// The CA whose external accounts can be had for an e-mail address.
pub(crate) const ZEROSSL_NAME: &str = "zerossl";

const fn production(name: &'static str, title: &'static str, directory_url: &'static str) -> KnownCa {
    KnownCa {
        name,
        title,
        directory_url,
        kind: Kind::Production,
        staging: None,
        binding: Binding::NotNeeded,
        caa: None,
        addresses: Addresses::No,
        limits: None,
        facts: &[],
    }
}

const fn staging(name: &'static str, title: &'static str, directory_url: &'static str) -> KnownCa {
    KnownCa { kind: Kind::Staging, ..production(name, title, directory_url) }
}

const fn fact(about: &'static str, text: &'static str, as_of: &'static str) -> Fact {
    Fact { about, text, as_of }
}

/// As of 2026-08-05.
const LETSENCRYPT_LIMITS: Limits = Limits {
    domain: Bucket { capacity: 50, window: WEEK },
    same_names: Bucket { capacity: 5, window: WEEK },
    failures: Bucket { capacity: 5, window: HOUR },
};

/// As of 2026-08-05.
const LETSENCRYPT_STAGING_LIMITS: Limits = Limits {
    domain: Bucket { capacity: 30_000, window: WEEK },
    same_names: Bucket { capacity: 30_000, window: WEEK },
    failures: Bucket { capacity: 200, window: HOUR },
};

const HOUR: u32 = 3600;
const WEEK: u32 = 7 * 24 * HOUR;

const GOOGLE_BINDING: &str = "gcloud publicca external-account-keys create prints them";
const CONTRACT_BINDING: &str = "they come with your contract with the CA";
const DASHBOARD_BINDING: &str = "they are in your account on the CA's website";

const LETSENCRYPT: &[Fact] = &[
    fact(
        "validity",
        "90 days with the profile classic (the default), which is 64 days from 2027-02-10 and 45 days from 2028-02-16",
        "2026-08-21",
    ),
    fact(
        "validity",
        "45 days with the profile tlsserver, 160 hours with shortlived; no other end can be asked for",
        "2026-08-21",
    ),
    fact(
        "names",
        "100 in a certificate with classic, 25 with the others; wildcards; IP addresses with shortlived only",
        "2026-08-21",
    ),
    fact(
        "challenges",
        "http-01, dns-01, tls-alpn-01; one that failed can't be tried again, the order is lost",
        "2026-08-21",
    ),
    fact("keys", "RSA 2048, 3072 and 4096, ECDSA P-256 and P-384", "2026-08-21"),
    fact(
        "chains",
        "ECDSA ends in ISRG Root X1 unless ISRG Root X2 or Root YE is preferred, RSA in ISRG Root X1 or Root YR",
        "2026-07-08",
    ),
    fact(
        "renewal",
        "renewal information (ARI); a renewal that names what it replaces is exempt from all limits",
        "2026-08-05",
    ),
    fact(
        "limits",
        "50 certificates a week for a registered domain, 5 for exactly the same names",
        "2026-08-05",
    ),
    fact(
        "limits",
        "300 orders in 3 hours for an account, 5 failed validations an hour for a name and account",
        "2026-08-05",
    ),
    fact("limits", "10 new accounts in 3 hours from an address", "2026-08-05"),
    fact(
        "revocation",
        "for the reasons unspecified, key-compromise, superseded and cessation-of-operation; CRLs, no OCSP",
        "2026-08-21",
    ),
    fact("e-mail", "none is kept, and no expiry mails are sent", "2026-08-21"),
];

const LETSENCRYPT_STAGING: &[Fact] = &[
    fact("trust", "its certificates are trusted by nobody", "2026-08-21"),
    fact("validity", "64 days with the profile classic since 2026-10-14, else as letsencrypt", "2026-08-21"),
    fact(
        "limits",
        "1500 orders and 50 new accounts in 3 hours, 200 failed validations an hour",
        "2026-08-05",
    ),
    fact("challenges", "also dns-persist-01", "2026-04-28"),
    fact("accounts", "its own; those of letsencrypt are unknown here", "2026-08-21"),
];

const GOOGLE: &[Fact] = &[
    fact("binding", "a key can be used once, within 7 days", "2026-04-15"),
    fact("validity", "1 to 90 days as asked for with --not-after; 3 at least are advised", "2026-04-15"),
    fact("names", "wildcards; IP addresses on request", "2026-04-15"),
    fact("profiles", "standard and minimal", "2026-09-28"),
    fact(
        "challenges",
        "a failed one can't be tried again; also dns-account-01 (July 2026) and dns-persist-01 (September 2026)",
        "2026-09-28",
    ),
    fact("renewal", "renewal information (ARI)", "2026-04-15"),
    fact("accounts", "the key can be changed; no list of orders", "2026-04-15"),
];

const ZEROSSL: &[Fact] = &[
    fact(
        "binding",
        "acmectl fetches a key for --email ADDRESS; it can be used again, and few are given out in a day",
        "2026-07-21",
    ),
    fact("validity", "90 days", "2026-04-15"),
    fact("names", "wildcards; no IP addresses by ACME", "2026-04-15"),
    fact("challenges", "a failed one can be tried again", "2026-04-15"),
    fact("renewal", "no renewal information (ARI), no profiles", "2026-04-15"),
    fact("accounts", "the key can't be changed", "2026-04-15"),
];

const SSLCOM: &[Fact] = &[
    fact("names", "one and its www form; no wildcards", "2026-04-15"),
    fact("accounts", "one without --email is refused at the end, with badCSR", "2026-04-15"),
    fact("accounts", "they can't be read or changed: \"Missing Authentication Token\"", "2026-04-15"),
    fact("money", "an account with funds may be charged", "2026-04-15"),
    fact("renewal", "no renewal information (ARI)", "2026-04-15"),
    fact("keys", "sslcom is for ECDSA, sslcom-rsa for RSA", "2026-04-15"),
];

const ACTALIS: &[Fact] = &[
    fact("validity", "90 days", "2026-04-15"),
    fact("names", "one and its www form", "2026-04-15"),
    fact("challenges", "one that failed is \"processing\" for ever", "2026-04-15"),
    fact("renewal", "renewal information (ARI)", "2026-04-15"),
    fact("accounts", "the key can be changed; there is a list of orders", "2026-04-15"),
];

const DIGICERT: &[Fact] = &[
    fact("binding", "it selects the product", "2026-04-15"),
    fact("directory", "regions have others, and the account's has to be given as --ca URL", "2026-04-15"),
    fact("money", "commercial; also OV and EV", "2026-04-15"),
];

const SECTIGO: &[Fact] = &[
    fact("money", "commercial", "2026-04-15"),
    fact("challenges", "names may be validated beforehand, outside ACME", "2026-04-15"),
];

const ONLY_LISTED: &[Fact] = &[fact("directory", "nothing but its URL is known here", "2026-07-21")];

const DEV_FACTS: &[Fact] = &[
    fact("trust", "its certificates are trusted by nobody; its root is DIR/dev-ca/root.pem", "2026-11-24"),
    fact("names", "any name or address, public or not, which it looks for on this machine", "2026-11-24"),
];
