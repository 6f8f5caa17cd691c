//! What a service of the long tail is. Its variables are called as lego calls them, where it knows the
//! service.

use std::time::Duration;

use acme_solver::dns::{CredentialError, Need, Variable};
use dns_update::{DnsUpdater, Error};

/// A service that the library knows.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// The last one is the time to live.
    pub(crate) variables: &'static [Variable],
    /// In seconds, where nothing else is set.
    pub(super) ttl: u32,
    pub(super) make: fn(&Values<'_>) -> Result<DnsUpdater, Error>,
}

impl Provider {
    /// What has to be there and is not.
    pub(crate) fn missing<'a>(&self, value: &dyn Fn(&str) -> Option<&'a str>) -> Option<CredentialError> {
        let is_missing =
            |variable: &&Variable| variable.need == Need::Required && value(variable.name).is_none();
        let variable = self.variables.iter().find(is_missing)?;
        Some(CredentialError::Missing { variable: variable.name, meaning: variable.meaning })
    }
}

/// The values of a provider's variables.
pub(super) struct Values<'a>(pub(super) &'a dyn Fn(&str) -> Option<&'a str>);

impl<'a> Values<'a> {
    /// A value that is known to be there.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.some(name).unwrap_or_default()
    }

    pub(super) fn some(&self, name: &str) -> Option<&'a str> {
        (self.0)(name)
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.some(name).map(str::to_owned)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, Error> {
        let number = self.some(name).map(str::parse).transpose();
        number.map_err(|_| Error::Parse(format!("{name} is not a number")))
    }
}

pub(super) const fn ttl(name: &'static str) -> Variable {
    Variable::optional(name, "seconds that resolvers keep the records")
}

/// How long a request may take.
pub(super) const LIMIT: Option<Duration> = Some(Duration::from_secs(30));
pub(super) const NONE: Option<&str> = None;
