//! The URLs of directories that have names.

/// The directory of a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryUrl<'a> {
    /// Let's Encrypt. Not for tests: its rate limits count.
    LetsEncrypt,
    /// Let's Encrypt's staging environment: for tests, not trusted by anybody.
    LetsEncryptStaging,
    /// Any other CA, by the https URL of its directory.
    Other(&'a str),
}

impl DirectoryUrl<'_> {
    /// The URL itself.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match self {
            Self::LetsEncrypt => LETSENCRYPT,
            Self::LetsEncryptStaging => LETSENCRYPT_STAGING,
            Self::Other(url) => url,
        }
    }
}

const LETSENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETSENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
