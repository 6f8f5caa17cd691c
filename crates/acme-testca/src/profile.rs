//! Profiles: kinds of certificates that an order can choose from.

use std::time::Duration;

/// A profile that orders can ask for.
///
/// See [draft-ietf-acme-profiles](https://datatracker.ietf.org/doc/draft-ietf-acme-profiles/).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// What the directory says about it.
    pub description: String,
    /// How long its certificates are valid; as [`Config::certificate_lifetime`] says if `None`.
    ///
    /// [`Config::certificate_lifetime`]: crate::Config::certificate_lifetime
    pub certificate_lifetime: Option<Duration>,
    /// How many identifiers its orders can have at most; as many as others if `None`.
    pub max_identifiers: Option<usize>,
    /// Whether its orders can be for IP addresses, if the CA's can.
    pub ip_identifiers: bool,
}

impl Profile {
    /// A profile that differs in nothing but its name.
    pub fn new(description: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            certificate_lifetime: None,
            max_identifiers: None,
            ip_identifiers: true,
        }
    }

    /// Sets how long its certificates are valid.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.certificate_lifetime = Some(lifetime);
        self
    }

    /// Sets how many identifiers its orders can have at most.
    #[must_use]
    pub fn max_identifiers(mut self, most: usize) -> Self {
        self.max_identifiers = Some(most);
        self
    }

    /// Refuses IP addresses.
    #[must_use]
    pub fn without_ip_identifiers(mut self) -> Self {
        self.ip_identifiers = false;
        self
    }
}
